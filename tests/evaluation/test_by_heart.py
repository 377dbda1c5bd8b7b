"""From which epoch on a training learns by heart: curves of real trainings, in thousandths."""

from __future__ import annotations

import pytest
from simulated_cases import SETUP

from fieldguide.evaluation.ailment import OVERFITTING
from fieldguide.evaluation.ailments import ailments
from fieldguide.evaluation.case import Case
from fieldguide.evaluation.signs import Signs
from fieldguide.intervals import difference, wilson
from fieldguide.training.record import Epoch

# Training accuracy, held-out loss, held-out accuracy of each epoch; training and held-out pictures.
CURVES = {
    "leakpart": (
        "485 705 750 820 885 935 945 995 1000 1000 1000 1000 1000 1000 1000",
        "787 681 689 651 631 614 617 640 668 682 689 686 678 679 678",
        "500 567 567 575 583 658 658 642 633 642 633 642 642 633 633",
        200,
        120,
    ),
    "leakmir": (
        "565 700 720 840 860 945 965 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000",
        "710 679 663 654 647 585 577 568 573 601 595 588 579 580 578 573 573 574 574 573",
        "500 575 575 675 667 725 725 733 767 742 742 725 733 733 750 742 750 750 750 750",
        200,
        120,
    ),
    "leak": (
        "625 720 775 855 920 935 980 995 995 995 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000",
        "701 656 631 620 625 607 601 610 590 608 624 622 621 621 628 631 636 636 638 639",
        "568 568 614 614 591 659 682 636 750 705 682 659 659 727 705 727 705 705 705 705",
        200,
        44,
    ),
    "plat": (
        "706 876 948 990 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000 1000",
        "608 746 708 673 727 756 691 713 718 690 683 684 681 673 674 678 680 675 672 671",
        "674 543 652 696 587 652 761 696 609 652 609 609 609 652 652 609 630 652 674 630",
        194,
        46,
    ),
    "over": (
        " ".join(["500 639 727 825 907 938 959 990", *17 * ["1000"]]),
        "794 671 686 700 702 730 738 745 778 769 705 710 675 656 654 650 657 658 658 658 657 660 659 658 659",
        "500 543 565 543 565 587 587 609 565 565 630 587 630 609 630 587 587 609 609 630 630 630 630 609 609",
        194,
        46,
    ),
}


def case_of(name: str) -> Case:
    trained, losses, held, n, val_n = CURVES[name]
    values = zip(trained.split(), losses.split(), held.split(), strict=True)
    epochs = tuple(
        Epoch(
            "scratch", number, 0.7 * 0.8**number, int(own) / 1000, int(loss) / 1000, int(other) / 1000, n=n, val_n=val_n
        )
        for number, (own, loss, other) in enumerate(values, start=1)
    )
    return Case(epochs, (n // 2, n // 2), SETUP)


@pytest.mark.parametrize(("name", "since"), [("leakpart", 4), ("leakmir", 6), ("leak", 3), ("plat", 10), ("over", 13)])
def test_it_is_by_heart_once_the_accuracies_are_apart_and_others_gain_no_more(name: str, since: int) -> None:
    case = case_of(name)
    signs, (found, *_) = Signs(case), ailments(case)
    assert (found.kind, found.since) == (OVERFITTING, since)
    own, other = (wilson(values[since - 1] * n, n) for values, n in _raw(signs))
    assert difference(own, other).low > 0, "in the epoch itself"
    if since < signs.best:
        later = wilson(float(signs.shown("val_accuracy")[since:].max()) * signs.val_n, signs.val_n)
        assert difference(later, other).low <= 0, "what the best epoch has more may be chance"
        lower_by_chance = signs.val_loss.min() < signs.val_loss[signs.best - 1]
        when = f"lowest {'around' if lower_by_chance else 'in'} epoch {signs.best}:"
        assert any(when in line for line in found.evidence)


@pytest.mark.parametrize("name", CURVES)
def test_a_mean_of_epochs_is_not_told_as_a_count(name: str) -> None:
    found = ailments(case_of(name))[0]
    tail = Signs(case_of(name)).tail
    assert tail > 1
    assert f"(on average over the last {tail} epochs 100.0% of its own pictures right" in found.sentence
    assert not any("At the end it" in line for line in found.evidence)


def _raw(signs: Signs) -> tuple[tuple[list[float], int], tuple[list[float], int]]:
    return (signs.accuracy.tolist(), signs.n), (signs.val_accuracy.tolist(), signs.val_n)
