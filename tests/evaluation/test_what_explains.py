"""Which of several findings is told first, and what tells one cause from another that leaves like curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_cases import SETUP, level, rising, simulate

from fieldguide.evaluation import ailment
from fieldguide.evaluation.ailment import Ailment
from fieldguide.evaluation.ailments import ailments
from fieldguide.evaluation.case import Answers, Case, Setup
from fieldguide.evaluation.signs import Signs
from fieldguide.training.optimiser import USUAL_RATES

SEEDS = range(5)


def kinds(case: Case) -> list[str]:
    return [found.kind for found in ailments(case)]


def restless(seed: int, middle: float) -> Case:
    jumps = np.random.default_rng(seed).normal(0, 0.1, 31)
    return simulate(lambda epoch: middle + jumps[epoch], lambda epoch: middle + jumps[epoch], seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_jumps_at_a_rate_far_above_the_usual_are_laid_to_the_rate(seed: int) -> None:
    case = replace(restless(seed, 0.7), setup=replace(SETUP, rate=0.05))
    found = ailments(case)
    assert found[0].kind == ailment.RATE_TOO_HIGH
    assert "jumps about" in found[0].sentence
    assert str(found[0].remedy).count("--rate 0.001 ") == 1
    assert ailment.UNSTABLE not in kinds(case)  # it is the same thing
    assert kinds(replace(case, setup=SETUP))[0] == ailment.UNSTABLE


def spoilt(first: float, last: float, seed: int = 0) -> Case:
    """Both accuracies rise together to three quarters; then training pictures are learnt by heart."""

    def trained(epoch: int) -> float:
        return 0.5 + 0.25 * min(1.0, epoch / 10) + 0.25 * max(0.0, (epoch - 10) / 20)

    def held(epoch: int) -> float:
        return 0.5 + (first - 0.5) * min(1.0, epoch / 10) - (first - last) * max(0.0, (epoch - 10) / 20)

    return simulate(trained, held, val_loss=lambda epoch: 0.55 + 0.02 * abs(epoch - 10), n=1000, val_n=600, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_learnt_last_to_the_harm_of_unseen_pictures_makes_labels_suspect(seed: int) -> None:
    found = ailments(spoilt(0.75, 0.66, seed))
    assert found[0].kind == ailment.LABELS
    assert found[0].sure == ailment.POSSIBLE
    assert found[0].since is not None and 9 <= found[0].since <= 16
    assert ailment.OVERFITTING in [one.kind for one in found]


def test_learning_by_heart_alone_is_no_sign_of_wrong_labels() -> None:
    assert kinds(spoilt(0.75, 0.745)) == [ailment.OVERFITTING]  # unseen pictures do not suffer
    assert kinds(spoilt(0.62, 0.58)) == [ailment.OVERFITTING]  # the two were apart from the beginning


def test_a_rare_class_is_told_before_the_overfitting_that_does_not_explain_it() -> None:
    wide = simulate(rising(0.6, 1.0, 4), level(0.8), val_loss=lambda epoch: 0.5 + 0.02 * epoch, val_n=210)
    held = Answers(((84, 16, 0), (18, 84, 0), (5, 3, 0)), (0,) * 8 + (168, 0), (0,) * 5 + (42, 0, 0, 0, 0))
    rare = replace(wide, counts=(390, 390, 20), held=held)
    assert kinds(rare)[:2] == [ailment.COLLAPSED, ailment.OVERFITTING]
    fairly_rare = replace(wide, counts=(350, 350, 100), held=held)
    assert kinds(fairly_rare)[:2] == [ailment.OVERFITTING, ailment.COLLAPSED]


def test_the_rarest_class_need_not_stand_out_among_many() -> None:
    """Nobody has to search for it: its recall is one test, not one of six."""
    case = simulate(rising(0.3, 0.7, 5), level(0.6), val_n=306)
    confusion = np.full((6, 6), 5)
    np.fill_diagonal(confusion, 35)
    confusion[5] = (2, 2, 1, 0, 0, 0)
    right = int(np.trace(confusion))
    held = Answers(tuple(map(tuple, confusion.tolist())), (right,), (int(confusion.sum()) - right,))
    assert ailment.COLLAPSED in kinds(replace(case, counts=(150, 150, 150, 150, 150, 10), held=held))
    assert ailment.COLLAPSED not in kinds(replace(case, counts=(150, 150, 150, 150, 150, 60), held=held))
    # Of two that are very rare, the other one is the rarest: this one had to be searched for.
    assert ailment.COLLAPSED not in kinds(replace(case, counts=(150, 150, 150, 150, 5, 10), held=held))


def test_what_is_much_held_back_underfits_where_the_sample_alone_leaves_it_open() -> None:
    case = simulate(level(0.88), level(0.83), n=300, val_n=300)
    case = replace(case, epochs=tuple(replace(epoch, accuracy=0.88) for epoch in case.epochs))
    assert ailment.UNDERFITTING not in kinds(case)
    assert ailment.UNDERFITTING not in kinds(replace(case, setup=replace(SETUP, l2=0.02)))
    assert ailment.UNDERFITTING in kinds(replace(case, setup=replace(SETUP, l2=0.021)))
    assert ailment.UNDERFITTING not in kinds(replace(case, setup=replace(SETUP, dropout=0.7)))
    assert ailment.UNDERFITTING in kinds(replace(case, setup=replace(SETUP, dropout=0.71)))
    held_back = replace(case, setup=replace(SETUP, l2=0.05))
    found = ailments(held_back)
    assert found[0].kind == ailment.UNDERFITTING
    assert found[0].sure == ailment.LIKELY
    assert "--l2 0 " in str(found[0].remedy)


def test_a_training_that_broke_down_now_and_then_has_not_learnt_its_pictures_one_by_one() -> None:
    """A leak shows in a loss that falls slowly from the start, not in one that falls at once and jumps up again."""
    case = simulate(rising(0.6, 1.0, 1.5), rising(0.6, 1.0, 1.5), epochs=30)
    jumpy = tuple(
        replace(one, loss=0.3, accuracy=0.93, val_loss=0.3, val_accuracy=0.93) if one.epoch in range(3, 26, 3) else one
        for one in case.epochs
    )
    assert ailment.LEAK not in kinds(replace(case, epochs=jumpy))


def test_an_easy_training_with_smoothed_labels_is_no_leak() -> None:
    """The least loss that smoothed labels allow lies near a fifth of a blind guess's where classes are unequal."""
    case = simulate(rising(0.85, 0.998, 2), rising(0.85, 0.996, 2), epochs=30)
    epochs = tuple(
        replace(one, loss=0.0655 + 0.1 / one.epoch**2, val_loss=0.067 + 0.1 / one.epoch**2, val_accuracy=one.accuracy)
        for one in case.epochs
    )
    smoothed = replace(case, epochs=epochs, counts=(720, 80), setup=replace(SETUP, label_smoothing=0.1))
    assert ailment.LEAK not in kinds(smoothed)


