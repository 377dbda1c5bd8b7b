from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from finished_runs import curves, dataset, finished_run, scored
from simulated_cases import rising, simulate

from fieldguide.data.parts import Leak
from fieldguide.evaluation import evidence
from fieldguide.evaluation.case import Case
from fieldguide.evaluation.diagnose import Diagnosis, diagnose
from fieldguide.evaluation.metrics import score
from fieldguide.training.fit import Run

CATS = ("cat", "dog")


def run_of(n_train: int, n_test: int, **options: object) -> Run:
    train = dataset(CATS, np.arange(n_train) % 2)
    return finished_run(train, dataset(CATS, np.arange(n_test) % 2, first=n_train), **options)  # type: ignore[arg-type]


def verdict(n_train: int, n_test: int, wrong: int, train_wrong: int = 0) -> Diagnosis:
    run = run_of(n_train, n_test, train_right=n_train - train_wrong)
    return diagnose(run, scored(run, range(wrong)))


@pytest.mark.parametrize(
    ("figures", "overfits"),
    [
        ((2000, 1000, 4, 2), "no"),
        ((2000, 1000, 12, 4), "no"),  # a gap that is there, but surely below two points
        ((2000, 1000, 40, 10), "mild"),
        ((2000, 1000, 120, 0), "yes"),
        ((200, 40, 3, 8), "cannot tell"),
        ((20, 4, 0, 0), "cannot tell"),
        ((79, 11, 1, 0), "cannot tell"),  # one mistake, though the gap's interval is just above zero
        ((2000, 1000, 300, 590), "no"),  # bad at both
    ],
)
def test_the_verdict_follows_the_interval_of_the_gap(figures: tuple[int, int, int, int], overfits: str) -> None:
    assert verdict(*figures).overfits == overfits


def test_every_verdict_says_on_how_many_pictures_it_rests_or_why_not() -> None:
    assert verdict(2000, 1000, 4, 2).verdict == "It does not overfit, as far as 1,000 unseen pictures can show."
    assert (
        verdict(2000, 1000, 12, 4).verdict
        == "It hardly overfits: it loses 1.0 points of accuracy on 1,000 unseen pictures."
    )
    assert verdict(2000, 1000, 40, 10).verdict == (
        "It overfits mildly: 99.5% on the pictures it learnt from, 96.0% on 1,000 unseen pictures; expect the latter."
    )
    assert verdict(20, 4, 0).verdict == "Whether it overfits cannot be told from 4 unseen pictures."
    assert "has not learnt enough" in verdict(2000, 1000, 300, 590).verdict


def test_where_the_interval_includes_zero_no_gap_is_claimed() -> None:
    found = verdict(200, 40, 3, 8)
    assert "neither overfitting nor its absence can be shown" in found.evidence[0]
    assert "no gap can be shown" in verdict(2000, 1000, 4, 2).evidence[0]
    assert "a gap of 3.5 points (95% CI 2.4 to 4.9 points)" in verdict(2000, 1000, 40, 10).evidence[0]


def test_few_test_pictures_are_said_and_more_are_asked_for() -> None:
    found = verdict(200, 40, 3, 8)
    assert any("it may be 80% or 97%" in line for line in found.evidence)
    assert any("about 160" in line for line in found.advice)


def test_pictures_that_leak_do_not_count_for_the_verdict() -> None:
    run = run_of(2000, 400)
    names = [run.parts.test.name(row) for row in range(400)]
    leaking = run_of(
        2000, 400, leaks=[Leak(run.parts.train.name(0), "train", names[row], "test") for row in range(200, 400)]
    )
    flattered = diagnose(run, scored(run, range(20)))
    honest = diagnose(leaking, scored(leaking, range(20)))
    assert "95.0% of 400 pictures" in flattered.evidence[0]
    assert "90.0% of 200 pictures" in honest.evidence[0]
    assert any(
        line.startswith("200 of the 400 pictures measured stand in another part too (200 among the training pictures)")
        for line in honest.evidence
    )
    assert any("stand in two parts" in line for line in honest.advice)


