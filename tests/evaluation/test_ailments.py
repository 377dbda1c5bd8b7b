from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_cases import SETUP, answered, level, rising, simulate

from fieldguide.errors import InputError
from fieldguide.evaluation import ailment, collapse
from fieldguide.evaluation.ailment import KINDS, Ailment
from fieldguide.evaluation.ailments import ailments
from fieldguide.evaluation.case import Answers, Case
from fieldguide.evaluation.signs import Signs
from fieldguide.training.record import Epoch

SEEDS = range(5)


def main(case: Case) -> Ailment:
    return ailments(case)[0]


def kinds(case: Case) -> list[str]:
    return [found.kind for found in ailments(case)]


def overfit(seed: int = 0, val_n: int = 400) -> Case:
    return simulate(
        rising(0.6, 1.0, 6),
        rising(0.6, 0.75, 3),
        val_loss=lambda epoch: 0.52 + 0.02 * abs(epoch - 7),
        val_n=val_n,
        seed=seed,
    )


def healthy(seed: int = 0, n: int = 800, val_n: int = 400, **options: object) -> Case:
    return simulate(rising(0.6, 0.985, 3), rising(0.6, 0.975, 3), n=n, val_n=val_n, seed=seed, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_healthy_training_is_called_well(seed: int) -> None:
    found = ailments(healthy(seed))
    assert [one.kind for one in found] == [ailment.GOOD]
    assert not found[0].ill


@pytest.mark.parametrize("seed", SEEDS)
def test_overfitting_is_named_with_its_epoch_gap_and_cost(seed: int) -> None:
    found = main(overfit(seed))
    assert found.kind == ailment.OVERFITTING
    assert found.sure == ailment.SHOWN
    assert found.since is not None and 5 <= found.since <= 11
    gap = found.figures[2]
    assert gap.low is not None and gap.low > 0.15 and gap.high is not None and gap.high < 0.35
    assert any("a gap of" in line and "95% CI" in line for line in found.evidence)
    assert found.remedy is not None
    assert found.remedy.command == (
        "fieldguide train PHOTOS --recipe scratch --net classic --size small --augment medium --epochs 120 "
        "--optimiser adam --rate 0.001 --schedule constant"
    )


def test_what_overfitting_costs_is_told_where_it_costs_anything() -> None:
    falling = simulate(
        rising(0.6, 1.0, 4),
        lambda epoch: 0.85 - 0.006 * max(0, epoch - 8) if epoch > 4 else 0.6 + 0.06 * epoch,
        val_loss=lambda epoch: 0.4 + 0.02 * abs(epoch - 8),
    )
    assert any("of held-out accuracy" in line for line in main(falling).evidence)
    assert not any("of held-out accuracy" in line for line in main(overfit()).evidence)


def test_kept_weights_of_an_earlier_epoch_are_said_to_do_no_harm() -> None:
    assert any("did no harm" in line for line in main(overfit()).evidence)


def test_the_verdict_is_of_the_weights_that_were_kept_and_of_what_came_after_them() -> None:
    """Stopped early: the first of five epochs was kept."""
    values = ((0.563, 0.706, 0.608, 0.674), (0.36, 0.876, 0.746, 0.543), (0.192, 0.948, 0.707, 0.652))
    late = ((0.126, 0.979, 0.648, 0.696), (0.064, 1.0, 0.688, 0.652))
    epochs = tuple(
        Epoch("scratch", number, *one, chosen=number == 1, n=194, val_n=46)
        for number, one in enumerate((*values, *late), 1)
    )
    asked = (("augment", "none"), ("epochs", 20), ("patience", 2))
    found = main(Case(epochs, (97, 97), replace(SETUP, epochs=20, asked=asked)))
    assert found.sentence == (
        "It overfits after epoch 1, whose weights were kept (70.6% of its own pictures right, and 67.4% of 46 held-out "
        "ones): from epoch 4 on it learns its pictures by heart (at the end 100.0% of its own pictures right, and "
        "65.2% of 46 held-out ones)."
    )
    assert not any("It costs" in line for line in found.evidence)
    assert found.evidence[0].startswith("At the end, with weights that were not kept, it recognises 100.0%")
    assert found.evidence[-1] == (
        "The epochs after 1 lost 2.2 points of held-out accuracy (67.4% in it, 65.2% at the end). Its weights were "
        "kept, so that this did no harm."
    )
    assert found.remedy is not None
    assert found.remedy.command.endswith("--augment medium --epochs 200 --patience 40"), "2 would stop it at once"


def test_pictures_that_stand_in_two_classes_make_labels_suspect_beside_what_ails_it() -> None:
    assert kinds(replace(overfit(), twins=30, conflicts=12)) == [ailment.LABELS, ailment.OVERFITTING]
    likely = main(replace(overfit(), twins=30, conflicts=12))
    assert (likely.sure, likely.remedy and likely.remedy.command) == (ailment.LIKELY, "fieldguide check PHOTOS")
    assert "12 of the pictures it learns from stand in more than one class" in likely.sentence
    possible = ailments(replace(overfit(), twins=300, conflicts=12))
    assert [(one.kind, one.sure) for one in possible] == [
        (ailment.OVERFITTING, ailment.SHOWN),
        (ailment.LABELS, ailment.POSSIBLE),
    ]
    assert kinds(replace(overfit(), twins=2, conflicts=2)) == [ailment.OVERFITTING], "a slip or two"
    assert kinds(replace(healthy(), twins=30, conflicts=12)) == [ailment.GOOD], "classes may be about sharpness"


def test_labels_that_are_suspect_already_are_so_by_what_is_known_too() -> None:
    shuffled = simulate(rising(0.5, 1.0, 6), level(0.5))
    (found, *others) = ailments(replace(shuffled, twins=30, conflicts=12))
    assert found.kind == ailment.LABELS and not any(one.kind == ailment.LABELS for one in others)
    assert any("Of 30 training pictures that are there more than once" in line for line in found.evidence)


def test_few_held_out_pictures_do_not_make_labels_suspect_by_their_best_epoch() -> None:
    def spoilt(val_n: int, seed: int = 0) -> Case:
        trained, held = (lambda epoch: min(1.0, 0.66 + 0.014 * epoch)), (lambda epoch: 0.8 - 0.01 * abs(epoch - 8))
        return simulate(trained, held, val_n=val_n, seed=seed)

    assert ailment.LABELS in kinds(spoilt(2000))
    assert not any(ailment.LABELS in kinds(spoilt(46, seed)) for seed in range(20))


def test_of_a_rare_class_that_is_not_known_pictures_are_missing() -> None:
    """Of 91 of paper in 100: no more held-out pictures are right than naming paper each time would be."""
    rare = simulate(rising(0.9, 1.0, 3), level(0.88), n=400, val_n=330)
    rare = replace(rare, counts=(364, 36), class_names=("paper", "trash"))
    rare = replace(rare, held=Answers(((300, 0), (30, 0)), (*9 * (0,), 300), (*9 * (0,), 30)))
    (found,) = (one for one in ailments(rare) if one.kind == ailment.OVERFITTING)
    assert "it is no better than naming 'paper' each time: pictures of 'trash' are what is missing." in found.sentence
    assert "Naming 'paper' each time would be right for 90.9%. Of 'trash' there are 36 training pictures" in str(found)
    assert found.remedy is not None and found.remedy.command == "fieldguide check PHOTOS"
    known = replace(rare, held=Answers(((285, 15), (10, 20)), (*9 * (0,), 305), (*8 * (0,), 25, 0)))
    assert "missing" not in next(one for one in ailments(known) if one.kind == ailment.OVERFITTING).sentence
    equal = replace(rare, counts=(200, 200))
    assert "missing" not in main(equal).sentence
    asked_nothing = next(one for one in ailments(replace(rare, held=None)) if one.kind == ailment.OVERFITTING)
    assert "missing" not in asked_nothing.sentence, "of the classes nothing is known"
    one_class = replace(rare, held=Answers(((330, 0), (0, 0)), (*9 * (0,), 330), 10 * (0,)))
    assert not any("missing" in found.sentence for found in ailments(one_class)), "the rare one was not asked"


def test_labels_are_not_suspected_by_the_answers_on_one_class_alone() -> None:
    uneven = replace(simulate(rising(0.6, 1.0, 6), level(0.8)), counts=(700, 300))
    single = Answers(((400, 100), (0, 0)), (*9 * (0,), 400), (*6 * (0,), 100, 0, 0, 0))
    assert ailment.LABELS not in kinds(replace(uneven, held=single))


def test_a_few_copies_that_went_astray_do_not_lead() -> None:
    overfits = simulate(rising(0.5, 1.0, 6), rising(0.5, 0.75, 4), n=5000)
    few = kinds(replace(overfits, counts=(2500, 2500), twins=3, conflicts=3))
    assert few[0] == ailment.OVERFITTING and few[-1] == ailment.LABELS
    many = kinds(replace(overfits, counts=(2500, 2500), twins=90, conflicts=50))
    assert many[0] == ailment.LABELS


def test_what_was_kept_at_the_end_is_not_told_as_left_behind() -> None:
    case = simulate(rising(0.5, 1.0, 6), rising(0.5, 0.72, 4))
    tail = Signs(case).tail
    assert tail > 1
    for kept, behind in ((len(case.epochs) - 1, False), (len(case.epochs) - tail, True)):
        epochs = tuple(replace(epoch, chosen=epoch.epoch == kept) for epoch in case.epochs)
        found = str(next(one for one in ailments(replace(case, epochs=epochs)) if one.kind == ailment.OVERFITTING))
        assert ("with weights that were not kept" in found) == behind
        assert (f"The weights of epoch {kept} were kept.\n" in found) != behind


def test_a_gap_that_chance_could_make_is_not_called_overfitting() -> None:
    few = simulate(rising(0.6, 0.99, 3), rising(0.6, 0.93, 3), n=100, val_n=60)
    assert ailment.OVERFITTING not in kinds(few)


def test_a_small_gap_is_no_illness_however_surely_it_is_there() -> None:
    many = simulate(rising(0.6, 0.99, 3), rising(0.6, 0.955, 3), n=1000, val_n=20_000)
    assert kinds(many) == [ailment.GOOD]


@pytest.mark.parametrize("seed", SEEDS)
def test_underfitting_is_named(seed: int) -> None:
    low = simulate(rising(0.5, 0.68, 3), rising(0.5, 0.66, 3), seed=seed, setup=replace(SETUP, dropout=0.8))
    assert main(low).kind == ailment.UNDERFITTING
    assert "--dropout 0 --augment none" in str(main(low).remedy)


def test_a_network_that_is_not_held_back_is_to_grow() -> None:
    found = main(simulate(rising(0.5, 0.68, 3), rising(0.5, 0.66, 3)))
    assert found.remedy is not None and " --size medium " in found.remedy.command


def test_few_looks_at_varied_pictures_are_to_become_more() -> None:
    """800 pictures are looked at in 120 epochs, if nothing is asked for; augmentation needs that time."""
    brief = replace(SETUP, augment="crops", epochs=30)
    assert " --epochs 120 " in str(main(simulate(rising(0.5, 0.68, 3), rising(0.5, 0.66, 3), setup=brief)).remedy)
    long = replace(brief, epochs=120)
    assert " --augment light " in str(main(simulate(rising(0.5, 0.68, 3), rising(0.5, 0.66, 3), setup=long)).remedy)


def test_a_loss_that_is_no_number_ends_all_other_talk() -> None:
    case = healthy()
    broken = replace(case.epochs[11], loss=math.nan, val_loss=math.nan)
    found = ailments(replace(case, epochs=(*case.epochs[:11], broken), setup=replace(SETUP, stopped="not finite")))
    assert [one.kind for one in found] == [ailment.RATE_TOO_HIGH]
    assert found[0].since == 12
    assert "in epoch 12 the loss was no longer a number" in found[0].sentence
    assert str(found[0].remedy).count("--rate 0.0001 ") == 1


def test_a_high_rate_that_has_learnt_nothing_is_too_high() -> None:
    stuck = simulate(level(0.5), level(0.5), setup=replace(SETUP, rate=0.05))
    assert main(stuck).kind == ailment.RATE_TOO_HIGH
    usual = simulate(level(0.5), level(0.5))
    assert main(usual).kind == ailment.UNDERFITTING
    assert main(usual).sure == ailment.POSSIBLE


def test_what_had_been_learnt_and_was_lost_again_speaks_for_a_high_rate() -> None:
    lost = simulate(lambda epoch: 0.8 if epoch < 12 else 0.5, lambda epoch: 0.8 if epoch < 12 else 0.5)
    assert main(lost).kind == ailment.RATE_TOO_HIGH
    assert any("lost that again" in line for line in main(lost).evidence)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_low_rate_is_named(seed: int) -> None:
    crawling = simulate(
        lambda epoch: 0.5 + 0.004 * epoch,
        lambda epoch: 0.5 + 0.004 * epoch,
        n=1000,
        seed=seed,
        setup=replace(SETUP, rate=1e-5),
    )
    found = main(crawling)
    assert found.kind == ailment.RATE_TOO_LOW
    assert str(found.remedy).count("--rate 0.001 ") == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_training_that_ended_while_it_learnt_is_named(seed: int) -> None:
    early = simulate(
        lambda epoch: 0.5 + 0.03 * epoch, lambda epoch: 0.5 + 0.03 * epoch, epochs=10, n=1000, val_n=800, seed=seed
    )
    assert main(early).kind == ailment.UNFINISHED
    assert str(main(early).remedy).count("--epochs 20 ") == 1


def test_a_training_that_ended_by_itself_was_not_cut_short() -> None:
    early = simulate(lambda epoch: 0.5 + 0.03 * epoch, lambda epoch: 0.5 + 0.03 * epoch, epochs=10, n=1000)
    patient = replace(early, setup=replace(SETUP, stopped="patience"))
    assert ailment.UNFINISHED not in kinds(patient)


@pytest.mark.parametrize("seed", SEEDS)
def test_jumps_from_epoch_to_epoch_are_named(seed: int) -> None:
    jumps = np.random.default_rng(seed).normal(0, 0.08, 31)

    def restless(epoch: int) -> float:
        return min(0.99, 0.85 + jumps[epoch])

    case = simulate(restless, restless, seed=seed, setup=replace(SETUP, rate=0.01))
    found = main(case)
    assert found.kind == ailment.UNSTABLE
    assert str(found.remedy).endswith("--rate 0.001 --schedule cosine`")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("val_n", [12, 25])
def test_few_held_out_pictures_come_before_what_they_seem_to_show(val_n: int, seed: int) -> None:
    found = main(overfit(seed, val_n=val_n))
    assert found.kind == ailment.FEW_HELD
    assert f"{val_n} pictures" in found.sentence
    assert str(found.remedy).endswith("--validation 0.3`")


def test_how_many_held_out_pictures_are_enough_depends_on_how_many_are_right() -> None:
    assert ailment.FEW_HELD in kinds(simulate(rising(0.6, 0.99, 3), level(0.7), val_n=60))
    assert ailment.FEW_HELD not in kinds(healthy(val_n=60))
    assert ailment.FEW_HELD not in kinds(simulate(rising(0.6, 0.99, 3), level(0.7), val_n=120))


def test_known_leaks_are_told_first() -> None:
    assert kinds(replace(healthy(), leaks=100))[0] == ailment.LEAK
    assert ailment.LEAK not in kinds(replace(healthy(), leaks=2))
    assert ailment.LEAK not in kinds(replace(healthy(), leaks=0))


@pytest.mark.parametrize("seed", SEEDS)
def test_held_out_pictures_that_fare_better_are_a_leak(seed: int) -> None:
    found = main(simulate(rising(0.5, 0.9, 8), rising(0.6, 0.99, 5), seed=seed))
    assert found.kind == ailment.LEAK
    assert "fare better than training ones" in found.sentence


def test_held_out_pictures_learnt_by_heart_with_the_others_are_a_leak() -> None:
    def both(epoch: int) -> float:
        return min(1.0, 0.55 + 0.02 * epoch)

    found = main(simulate(both, both, epochs=30))
    assert found.kind == ailment.LEAK
    assert found.sure == ailment.POSSIBLE
    quickly = simulate(rising(0.6, 1.0, 1.5), rising(0.6, 1.0, 1.5))  # easy pictures: learnt within a few epochs
    assert main(quickly).kind == ailment.GOOD


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_that_have_nothing_to_do_with_the_pictures_are_suspect(seed: int) -> None:
    found = main(simulate(rising(0.5, 1.0, 8), level(0.5), val_loss=lambda epoch: 0.7 + 0.05 * epoch, seed=seed))
    assert found.kind == ailment.LABELS
    assert "not shown to help with unseen pictures" in found.sentence
    assert str(found.remedy).endswith("`fieldguide check PHOTOS`")


@pytest.mark.parametrize("seed", SEEDS)
def test_wrong_answers_as_sure_as_right_ones_make_labels_suspect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = overfit(seed)
    assert main(replace(case, held=answered(0.75, 1200, 2, rng, telling=0.1))).kind == ailment.LABELS
    assert main(replace(case, held=answered(0.75, 1200, 2, rng, telling=0.5))).kind == ailment.OVERFITTING
    assert main(replace(case, held=None)).kind == ailment.OVERFITTING


def test_a_class_that_is_never_named_has_collapsed() -> None:
    case = replace(healthy(), counts=(760, 40), class_names=("cats", "dogs"))
    case = replace(case, epochs=tuple(replace(epoch, val_loss=1.5 * epoch.loss) for epoch in case.epochs))
    held = Answers(((380, 0), (19, 1)), (0,) * 5 + (381, 0, 0, 0, 0), (0,) * 5 + (19, 0, 0, 0, 0))
    found = main(replace(case, held=held))
    assert found.kind == ailment.COLLAPSED
    assert found.sentence == "One class has collapsed: 'dogs' is hardly ever recognised."
    assert any("It has 40 training pictures, the largest class 760." in line for line in found.evidence)
    three = Answers(((380, 0), (3, 0)), held.right, held.wrong)
    assert ailment.COLLAPSED not in kinds(replace(case, held=three))  # three pictures say nothing of a class


@pytest.mark.parametrize("seed", SEEDS)
def test_augmentation_that_hides_the_pictures_is_too_strong(seed: int) -> None:
    setup = replace(SETUP, augment="custom", augmentation="rotation_range=180, erasing=1")
    case = simulate(rising(0.5, 0.62, 5), rising(0.5, 0.6, 5), fitted=level(0.52), seed=seed, setup=setup)
    found = main(case)
    assert found.kind == ailment.AUGMENTATION
    assert any("rotation_range=180" in line for line in found.evidence)
    assert str(found.remedy).count("--augment light ") == 1
    strong = replace(case, setup=replace(SETUP, augment="strong"))
    assert str(main(strong).remedy).count("--augment medium ") == 1


def test_an_augmentation_that_hinders_nothing_is_left_alone() -> None:
    setup = replace(SETUP, augment="strong")
    assert kinds(healthy(fitted=rising(0.5, 0.8, 5), setup=setup)) == [ailment.GOOD]


def test_where_nothing_can_be_told_it_says_so() -> None:
    found = ailments(simulate(rising(0.6, 0.98, 3), rising(0.6, 0.9, 3), n=80, val_n=50, seed=5))
    assert [one.kind for one in found] == [ailment.UNCLEAR]
    assert "cannot be told" in found[0].sentence


def test_of_one_epoch_nobody_can_tell_what_it_would_learn() -> None:
    found = main(simulate(level(0.6), level(0.6), epochs=1))
    assert found.kind == ailment.UNFINISHED
    assert found.remedy is not None and "--epochs 16" in found.remedy.command
    assert main(simulate(level(0.97), level(0.97), epochs=1)).kind == ailment.GOOD  # unless it has learnt them already


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(1, 500),
    st.integers(1, 500),
    st.integers(2, 6),
    st.integers(0, 9),
)
def test_whatever_comes_something_is_said(
    epochs: int, trained: float, held: float, n: int, val_n: int, classes: int, seed: int
) -> None:
    """Never an error, never an unknown kind, the main one first, and all of it ready for JSON."""
    case = simulate(
        rising(0.1, trained, 5),
        rising(0.1, held, 5),
        n=n * classes,
        val_n=val_n,
        classes=classes,
        epochs=epochs,
        seed=seed,
    )
    found = ailments(case)
    assert found
    moved = (ailment.OVERFITTING, ailment.FEW_HELD)  # by a wide gap, and by what few pictures tell after all
    few = next((at for at, one in enumerate(found) if one.kind == ailment.FEW_HELD), 0)
    for part in (found[:few], found[few:]):  # what is only possible comes after their being few, whatever it is
        places = [KINDS.index(one.kind) for one in part if one.kind not in moved]
        assert places == sorted(places)
    assert all(one.ill for one in found) or len(found) == 1
    assert all(one.sentence.endswith(".") and one.evidence for one in found)
    assert json.loads(json.dumps([one.to_dict() for one in found], allow_nan=False))