def test_a_few_epochs_that_only_made_it_worse_are_not_to_become_more() -> None:
    overfit = simulate(rising(0.6, 0.86, 2), level(0.57), val_loss=lambda epoch: 0.7 + 0.1 * epoch, epochs=6)
    assert kinds(overfit)[0] != ailment.UNFINISHED
    rising_loss = simulate(lambda epoch: 0.86 - 0.04 * epoch, lambda epoch: 0.84 - 0.04 * epoch, epochs=5)
    assert ailment.UNFINISHED not in kinds(rising_loss)


def test_spikes_of_the_loss_do_not_hide_that_it_jumps_about() -> None:
    case = restless(0, 0.75)
    spiky = replace(case, epochs=tuple(replace(one, loss=2.5 if one.epoch % 2 else 0.3) for one in case.epochs))
    assert kinds(replace(spiky, setup=SETUP))[0] == ailment.UNSTABLE
    assert kinds(replace(spiky, setup=replace(SETUP, rate=0.05)))[0] == ailment.RATE_TOO_HIGH


def test_labels_come_before_a_rate_that_is_only_somewhat_low() -> None:
    case = simulate(
        lambda epoch: 0.5 + 0.008 * epoch,
        level(0.5),
        val_loss=lambda epoch: 0.7,
        n=1000,
        setup=replace(SETUP, rate=5e-4),
    )
    assert kinds(case)[0] == ailment.LABELS
    assert ailment.RATE_TOO_LOW not in kinds(case)