def test_when_every_test_picture_leaks_none_is_called_unseen() -> None:
    names = [f"{CATS[row % 2]}/{2000 + row:05d}.jpg" for row in range(1000)]
    run = run_of(2000, 1000, leaks=[Leak("a", "train", name, "test") for name in names])
    found = diagnose(run, scored(run, []))
    assert found.overfits == "cannot tell"
    assert found.verdict == "Nothing is known: every measured picture was learnt from too."
    assert any("none is unseen" in line for line in found.evidence)
    assert not any("has not seen" in line or "gap" in line for line in found.evidence)
    chosen_by = run_of(2000, 1000, leaks=[Leak("a", "validation", name, "test") for name in names])
    found = diagnose(chosen_by, scored(chosen_by, []))
    assert found.verdict == "Nothing is known: every measured picture was learnt from or made choices too."


def test_leaks_between_train_and_validation_do_not_touch_what_is_measured() -> None:
    run = run_of(2000, 1000, leaks=[Leak("a", "train", "b", "validation")])
    found = diagnose(run, scored(run, range(4)))
    assert "1,000 unseen pictures" in found.verdict
    assert not any("another part" in line for line in (*found.evidence, *found.advice))


def test_a_held_out_loss_that_rose_again_is_told() -> None:
    run = run_of(2000, 1000, epochs=curves([0.30, 0.12, 0.10, 0.13, 0.19]))
    found = next(line for line in diagnose(run, scored(run, range(4))).evidence if "epoch" in line)
    assert "After epoch 3" in found
    assert "0.100 to 0.190" in found
    assert "The weights of epoch 3 were kept" in found


def test_a_held_out_loss_that_stayed_low_is_told_too() -> None:
    run = run_of(2000, 1000, epochs=curves([0.30, 0.12, 0.10, 0.101]))
    assert any("did not rise noticeably again" in line for line in diagnose(run, scored(run, range(4))).evidence)
    run = run_of(2000, 1000, epochs=curves([0.30, 0.2, 0.12]))
    assert any("still falling" in line for line in diagnose(run, scored(run, range(4))).evidence)


def test_a_rise_that_nobody_would_see_is_no_overfitting() -> None:
    run = run_of(2000, 1000, epochs=curves([0.0001, 0.003]))  # thirty times as much, and next to nothing
    assert not any("learnt by heart" in line for line in diagnose(run, scored(run, range(4))).evidence)


def test_a_held_out_loss_that_rose_is_never_said_not_to_have_risen() -> None:
    both_rose = [replace(epoch, loss=0.01 * epoch.epoch) for epoch in curves([0.1, 0.3, 0.5], "head")]
    run = run_of(2000, 1000, epochs=both_rose)
    evidence = diagnose(run, scored(run, range(4))).evidence
    assert not any("did not rise noticeably again" in line for line in evidence)
    assert any("lowest after epoch 1 of the head's training (0.100, at last 0.500)" in line for line in evidence)


def test_curves_of_what_was_not_kept_are_no_evidence() -> None:
    head = [replace(epoch, chosen=epoch.epoch == 4) for epoch in curves([0.5, 0.3, 0.22, 0.21], "head")]
    tried = [replace(epoch, chosen=False) for epoch in curves([0.3, 0.2, 0.9])]
    run = run_of(2000, 1000, epochs=[*head, *tried])
    evidence = diagnose(run, scored(run, range(4))).evidence
    assert any("during the head's training: 0.210 at best" in line for line in evidence)
    assert not any("by heart" in line for line in evidence)


def test_a_rare_class_that_fares_worse_is_named() -> None:
    labels = np.array([0] * 900 + [1] * 100)
    run = finished_run(dataset(CATS, labels), dataset(CATS, labels, first=1000))
    found = diagnose(run, scored(run, range(900, 940)))
    assert any("'dog' worst with 60.0% (95% CI" in line for line in found.evidence)
    assert any("Add pictures of 'dog'" in line for line in found.advice)
    assert any("dog taken for cat: 40 of 100" in line for line in found.evidence)


def test_a_classifier_that_only_knows_the_largest_class_is_not_praised() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    run = finished_run(dataset(CATS, labels), dataset(CATS, labels, first=100), train_right=90)
    found = diagnose(run, scored(run, range(90, 100)))
    assert any("Always answering 'cat' would be right for 90.0%" in line for line in found.evidence)


