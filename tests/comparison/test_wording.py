"""What is said of a comparison: only what its intervals say."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from compared_points import point

from fieldguide.comparison.curve import Curve, fit_power_law, learning_curve
from fieldguide.comparison.guess import Guess
from fieldguide.comparison.point import Point
from fieldguide.comparison.wording import finding

EVEN = Guess("cats", 0.5, 0.5, 400)  # two classes with as many pictures each
SIZES = ("tiny", "small", "medium", "large")


def ladder(rights: tuple[int, ...], trained: tuple[float, ...], runs: int = 3) -> list[Point]:
    """Four sizes, each with so many of 400 pictures right in the mean of its runs."""
    apart = (0, 1, -1)[:runs]
    return [
        point(name, 1e5 * 4**place, [right + step for step in apart], share)
        for place, (name, right, share) in enumerate(zip(SIZES, rights, trained, strict=True))
    ]


def said(kind: str, points: list[Point], curve: Curve | None = None, guess: Guess = EVEN) -> str:
    found = finding(kind, points, curve, guess)
    return " | ".join([found.headline, *found.sentences])


def chosen(kind: str, points: list[Point], guess: Guess = EVEN) -> str | None:
    return finding(kind, points, None, guess).choice


def test_what_is_chosen_is_the_first_that_no_other_is_ahead_of_beyond_chance() -> None:
    assert chosen("complexity", ladder((350, 351, 352, 351), (1.0, 1.0, 1.0, 1.0))) == "tiny"
    assert chosen("complexity", ladder((300, 360, 362, 361), (0.9, 1.0, 1.0, 1.0))) == "small"
    assert chosen("recipes", recipes((300, 352, 302, 356), (1.0, 0.96, 1.0, 0.95))) == "augmentation"
    assert chosen("recipes", recipes((380, 380, 379, 381), (0.95, 0.95, 0.95, 0.95))) == "plain"


def test_the_best_size_is_named_where_it_is_best_and_what_larger_ones_do() -> None:
    text = said("complexity", ladder((300, 360, 359, 320), (0.8, 0.95, 0.99, 1.0)))
    assert text.startswith("Small is best | small (400,000 parameters) is best: 90.0% (95% CI")
    assert "tiny is behind small by 15.0 points (95% CI" in text
    assert "large is behind small by 10.0 points" in text
    assert "there more parameters harm" in text
    assert "Beyond small more parameters show no gain: medium." in text
    assert "grows from 5.0 to 20.0 points from tiny to large, by 15.0 points" in text


def test_sizes_within_chance_of_one_another_are_not_ranked() -> None:
    text = said("complexity", ladder((350, 351, 352, 351), (1.0, 1.0, 1.0, 1.0)))
    assert text.startswith("No size is better than another beyond chance")
    assert "Take tiny (100,000 parameters), which costs least" in text
    assert "best" not in text
    assert "All are better than naming the commonest class each time (50.0%)." in text
    assert "The gap between training and held-out accuracy does not grow beyond chance from tiny to large." in text


def test_the_smallest_size_that_is_as_good_is_enough() -> None:
    text = said("complexity", ladder((300, 360, 362, 361), (0.9, 1.0, 1.0, 1.0)))
    assert text.startswith("Small is as good as any larger one")
    assert "medium is ahead by 0.5 points" in text
    assert "which may be chance" in text
    assert "Beyond small more parameters show no gain: medium and large." in text


def test_a_dip_before_the_best_size_is_no_harm_of_parameters() -> None:
    text = said("complexity", ladder((360, 320, 362, 361), (0.9, 1.0, 1.0, 1.0)))
    assert text.startswith("Tiny is as good as any larger one")
    assert "small is behind medium by" in text
    assert "harm" not in text


def test_the_largest_that_is_best_may_not_be_large_enough() -> None:
    text = said("complexity", ladder((250, 290, 330, 370), (0.8, 0.9, 0.95, 1.0)))
    assert text.startswith("Large is best")
    assert "a larger one may do better still" in text


def test_a_higher_mean_that_is_no_better_than_a_guess_for_certain_is_named() -> None:
    """Of three seeds one learnt nothing: in the mean it is ahead, and nobody can say that it is better than a coin."""
    wavering = point("small", 4e5, [199, 390, 390], 0.9)
    points = [point("tiny", 1e5, [321, 320, 319], 0.9), wavering, *ladder((0, 0, 250, 240), (1.0,) * 4)[2:]]
    text = said("complexity", points)
    assert chosen("complexity", points) == "tiny"
    assert text.startswith(
        "Tiny is best of those shown to be better than a guess | tiny (100,000 parameters) is best of those shown to "
        "be better than a guess: 80.0%"
    )
    assert "small has a higher mean, 81.6% (95% CI " in text
    assert "but is not shown to be better than a guess." in text


def test_one_run_of_each_says_what_its_intervals_leave_out() -> None:
    text = said("complexity", ladder((300, 360, 359, 320), (0.8, 0.95, 0.99, 1.0), runs=1))
    assert text.endswith(
        "There is one run of each: how far another seed would come out otherwise, no interval here says."
    )


def test_two_runs_of_each_are_said_to_be_too_few_for_other_seeds() -> None:
    text = said("complexity", ladder((300, 360, 359, 320), (0.8, 0.95, 0.99, 1.0), runs=2))
    assert text.endswith(
        "Two runs of each are too few for an interval over other seeds: how far another seed would come out otherwise, "
        "no interval here says; 3 or more tell."
    )
    assert "too few for an interval" not in said("complexity", ladder((300, 360, 359, 320), (0.8, 0.95, 0.99, 1.0)))


def test_two_runs_that_are_each_better_than_a_guess_are_so_together() -> None:
    """One run of 96 pictures with all right and one with two wrong: t at one degree of freedom reached down to 36%."""
    pair = [point("small", 1e5, [96, 94], 1.0, n=96), point("large", 4e5, [94, 96], 1.0, n=96)]
    assert pair[0].accuracy.low > 0.9
    text = said("complexity", pair, guess=Guess("cats", 0.5, 0.5, 96))
    assert "All are better than naming the commonest class each time (50.0%)." in text


def test_none_is_taken_where_none_is_shown_to_be_better_than_naming_the_commonest_class() -> None:
    few = [point(name, 1e5 * 4**place, [10 + place], 0.9, 24) for place, name in enumerate(SIZES)]
    text, guess = said("complexity", few, guess=EVEN), EVEN
    assert text.startswith(
        "None is shown to be better than naming the commonest class | None is shown to be better than naming the "
        "commonest class each time (50.0%): held-out accuracy lies between 41.7% and 54.2%. | Of the training pictures "
        "up to 90.0% are right: "
    )
    assert "1,000 to learn from and 3 epochs are too few to choose by" in text
    assert "Take" not in text
    assert "best" not in text
    assert chosen("complexity", few) is None
    assert finding("recipes", few, None, guess).choice is None
    assert "Take" not in said("recipes", [*few[:3], replace(few[3], name="both")])
    unlearnt = [point(name, 1e5 * 4**place, [10], 0.5, 24) for place, name in enumerate(SIZES)]
    assert "not even the training pictures are shown to be learnt" in said("complexity", unlearnt)
    assert "(50.0%): held-out accuracy is 41.7%." in said("complexity", unlearnt)


def test_what_is_better_than_naming_the_commonest_class_is_told_from_many_pictures_or_few() -> None:
    """However far a class outnumbers the others, and widened since several are looked at together."""
    rare = Guess("cats", 0.9, 0.9, 400)
    points = ladder((355, 356, 357, 356), (1.0, 1.0, 1.0, 1.0))
    assert chosen("complexity", points) == "tiny"
    assert chosen("complexity", points, rare) is None
    close = [point(name, 1e5 * 4**place, [220], 1.0) for place, name in enumerate(SIZES)]
    assert close[0].accuracy.low > 0.5, "by itself it would be shown to be better"
    assert chosen("complexity", close) is None
    assert chosen("complexity", [point("tiny", 1e5, [240], 1.0), *close[1:]]) == "tiny"


def test_the_smallest_that_is_better_than_naming_the_commonest_class_is_taken() -> None:
    """One that no other is ahead of beyond chance may still be no better than a coin."""
    points = ladder((224, 226, 227, 226), (1.0, 1.0, 1.0, 1.0))
    text = said("complexity", points)
    assert chosen("complexity", points) == "small"
    assert "Not shown to be better than naming the commonest class each time (50.0%): tiny." in text
    assert "Take small (400,000 parameters), which costs least of the others: 56.5%" in text
    alike = recipes((224, 232, 222, 223), (0.9, 0.9, 0.9, 0.9))
    assert chosen("recipes", alike) == "augmentation"
    assert "Take augmentation: no other of these does better" in said("recipes", alike)


def recipes(rights: tuple[int, ...], trained: tuple[float, ...]) -> list[Point]:
    names = ("plain", "augmentation", "dropout", "both")
    return [
        point(name, 0.0, [right - 1, right, right + 1], share)
        for name, right, share in zip(names, rights, trained, strict=True)
    ]


def test_the_cure_is_named_with_what_it_takes_off_the_gap() -> None:
    text = said("recipes", recipes((300, 352, 302, 356), (1.0, 0.96, 1.0, 0.95)))
    assert text.startswith("Both together take 19.0 points off the gap")
    assert "Plain, the network overfits: 100.0% of the training pictures right and 75.0% of the held-out ones" in text
    assert "Augmentation takes 17.0 points (95% CI" in text
    assert "off the gap, and held-out accuracy rises by 13.0 points" in text
    assert "Dropout is not shown to change the gap (-0.5 points, 95% CI" in text
    assert "held-out accuracy is not shown to change (0.5 points, 95% CI" in text
    assert "Both together leave the smallest gap, but not beyond chance: augmentation may leave as small a one." in text
    assert text.endswith(
        "Take augmentation: no other does better beyond chance, in held-out accuracy or else in the gap."
    )


def test_a_gap_that_shrinks_by_learning_less_is_no_cure_of_the_classes() -> None:
    text = said("recipes", recipes((300, 300, 250, 300), (1.0, 0.85, 0.8, 0.8)))
    assert "less is learnt by heart, no more of the classes" in text
    assert "held-out accuracy falls by 12.5 points" in text
    assert "too much of it, or too few epochs" in text


def test_without_overfitting_there_is_nothing_to_cure() -> None:
    text = said("recipes", recipes((380, 380, 379, 381), (0.95, 0.95, 0.95, 0.95)))
    assert text.startswith(
        "Neither augmentation nor dropout lessens the gap beyond chance | Plain, the network does not overfit"
    )


def test_of_recipes_that_are_as_accurate_the_one_with_the_smallest_gap_is_taken() -> None:
    points = recipes((300, 300, 300, 300), (1.0, 0.99, 0.85, 0.99))
    text = said("recipes", points)
    assert "Plain, the network overfits" in text
    assert chosen("recipes", points) == "dropout"
    assert text.endswith("Take dropout: no other does better beyond chance, in held-out accuracy or else in the gap.")


def test_the_choice_and_the_sentences_are_of_the_same_intervals() -> None:
    for right in range(300, 330):
        points = recipes((300, right, 300, 300), (1.0, 1.0, 1.0, 1.0))
        rises = "held-out accuracy rises" in said("recipes", points)
        assert rises == (chosen("recipes", points) == "augmentation"), right


def test_the_headline_names_no_cure_without_its_harm() -> None:
    text = said("recipes", recipes((300, 300, 250, 300), (1.0, 0.99, 0.6, 0.99)))
    assert text.startswith("Dropout takes 27.5 points off the gap, and lowers held-out accuracy | ")
    assert chosen("recipes", recipes((300, 300, 250, 300), (1.0, 0.99, 0.6, 0.99))) == "plain"
    both = said("recipes", recipes((300, 300, 250, 302), (1.0, 0.99, 0.6, 0.8)))
    assert both.startswith("Both together take 20.5 points off the gap | "), "a cure without harm comes first"


def test_a_cure_that_harms_is_said_to_harm() -> None:
    text = said("recipes", recipes((346, 293, 344, 315), (1.0, 0.998, 1.0, 0.998)))
    assert text.startswith("Augmentation lowers held-out accuracy by 13.2 points")
    assert "Augmentation makes the gap larger by 13.1 points" in text
    assert "held-out accuracy falls by 13.2 points (95% CI" in text
    assert "training pictures are learnt as well as before" in text
    assert "too few epochs" not in text


def test_a_gap_that_grows_is_said_to_grow() -> None:
    assert "Dropout makes the gap larger by" in said("recipes", recipes((350, 350, 250, 350), (0.9, 0.9, 0.9, 0.9)))


COUNTS = (62, 125, 250, 500, 1000, 2000)


def sizes(errors: np.ndarray, runs: int = 3, n: int = 1000, apart: int = 2) -> tuple[list[Point], Curve]:
    found = [
        point(f"{count:,} pictures", count, [round(n * (1 - e)) + apart * (step - 1) for step in range(runs)], 1.0, n)
        for count, e in zip(COUNTS, errors, strict=True)
    ]
    return found, learning_curve(COUNTS, [each.right for each in found])


def test_what_more_pictures_bring_comes_with_its_interval() -> None:
    points, curve = sizes(0.03 + 0.1 * (np.array(COUNTS) / 2000) ** -0.4)
    text = said("data_size", points, curve)
    found = re.match(r"1,000 more pictures: about \+(\d\.\d) points \| ", text)
    assert found, text
    assert float(found[1]) == pytest.approx(100 * 0.1 * (1 - 1.5**-0.4), abs=0.11)
    assert "Twice as many (4,000): about +2." in text
    assert "From 62 to 2,000 training pictures held-out accuracy rose from" in text


def test_a_flat_curve_hardly_helps() -> None:
    points, curve = sizes(np.full(6, 0.1), apart=0)
    assert said("data_size", points, curve).startswith("1,000 more pictures would hardly help")


def test_runs_far_apart_on_few_pictures_cannot_tell() -> None:
    points, curve = sizes(np.array([0.4, 0.3, 0.3, 0.2, 0.25, 0.2]), n=40, apart=4)
    text = said("data_size", points, curve)
    assert "1,000 more pictures: what they would bring cannot be told, anything from +" in text


def test_where_all_are_right_only_more_to_measure_on_could_tell() -> None:
    points, curve = sizes(np.array([0.1, 0.05, 0.0, 0.0, 0.0, 0.0]), n=100, apart=0)
    text = said("data_size", points, curve)
    assert text.startswith("All 100 held-out pictures are right already | All 100 held-out pictures are right already:")
    assert "more pictures" not in text


def test_sizes_that_are_no_better_than_naming_the_commonest_class_choose_nothing() -> None:
    points, curve = sizes(np.full(6, 0.5), n=40)
    found = finding("data_size", points, curve, EVEN)
    assert found.choice is None
    assert (
        found.headline
        == "A classifier trained on 2,000 pictures is not shown to be better than naming the commonest class"
    )
    assert found.sentences[0].endswith("naming the commonest class each time (50.0%): held-out accuracy is 50.0%.")
    assert any("held-out accuracy is not shown to change (from 50.0% to 50.0%: 0.0 points, 95% CI" in one
               for one in found.sentences)  # fmt: skip
    points, curve = sizes(np.array([0.5, 0.5, 0.4, 0.3, 0.2, 0.1]))
    text = said("data_size", points, curve)
    assert text.endswith(
        "A classifier trained on 2,000 pictures is better than naming the commonest class each time (50.0%)."
    )
    assert finding("data_size", points, curve, EVEN).choice == "2,000 pictures"


def test_one_run_of_each_size_cannot_tell() -> None:
    points, curve = sizes(0.03 + 0.1 * (np.array(COUNTS) / 2000) ** -0.4, runs=1)
    assert "cannot be told from one run of each size: give more seeds" in said("data_size", points, curve)


def test_a_law_is_fitted_whatever_it_is_asked_for() -> None:
    curve = Curve(2000, 10, fit_power_law(COUNTS, np.full((1, 6), 0.2)), None)
    for pictures in (10, 2000, 8000, 10**9):
        assert curve.error_at(pictures) == pytest.approx(0.2)