def test_jitter_of_the_held_out_accuracy_is_no_harm_done() -> None:
    falling = spoilt(0.75, 0.68)
    assert kinds(falling)[0] == ailment.LABELS
    restive = tuple(
        replace(one, val_accuracy=one.val_accuracy + (0.05 if one.epoch % 2 else -0.05)) for one in falling.epochs
    )
    assert ailment.LABELS not in kinds(replace(falling, epochs=restive))


def test_breakdowns_larger_than_the_gap_come_before_it() -> None:
    case = simulate(rising(0.6, 0.995, 3), rising(0.6, 0.9, 3), val_loss=lambda epoch: 0.3 + 0.01 * epoch, val_n=600)
    broken = tuple(
        replace(one, accuracy=0.55, val_accuracy=0.53) if one.epoch in (18, 21, 24) else one for one in case.epochs
    )
    assert kinds(replace(case, epochs=broken))[:2] == [ailment.UNSTABLE, ailment.OVERFITTING]


def test_a_rare_class_elsewhere_does_not_change_what_explains_another() -> None:
    wide = simulate(rising(0.6, 1.0, 4), level(0.75), val_loss=lambda epoch: 0.5 + 0.02 * epoch, val_n=320)
    confusion = ((96, 4, 0, 0), (90, 6, 4, 0), (4, 0, 96, 0), (0, 0, 2, 18))
    held = Answers(confusion, (0,) * 8 + (216, 0), (0,) * 5 + (104, 0, 0, 0, 0))
    for rarest in (300, 20):
        case = replace(wide, counts=(300, 300, 300, rarest), held=held)
        assert kinds(case)[:2] == [ailment.OVERFITTING, ailment.COLLAPSED], rarest


def test_weighted_classes_that_are_each_recognised_have_been_learnt() -> None:
    case = simulate(level(0.865), level(0.863), val_n=300)
    epochs = tuple(replace(one, loss=0.33, val_loss=0.34, chosen=one is case.epochs[-1]) for one in case.epochs)
    held = Answers(((235, 35), (6, 24)), (0,) * 8 + (259, 0), (0,) * 5 + (41, 0, 0, 0, 0))
    found = ailments(replace(case, epochs=epochs, counts=(900, 100), held=held))
    assert not any("next to nothing" in line for one in found for line in one.evidence)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gap_that_few_held_out_pictures_show_is_told_before_their_being_few(seed: int) -> None:
    case = simulate(rising(0.6, 1.0, 4), rising(0.55, 0.76, 4), val_n=46, seed=seed)
    assert kinds(case)[:2] == [ailment.OVERFITTING, ailment.FEW_HELD]
    fewer = simulate(rising(0.6, 1.0, 4), rising(0.55, 0.76, 4), val_n=24, seed=seed)
    assert kinds(fewer)[0] == ailment.FEW_HELD  # of so few nothing is believed


def test_a_rate_is_judged_without_held_out_pictures() -> None:
    slow = simulate(rising(0.5, 0.55, 30), rising(0.5, 0.55, 30), val_n=12, setup=replace(SETUP, rate=1e-6))
    assert kinds(slow)[:2] == [ailment.RATE_TOO_LOW, ailment.FEW_HELD]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_training_that_has_hardly_begun_is_told_so_before_its_few_held_out_pictures(epochs: int) -> None:
    setup = replace(SETUP, augment="crops", augmentation="crops")
    case = simulate(level(0.5), level(0.5), val_loss=level(0.7), n=98, val_n=22, epochs=epochs, setup=setup)
    assert kinds(case)[:2] == [ailment.UNFINISHED, ailment.FEW_HELD]
    found = ailments(case)[0]
    assert found.evidence[0].startswith(
        f"Its 98 pictures were looked at {98 * epochs} times in all; 19,600 times, in 200"
    )
    assert found.remedy is not None and "--epochs 200" in found.remedy.command


def test_few_epochs_do_not_explain_what_is_held_back_or_grows_worse() -> None:
    def few(setup: Setup) -> Case:
        return simulate(level(0.5), level(0.5), val_loss=level(0.7), n=98, val_n=100, epochs=7, setup=setup)

    held = few(replace(SETUP, augment="crops", dropout=0.9))
    assert kinds(held)[0] == ailment.UNDERFITTING
    remedy = ailments(held)[0].remedy
    assert remedy is not None and "--dropout 0 " in f"{remedy.command} "
    case = few(replace(SETUP, augment="crops"))
    assert kinds(case)[0] == ailment.UNFINISHED
    worse = tuple(replace(one, loss=1.3 + 0.6 * place) for place, one in enumerate(case.epochs))
    assert ailment.UNFINISHED not in kinds(replace(case, epochs=worse))