def test_by_heart_and_no_better_than_guessing_is_said_so_at_once() -> None:
    found = verdict(400, 40, 19)
    assert found.overfits == "yes"
    assert found.verdict == (
        "It learnt the pictures by heart: 100.0% of them right, and of 40 unseen pictures 52.5%, where it is not shown "
        "that it knows more than guessing would."
    )
    assert verdict(400, 400, 120).verdict.startswith("It overfits: 100.0% on the pictures it learnt from, 70.0% on 400")


def test_classes_with_few_or_no_pictures_are_not_judged() -> None:
    names = ("cat", "dog", "fox")
    test = dataset(names, np.array([0] * 50 + [1] * 3), first=99)
    run = finished_run(dataset(names, np.arange(99) % 3), test)
    line = next(line for line in diagnose(run, scored(run, [])).evidence if "not measured" in line)
    assert "1 class of 3 with fewer than 10 pictures here (such as 'dog' with 3)" in line
    assert "1 class without a picture here, such as 'fox'" in line


@pytest.mark.parametrize(
    ("confidence", "wrong", "words"),
    [(0.95, 200, "surer than it should be"), (0.75, 2, "better than it says"), (0.95, 50, "taken at their word")],
)
def test_calibration_is_said_in_words(confidence: float, wrong: int, words: str) -> None:
    run = run_of(2000, 1000)
    assert any(words in line for line in diagnose(run, scored(run, range(wrong), confidence=confidence)).evidence)


def test_a_diagnosis_prints_and_is_ready_for_json() -> None:
    found = verdict(2000, 1000, 120)
    assert str(found).startswith("It overfits: 100.0% on the pictures it learnt from, 88.0% on 1,000 unseen")
    assert "What would help:" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["overfits"] == "yes"


def test_few_pictures_hide_no_plain_overconfidence() -> None:
    names = ("a", "b")
    stated = np.tile([0.99, 0.01], (20, 1))
    files = [f"{number}.jpg" for number in range(20)]
    half = score(stated, np.arange(20) % 2, names, files)
    assert evidence.on_calibration(half).endswith("it is surer than it should be.")
    nearly = score(stated, (np.arange(20) == 0).astype(int), names, files)
    assert "20 pictures are too few to tell whether" in evidence.on_calibration(nearly)


def test_a_gap_that_may_be_chance_is_called_so() -> None:
    found = verdict(80, 20, 2)
    assert found.overfits == "cannot tell"
    assert "a gap of 10.0 points, which may be chance (Fisher's exact test)" in found.evidence[0]


def test_of_a_training_from_scratch_the_curves_lead() -> None:
    epochs = simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), val_loss=lambda epoch: 0.52 + 0.02 * abs(epoch - 7))
    run = run_of(2000, 60, epochs=epochs.epochs)
    found = diagnose(run, scored(run, range(15)))
    assert [one.kind for one in found.ailments] == ["overfitting"]
    assert found.verdict == found.ailments[0].sentence
    assert found.overfits == "yes"
    assert not set(found.ailments[0].evidence) & set(found.evidence), "what is measured at the end is told apart"
    remedy = found.ailments[0].remedy
    assert remedy is not None
    assert remedy.command.startswith("fieldguide train photos --recipe scratch") and "--augment" in remedy.command
    assert "PHOTOS" not in str(found)
    assert json.loads(json.dumps(found.to_dict()))["ailments"][0]["kind"] == "overfitting"


def judged(wrong: int, how: str, *, validation: int = 0) -> Diagnosis:
    """Of a training from scratch that fits well on the 400 pictures of its curves, by 200 test pictures."""
    epochs = simulate(rising(0.6, 0.92, 4), rising(0.6, 0.91, 4)).epochs
    run = run_of(2000, 200, epochs=epochs)
    parts = replace(run.parts, validation=dataset(CATS, np.arange(validation) % 2, first=2400))
    run = replace(run, parts=parts, choices=replace(run.choices, how=how))
    return diagnose(run, scored(run, range(wrong)))