def test_healthy_trainings_are_called_ill_no_more_often_than_one_in_twenty() -> None:
    """Figures of few pictures are chance in part: now and then a healthy training looks ill, and may be called so."""
    rng = np.random.default_rng(0)
    ill = 0
    for seed in range(300):
        share, gap = rng.uniform(0.955, 0.995), rng.uniform(0.0, 0.02)
        held = rising(0.6, share - gap, 3)
        ill += main(simulate(rising(0.6, share, 3), held, val_n=int(rng.integers(200, 1000)), seed=seed)).ill
    assert ill <= 15


def test_an_ailment_prints_with_its_evidence_and_the_next_command() -> None:
    text = str(main(overfit()))
    assert text.startswith("It overfits after epoch 7, whose weights were kept (86.9% of its own pictures right, and ")
    assert ": from epoch 8 on it learns its pictures by heart (" in text
    assert "\n  - On average over the last 5 epochs, with weights that were not kept, it recognises" in text
    assert text.splitlines()[-1].startswith("  Next: ")


def test_where_it_was_not_written_down_how_many_were_measured_nothing_is_claimed() -> None:
    case = overfit()
    found = ailments(replace(case, epochs=tuple(replace(epoch, n=0, val_n=0) for epoch in case.epochs)))
    assert [one.kind for one in found] == [ailment.UNCLEAR]
    assert "was not written down" in found[0].evidence[0]