def test_unvaried_pictures_that_are_learnt_say_nothing_before_few_held_out_ones() -> None:
    case = simulate(rising(0.55, 0.85, 3), rising(0.55, 0.8, 3), n=98, val_n=5, epochs=5)
    found = kinds(case)
    assert found[0] == ailment.FEW_HELD and ailment.UNFINISHED in found


@pytest.mark.parametrize("share", [0.9, 0.95, 0.99])
def test_a_network_that_names_the_commonest_class_alone_is_never_called_well(share: float) -> None:
    """Whatever the accuracy is: it is what that class is of all pictures."""
    blind = -share * np.log(share) - (1 - share) * np.log(1 - share)
    common, rare = round(1000 * share), round(1000 * (1 - share))
    flat = simulate(level(share), level(share), val_loss=level(blind), n=1000, val_n=500)
    epochs = tuple(replace(one, loss=blind, accuracy=share, val_accuracy=share) for one in flat.epochs)
    found = ailments(replace(flat, epochs=epochs, counts=(common, rare)))
    assert [one.kind for one in found] == [ailment.UNDERFITTING]
    assert found[0].sentence == "It underfits: it does no better than naming the commonest class each time."
    assert found[0].sure == ailment.POSSIBLE


def test_what_was_lost_again_at_the_usual_rate_is_laid_to_the_rate_as_a_possibility() -> None:
    def broken(epoch: int) -> float:
        return 0.9 if epoch < 20 else 0.5

    found = ailments(simulate(broken, broken))[0]
    assert (found.kind, found.sure) == (ailment.RATE_TOO_HIGH, ailment.POSSIBLE)
    higher = ailments(simulate(broken, broken, setup=replace(SETUP, rate=2e-3)))[0]
    assert (higher.kind, higher.sure) == (ailment.RATE_TOO_HIGH, ailment.LIKELY)


def test_what_three_epochs_did_is_said_as_it_was() -> None:
    case = simulate(rising(0.5, 0.55, 9), rising(0.5, 0.55, 9), epochs=3, setup=replace(SETUP, rate=1e-6))
    losses = (0.693, 0.671, 0.682)  # their medians would be the same in every epoch
    epochs = tuple(replace(epoch, loss=loss) for epoch, loss in zip(case.epochs, losses, strict=True))
    found = ailments(replace(case, epochs=epochs))[0]
    assert found.kind == ailment.RATE_TOO_LOW
    assert found.evidence[0].startswith("The loss on training pictures fell in 1 of 2 epochs, from 0.693 to 0.682;")


def test_few_looks_at_varied_pictures_are_no_sign_of_too_much_variation() -> None:
    """They are learnt from, and have hardly been: that says nothing of the augmentation."""
    setup = replace(SETUP, augment="strong", epochs=10, schedule="cosine")
    brief = simulate(
        rising(0.5, 0.74, 6), rising(0.5, 0.72, 6), fitted=rising(0.5, 0.66, 6), n=400, epochs=10, setup=setup
    )
    brief = replace(brief, counts=(70, 70), epochs=tuple(replace(one, fitted_loss=0.65) for one in brief.epochs))
    assert ailment.AUGMENTATION not in kinds(brief)
    found = next(one for one in ailments(brief) if one.kind == ailment.UNFINISHED)
    assert "140 pictures were looked at 1,400 times in all; 28,000 times, in 200 epochs, are usual" in " ".join(
        found.evidence
    )
    flat = simulate(level(0.72), level(0.7), fitted=level(0.64), n=800, epochs=10, setup=setup)
    flat = replace(flat, epochs=tuple(replace(one, fitted_loss=0.65) for one in flat.epochs))
    assert ailment.AUGMENTATION in kinds(replace(flat, counts=(7000, 7000)))  # looked at often enough
    assert ailment.AUGMENTATION not in kinds(replace(flat, counts=(70, 70)))