@pytest.mark.parametrize(
    ("validation", "how", "called", "of"),
    [
        (400, "the 400 pictures of validation", "validation", "the 400 pictures of validation"),
        (0, "400 pictures held out of the 2,400 for training", "held-out", "400 pictures held out of the 2,400"),
        (0, "the 400 pictures that measure, which decided nothing", "test", "the same pictures."),
    ],
)
def test_each_gap_says_which_pictures_it_is_of(validation: int, how: str, called: str, of: str) -> None:
    found = judged(2, how, validation=validation)
    (fits,) = found.ailments
    assert f"of 400 {called} pictures" in found.verdict
    assert fits.evidence[0].startswith(f"Over the last epochs the gap on 400 {called} pictures was ")
    assert [figure.name for figure in fits.figures] == [f"{word} on {called} pictures" for word in ("accuracy", "gap")]
    assert "99.0% of 200 test pictures, which chose nothing: a gap of 1.0 points (95% CI " in found.evidence[0]
    assert f"The curves, and the gap over the last epochs, are of {of}" in found.evidence[0]
    assert not any("can be shown" in line for line in found.evidence), "there is one verdict, and no second one"


def test_a_good_fit_that_the_test_pictures_speak_against_is_overfitting() -> None:
    """They chose nothing: what they show is what can be expected, and the curves do not hide it."""
    how = "the 400 pictures of validation"
    found = judged(19, how, validation=400)
    (overfits,) = found.ailments
    assert (overfits.kind, overfits.sure, found.overfits) == ("overfitting", "shown", "yes")
    assert found.verdict == overfits.sentence
    assert overfits.sentence == (
        "It overfits: the classifier that was kept recognises 100.0% of the pictures it learnt from and 90.5% of 200 "
        "test pictures, which chose nothing; its curves, of validation pictures, do not show it."
    )
    assert overfits.evidence[0].startswith("On 200 test pictures the gap is 9.5 points (95% CI ")
    assert "Over the last epochs the gap on 400 validation pictures was " in overfits.evidence[1]
    assert [one.name for one in overfits.figures[2:]] == ["gap on test pictures", "gap on validation pictures"]
    assert overfits.remedy is not None and overfits.remedy.command.startswith("fieldguide train photos ")
    few = judged(9, how, validation=400).ailments[0]  # by 4.5 points: too few to matter
    assert few.kind == "good fit"


def test_what_the_kept_weights_lose_is_not_hidden_by_the_epochs_before() -> None:
    """Where the same pictures are looked at after each epoch and at the end, the kept weights are those to judge."""
    found = judged(19, "the 400 pictures that measure, which decided nothing")
    assert found.ailments[0].kind == "overfitting"
    assert "chose nothing" not in found.verdict


def test_further_ailments_are_told_with_their_evidence_and_remedy_once() -> None:
    epochs = simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), val_n=25)
    run = run_of(2000, 60, epochs=epochs.epochs)
    found = diagnose(run, scored(run, range(15)))
    assert len(found.ailments) == 2
    assert found.verdict.startswith("The validation set is too small to tell")
    said = str(found).splitlines()
    assert said[0] == found.verdict
    for one in found.ailments:
        assert all(said.count(line) == 1 for line in str(one).splitlines())
    assert said.index("Measured at the end:") > said.index(str(found.ailments[1]).splitlines()[-1])
    assert len(said) == len(set(said))


def test_mistakes_as_sure_as_right_answers_make_labels_suspect() -> None:
    epochs = simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), val_loss=lambda epoch: 0.52 + 0.02 * abs(epoch - 7))
    run = run_of(2000, 1000, epochs=epochs.epochs)
    found = diagnose(run, scored(run, range(250)))  # all stated with about 95%
    assert [one.kind for one in found.ailments] == ["labels suspect", "overfitting"]


def test_other_trainings_have_no_ailments() -> None:
    assert verdict(2000, 1000, 120).ailments == ()


def test_without_a_picture_to_measure_with_the_curves_are_judged() -> None:
    epochs = simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), val_loss=lambda epoch: 0.52 + 0.02 * abs(epoch - 7))
    found = diagnose(run_of(2000, 0, epochs=epochs.epochs), None)
    assert [one.kind for one in found.ailments] == ["overfitting"]
    assert found.verdict == found.ailments[0].sentence
    assert found.evidence == ("No unseen picture was there to measure with: none was kept.",)