def test_a_case_without_epochs_is_refused() -> None:
    with pytest.raises(InputError, match="a case without epochs came; expected at least one"):
        ailments(replace(overfit(), epochs=()))


def test_a_training_that_has_just_begun_is_not_said_to_be_varied_too_much() -> None:
    """Early on every fit recognises fewer of the augmented pictures than of the same as they are."""
    setup = replace(SETUP, augment="strong", epochs=48)
    case = simulate(rising(0.5, 0.75, 12), rising(0.5, 0.72, 12), fitted=rising(0.5, 0.6, 12), epochs=10, setup=setup)
    assert ailment.AUGMENTATION not in kinds(case)
    settled = simulate(rising(0.5, 0.66, 4), rising(0.5, 0.63, 4), fitted=level(0.55), epochs=40, setup=setup)
    assert main(settled).kind == ailment.AUGMENTATION


@pytest.mark.parametrize("other", [{"augment": "crops"}, {"mixing": "mix_up"}, {"dropout": 0.6}])
def test_what_mixing_and_dropout_hide_is_not_laid_to_augmentation(other: dict[str, Any]) -> None:
    setup = replace(SETUP, augment="strong")
    case = simulate(rising(0.5, 0.66, 4), rising(0.5, 0.63, 4), fitted=level(0.55), epochs=40, setup=setup)
    assert main(case).kind == ailment.AUGMENTATION
    assert main(replace(case, setup=replace(setup, **other))).kind != ailment.AUGMENTATION