def test_a_rate_far_too_high_is_not_laid_to_augmentation() -> None:
    setup = replace(SETUP, augment="strong", rate=0.03)
    case = simulate(level(0.54), level(0.54), fitted=level(0.54), n=130, val_n=100, setup=setup)
    case = replace(case, epochs=tuple(replace(one, loss=0.6, fitted_loss=0.68) for one in case.epochs))
    found = ailments(case)
    assert found[0].kind == ailment.RATE_TOO_HIGH
    assert found[0].remedy is not None and "--rate 0.001" in found[0].remedy.command
    assert ailment.AUGMENTATION not in [one.kind for one in found]


def test_what_never_rose_above_a_blind_guess_was_not_spoilt_by_wrong_labels() -> None:
    def held(epoch: int) -> float:
        return 0.52 if epoch < 5 else 0.45

    case = simulate(rising(0.5, 0.8, 12), held, val_n=400)
    assert ailment.LABELS not in [one.kind for one in ailments(case) if one.sentence.startswith("Part of")]


def test_what_the_fit_itself_has_learnt_is_not_laid_to_the_rate() -> None:
    """Without the dropout that the fit sees, its norms may be so far off that all it learnt is lost."""

    def broken(epoch: int) -> float:
        return 0.9 if epoch < 20 else 0.5

    case = simulate(broken, broken, fitted=level(0.8), setup=replace(SETUP, block_dropout=0.6))
    assert kinds(case)[0] == ailment.UNDERFITTING
    assert kinds(simulate(broken, broken, fitted=broken))[0] == ailment.RATE_TOO_HIGH


def test_labels_are_suspect_before_all_of_them_are_learnt() -> None:
    case = simulate(rising(0.5, 0.69, 15), level(0.5), val_loss=level(0.75))
    assert kinds(case)[0] == ailment.LABELS


def unequal(case: Case, share: float) -> Case:
    """The same with one class that is this share of all pictures, and losses as they are beside its blind guess."""
    n = sum(case.counts)
    common = round(share * n)
    blind = -share * np.log(share) - (1 - share) * np.log(1 - share)

    def loss(accuracy: float) -> float:
        return float(blind * (0.005 + 0.995 * min(1.0, (1 - accuracy) / (1 - share))))

    epochs = tuple(replace(one, loss=loss(one.accuracy), val_loss=loss(one.val_accuracy)) for one in case.epochs)
    return replace(case, epochs=epochs, counts=(common, n - common), held=None)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("times", [5, 20])
@pytest.mark.parametrize("share", [0.85, 0.92, 0.97])
def test_a_well_learnt_training_of_unequal_classes_is_not_laid_to_its_rate(share: float, times: int, seed: int) -> None:
    """However common one class is: what lies above naming it is a share of what is left, not a number of points."""
    setup = replace(SETUP, rate=times * 1e-3)
    learnt = 0.94 if share == 0.85 else 0.998
    case = simulate(rising(share, learnt, 3), rising(share, learnt - 0.01, 3), n=600, val_n=400, seed=seed, setup=setup)
    found = kinds(unequal(case, share))
    assert ailment.RATE_TOO_HIGH not in found
    assert ailment.UNDERFITTING not in found


@pytest.mark.parametrize("share", [0.5, 0.85, 0.92, 0.97])
def test_a_high_rate_that_has_learnt_nothing_is_too_high_however_common_a_class_is(share: float) -> None:
    case = simulate(level(share), level(share), setup=replace(SETUP, rate=0.02))
    blind = -share * np.log(share) - (1 - share) * np.log(1 - share)
    epochs = tuple(replace(one, loss=blind, val_loss=blind, accuracy=share) for one in case.epochs)
    stuck = replace(case, epochs=epochs, counts=(round(800 * share), 800 - round(800 * share)), held=None)
    assert kinds(stuck)[0] == ailment.RATE_TOO_HIGH


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd", "rmsprop"])
def test_ten_times_the_usual_rate_is_not_blamed_and_more_is(optimiser: str) -> None:
    """A search proposes up to eight times as much, and ten times as much is what some networks learn best with."""
    usual = USUAL_RATES[optimiser]
    for times, blamed in ((5, False), (8, False), (10, False), (20, True)):
        setup = replace(SETUP, optimiser=optimiser, rate=times * usual)
        found = ailments(simulate(level(0.5), level(0.5), setup=setup))[0]
        assert found.kind == (ailment.RATE_TOO_HIGH if blamed else ailment.UNDERFITTING), times
        assert blamed or found.sure == ailment.POSSIBLE