def test_of_a_run_it_is_known_which_pictures_stand_in_two_classes() -> None:
    epochs = simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), val_loss=lambda epoch: 0.52 + 0.02 * abs(epoch - 7))
    run = run_of(900, 60, epochs=epochs.epochs)
    groups = run.parts.groups.copy()
    groups[1:20:2] = groups[0:20:2]  # neighbours are of different classes
    groups[102:110:4] = groups[100:108:4]  # and of the same
    run = replace(run, parts=replace(run.parts, groups=groups))
    found = diagnose(run, scored(run, range(15)))
    assert [one.kind for one in found.ailments] == ["labels suspect", "overfitting"]
    assert "Of 12 training pictures that are there more than once, alike or nearly so, 10 have" in str(found)
    assert Case.from_dict(Case.of(run).to_dict()).conflicts == 10


def test_where_all_that_measures_leaks_the_leak_is_the_verdict() -> None:
    train, copies = dataset(CATS, np.arange(200) % 2), dataset(CATS, np.arange(60) % 2, first=200)
    epochs = simulate(rising(0.6, 0.99, 6), rising(0.6, 0.99, 6), n=200, val_n=60).epochs
    run = finished_run(train, copies, epochs=epochs)
    leaks = tuple(Leak(train.name(row), "train", copies.name(row), "validation") for row in range(60))
    run = replace(run, parts=replace(run.parts, validation=copies, leaks=leaks))
    found = diagnose(run)
    assert found.verdict == "The split leaks: 60 of 60 held-out pictures stand among the training ones."


@pytest.mark.parametrize("measured", ["validation", "test"])
def test_where_nothing_unseen_is_left_the_leak_comes_before_overfitting(measured: str) -> None:
    train, copies = dataset(CATS, np.arange(200) % 2), dataset(CATS, np.arange(60) % 2, first=200)
    epochs = simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), n=160, val_n=200).epochs
    run = finished_run(train, copies, epochs=epochs)
    leaks = tuple(Leak(train.name(row), "train", copies.name(row), measured) for row in range(60))
    run = replace(run, parts=replace(run.parts, measured=measured, leaks=leaks))
    for given in (None, scored(run, range(0))):
        found = diagnose(run, given)
        assert [one.kind for one in found.ailments] == ["leak suspected", "overfitting"]
        leak = found.ailments[0]
        assert leak.sure == "certain"
        said = f"The split leaks: 60 of 60 {measured} pictures stand in another part too, so that nothing could be "
        assert found.verdict == f"{said}measured."
        assert leak.remedy is not None and leak.remedy.what.startswith("Mend the split")
        assert leak.remedy.command == "fieldguide check photos"
    few = simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), n=160, val_n=25).epochs
    assert diagnose(replace(run, epochs=few), None).ailments[0].kind == "leak suspected", "and not their number"


def test_a_run_without_curves_or_measured_pictures_says_that_nothing_is_known() -> None:
    found = diagnose(run_of(20, 0), None)
    assert found.verdict == "Nothing is known: no unseen picture was measured."
    assert (found.overfits, found.ailments) == ("cannot tell", ())


def test_test_pictures_that_show_a_rare_class_unknown_ask_for_pictures_of_it() -> None:
    """The curves show nothing; 40 of 44 test pictures are right, as naming cats each time would be."""
    train = dataset(CATS, (np.arange(220) % 11 == 0).astype(int))
    test = dataset(CATS, (np.arange(44) % 11 == 0).astype(int), first=220)
    epochs = simulate(rising(0.6, 0.985, 3), rising(0.6, 0.975, 3), n=220, val_n=400).epochs
    run = finished_run(train, test, epochs=epochs)
    found = diagnose(run, scored(run, range(0, 44, 11)))  # those of dogs
    assert found.verdict.startswith("It overfits: the classifier that was kept")
    assert found.verdict.endswith("is no better than naming 'cat' each time: pictures of 'dog' are what is missing.")
    remedy = found.ailments[0].remedy
    assert remedy is not None and remedy.what.startswith("Add pictures of 'dog'")