def test_smoothed_labels_bring_the_losses_together_without_a_leak() -> None:
    """Of smoothed labels no loss falls to nothing, on whatever pictures."""
    case = simulate(rising(0.5, 0.998, 8), rising(0.5, 0.99, 8), epochs=50)
    epochs = tuple(
        replace(epoch, loss=max(0.055, epoch.loss), val_loss=max(0.063, epoch.loss * 1.1)) for epoch in case.epochs
    )
    leaking = replace(case, epochs=epochs)
    assert main(leaking).kind == ailment.LEAK
    smoothed = replace(leaking, setup=replace(SETUP, label_smoothing=0.1))
    assert kinds(smoothed) == [ailment.GOOD]


def test_a_training_loss_of_nothing_at_all_is_judged() -> None:
    case = overfit()
    epochs = tuple(replace(epoch, loss=0.0) if epoch.epoch > 3 else epoch for epoch in case.epochs)
    assert main(replace(case, epochs=epochs)).kind == ailment.OVERFITTING


def test_of_many_classes_one_fares_badly_by_chance() -> None:
    """Fifty classes with six held-out pictures each, all of them with a true recall of 0.6."""
    rng = np.random.default_rng(0)
    named = 0
    for _ in range(100):
        hits = rng.binomial(6, 0.6, 50)
        confusion = np.diag(hits) + np.roll(np.diag(6 - hits), 1, axis=1)
        held = Answers(tuple(map(tuple, confusion.tolist())), (int(hits.sum()),), (int(300 - hits.sum()),))
        named += collapse.collapsed(Signs(replace(healthy(), counts=(30,) * 50, held=held))) is not None
    assert named <= 5


def test_a_little_skill_with_unseen_pictures_speaks_for_the_labels() -> None:
    learnt = rising(0.5, 1.0, 4)
    chance = main(simulate(learnt, level(0.5), val_n=400))
    assert chance.kind == ailment.LABELS
    assert "is not shown to help with unseen pictures" in chance.sentence
    few = simulate(learnt, level(0.5), val_n=100)
    few = replace(few, epochs=tuple(replace(epoch, val_accuracy=0.58) for epoch in few.epochs))
    assert main(few).kind == ailment.OVERFITTING  # it may be two thirds
    unequal = Answers(((290, 10), (60, 40)), (0,) * 5 + (330, 0, 0, 0, 0), (0,) * 4 + (70, 0, 0, 0, 0, 0))
    case = replace(simulate(learnt, level(0.75), val_n=400), counts=(600, 200), held=unequal)
    assert main(case).kind != ailment.LABELS  # 82% and 40% of the two are more than a blind guess