def test_labels_of_unequal_classes_can_be_suspect() -> None:
    case = simulate(rising(0.92, 1.0, 8), level(0.91), val_loss=lambda epoch: 0.3 + 0.03 * epoch, n=1000, val_n=1000)
    assert kinds(unequal(case, 0.92))[0] == ailment.LABELS


def test_hardly_more_than_the_commonest_class_is_not_a_good_fit() -> None:
    """Nor slow steps that end there enough epochs: nine in ten are right from the beginning."""
    case = unequal(simulate(level(0.925), level(0.92), val_n=600), 0.92)
    blind = -0.92 * np.log(0.92) - 0.08 * np.log(0.08)
    epochs = tuple(replace(one, loss=0.8 * blind, val_loss=0.8 * blind) for one in case.epochs)
    found = ailments(replace(case, epochs=epochs))
    assert [(one.kind, one.sure) for one in found] == [(ailment.UNDERFITTING, ailment.POSSIBLE)]
    assert found[0].sentence == "It underfits: it does hardly better than naming the commonest class each time."
    slow = ailments(replace(case, epochs=epochs, setup=replace(SETUP, rate=1e-6)))[0]
    assert slow.kind == ailment.RATE_TOO_LOW
    assert slow.sentence.endswith("it does hardly better than naming the commonest class each time.")


def brief(pictures: int, epochs: int) -> Ailment:
    """What is said first of a network that has not learnt its varied pictures in so many epochs."""
    setup = replace(SETUP, augment="light", epochs=epochs)
    case = simulate(rising(0.5, 0.75, 12), rising(0.5, 0.75, 12), epochs=epochs, setup=setup, n=600, val_n=400)
    return ailments(replace(case, counts=(pictures // 2, pictures - pictures // 2)))[0]


def test_how_often_is_usual_depends_on_how_many_pictures_there_are() -> None:
    """From 15 to 200 epochs are, so that neither few nor many pictures are looked at as often in all as others."""
    found = brief(20_000, 2)
    assert found.kind == ailment.UNFINISHED
    assert "20,000 pictures were looked at 40,000 times in all; 300,000 times, in 15 epochs" in found.evidence[0]
    assert found.remedy is not None and "--epochs 15 " in found.remedy.command
    signs = Signs(replace(simulate(level(0.8), level(0.8), epochs=200), counts=(26, 26)))
    assert signs.looks == signs.usual_looks == 10_400
    assert not signs.looked_at_seldom


def test_few_epochs_are_said_to_be_few_whatever_was_looked_at() -> None:
    setup = replace(SETUP, augment="none", epochs=7)

    def course(epoch: int) -> float:
        return 0.5 + 0.05 * min(3, epoch)

    case = replace(simulate(course, course, epochs=7, setup=setup), counts=(10_000, 10_000))
    losses = (0.69, 0.6, 0.55, 0.56, 0.54, 0.55, 0.545)
    case = replace(
        case,
        epochs=tuple(replace(one, loss=loss, val_loss=loss) for one, loss in zip(case.epochs, losses, strict=True)),
    )
    found = next(one for one in ailments(case) if one.kind == ailment.UNFINISHED)
    assert found.sentence == "It was not trained to the end: of 7 epochs nobody can tell that it learns no more."
    assert "looked at" not in " ".join(found.evidence)
    assert found.figures[0].name == "share of the usual epochs"
    assert found.figures[0].value == pytest.approx(7 / 15)
    assert found.remedy is not None and "--epochs 14 " in found.remedy.command


def test_a_class_too_rare_to_be_learnt_is_told_before_an_early_end() -> None:
    """More epochs would not bring it about; 19 pictures beside 446 explain it."""
    setup = replace(SETUP, augment="light", epochs=12)
    case = simulate(level(0.94), level(0.94), epochs=12, setup=setup, n=465, val_n=210)
    held = Answers(((198, 0), (12, 0)), (0,) * 8 + (198, 0), (0,) * 8 + (12, 0))
    falling = tuple(
        replace(one, loss=0.26 - 0.001 * one.epoch, val_loss=0.26 - 0.001 * one.epoch) for one in case.epochs
    )
    found = kinds(replace(case, epochs=falling, counts=(446, 19), held=held))
    assert found[:2] == [ailment.COLLAPSED, ailment.UNFINISHED]
