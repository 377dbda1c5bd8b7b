"""The score of a classifier: every figure with its interval and the number of pictures it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.answers.stated import require_sums
from fieldguide.calibration import calibration_error, picture_losses, reliability_bins, temper
from fieldguide.data.dataset import PARTS, Skipped
from fieldguide.errors import InputError
from fieldguide.evaluation.folds import FoldScore, on_the_spread
from fieldguide.evaluation.replied import Replied, on_the_promises
from fieldguide.intervals import Estimate, bootstrap, mean_of_shares, wilson
from fieldguide.words import counted

CLASSES_PRINTED = 10
SKIPPED_PRINTED = 5
_NAME_WIDTH = 26
_RESAMPLED_ROWS = 20_000_000  # in all rounds of a bootstrap together, so that 100,000 pictures take a second too
_FEWEST_ROUNDS, _MOST_ROUNDS = 200, 1000


@dataclass(frozen=True)
class ClassScore:
    """How one class fared."""

    name: str
    support: int  # pictures of this class
    predicted: int  # pictures taken for this class
    recall: Estimate  # share of its pictures that were recognised; undefined where it has none
    precision: Estimate  # share of the pictures taken for it that are of it; undefined where there are none

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {
            "name": self.name,
            "support": self.support,
            "predicted": self.predicted,
            "recall": self.recall.to_dict(),
            "precision": self.precision.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Score:
    """What a classifier is worth on pictures that chose nothing. Every picture given is scored, skipped or seen.

    Example:
        >>> import fieldguide as fg
        >>> score = fg.evaluate(fg.load("runs/first"), fg.Dataset.from_directory("another-day"))
        >>> score.n, score.class_names
        (20, ('horses', 'humans'))
        >>> print(score.accuracy.percent)
        100.0% (95% CI 83.9-100.0%)
    """

    # Which pictures: "test", "validation" where a folder came with that part only, or "cross-validation".
    part: str
    class_names: tuple[str, ...]
    names: tuple[str, ...]  # of the pictures, relative to their root
    labels: np.ndarray  # int32 (n,), the truth
    probabilities: np.ndarray  # float32 (n, k), as the classifier states them
    temperature: float  # that the classifier's logits are divided by; of several models the mean one
    accuracy: Estimate  # Wilson
    balanced_accuracy: Estimate  # mean of the classes' recalls
    log_loss: Estimate  # nats; bootstrap
    log_loss_before: float  # without the temperature
    calibration_error: Estimate
    calibration_error_before: Estimate
    classes: tuple[ClassScore, ...]
    confusion: np.ndarray  # int64 (k, k): rows are the truth, columns what was predicted
    bins: np.ndarray  # float64 (bins, 3): stated probability, share right, pictures
    bins_before: np.ndarray  # the same without the temperature
    skipped: tuple[Skipped, ...] = ()  # files that are no pictures of a class, with reasons
    seen: tuple[str, ...] = ()  # left out, since the classifier learnt from them; scored + skipped + seen = given
    seen_scored: tuple[str, ...] = ()  # scored although the classifier learnt from them: they flatter every figure
    folds: tuple[FoldScore, ...] = ()  # of a cross-validation, where each picture was judged by its fold's model
    replied: Replied | None = None  # its answers in words; None where it does not say when it does not know

    @property
    def n(self) -> int:
        """How many pictures were scored."""
        return len(self.labels)

    @property
    def pictures(self) -> str:
        """What the pictures are called: 'test pictures', or 'pictures in another-day'."""
        if self.folds:
            return "pictures, each by a model that had not seen it"
        return f"{self.part} pictures" if self.part in PARTS else f"pictures in {self.part}"

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each picture, int64 (n,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def right(self) -> np.ndarray:
        """Which pictures were recognised, bool (n,)."""
        return self.predicted == self.labels

    def __str__(self) -> str:
        lines = [
            f"accuracy {self.accuracy.percent}, n={self.n:,} {self.pictures}",
            f"balanced accuracy {self.balanced_accuracy.percent}",
            f"log loss {self.log_loss}",
            *self._calibrated(),
            *(() if self.replied is None else on_the_promises(self.replied)),
            "",
            f"{'class':<{_NAME_WIDTH}} {'n':>6}  {'recall':<20}  precision",
        ]
        if self.skipped:
            named = [f"  {entry.path.name}: {entry.reason}" for entry in self.skipped[:SKIPPED_PRINTED]]
            if more := len(self.skipped) - len(named):
                named.append(f"  ... and {more:,} more; --json lists all")
            lines[1:1] = [f"{counted(len(self.skipped), 'file')} left out:", *named]
        if self.folds:
            lines.insert(1, on_the_spread(self.folds))
        if self.seen:
            lines.insert(1, f"{counted(len(self.seen), 'picture')} left out that it learnt from or was chosen by")
        if self.seen_scored:
            lines.insert(
                1, f"{len(self.seen_scored):,} of them it learnt from or was chosen by: the figures are too good"
            )
        shown = self.classes
        if len(shown) > CLASSES_PRINTED:
            shown = weakest_classes(self, CLASSES_PRINTED)
        lines += [
            f"{_short(one.name):<{_NAME_WIDTH}} {one.support:>6,}  {_range(one.recall):<20}  {_range(one.precision)}"
            for one in shown
        ]
        if len(shown) < len(self.classes):
            lines.append(f"the {len(shown)} of {len(self.classes)} classes with the lowest recall")
        return "\n".join(lines)

    def _calibrated(self) -> list[str]:
        """The calibration error with the temperature, and where it changes anything without it."""
        if self.temperature == 1:
            return [f"calibration error {self.calibration_error}"]
        by = f"temperature{'s of about' if self.folds else ' of'} {self.temperature:.2f}"
        return [f"calibration error {self.calibration_error}", f"  without its {by}: {self.calibration_error_before}"]

    def to_dict(self) -> dict[str, object]:
        """All figures, ready for JSON; not the probabilities of all pictures."""
        return {
            "part": self.part,
            "n": self.n,
            "skipped": [{"path": str(entry.path), "reason": entry.reason} for entry in self.skipped],
            "seen": len(self.seen),
            "seen_scored": len(self.seen_scored),
            "accuracy": self.accuracy.to_dict(),
            "balanced_accuracy": self.balanced_accuracy.to_dict(),
            "log_loss": self.log_loss.to_dict(),
            "log_loss_before": self.log_loss_before,
            "calibration_error": self.calibration_error.to_dict(),
            "calibration_error_before": self.calibration_error_before.to_dict(),
            "temperature": self.temperature,
            "classes": [one.to_dict() for one in self.classes],
            "confusion": self.confusion.tolist(),
            "folds": [fold.to_dict() for fold in self.folds],
            "replied": self.replied and self.replied.to_dict(),
        }


def score(
    probabilities: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str],
    *,
    temperature: float = 1.0,
    part: str = "test",
    seed: int = 0,
) -> Score:
    """The score of these predictions, with 95% intervals.

    Accuracy, recall and precision have Wilson intervals. Balanced accuracy is the mean recall of the classes that
    have pictures; its interval is Wilson's for the effective number of pictures, so it is accuracy's own where all
    classes have as many, and it does not shrink to nothing at 100% as a bootstrap's would.

    Args:
        probabilities: float (n, k), rows summing to 1, of the calibrated classifier.
        labels: int (n,), 0..k-1, the truth.
        class_names: k of them.
        names: of the n pictures, relative to their root.
        temperature: the classifier's, to tell how well calibrated it would be without.
        part: what these pictures are called, e.g. "test".
        seed: of the bootstrap of the log loss.

    Raises:
        InputError: if there is no picture, the numbers do not fit together, or rows are no probabilities.

    Example:
        >>> import numpy as np
        >>> stated = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
        >>> result = score(stated, np.array([0, 0, 1, 1]), ["cat", "dog"], ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
        >>> print(result.accuracy.percent)
        75.0% (95% CI 30.1-95.4%)
    """
    probabilities = np.asarray(probabilities, np.float32)
    labels = np.asarray(labels)
    _refuse_what_does_not_fit(probabilities, labels, class_names, names, temperature)
    k = len(class_names)
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(labels.astype(np.int64) * k + predicted, minlength=k * k).reshape(k, k)
    support, taken, hits = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    classes = tuple(
        ClassScore(name, int(n), int(p), wilson(int(hit), int(n)), wilson(int(hit), int(p)))
        for name, n, p, hit in zip(class_names, support, taken, hits, strict=True)
    )
    losses = picture_losses(probabilities, labels)
    rounds = max(_FEWEST_ROUNDS, min(_MOST_ROUNDS, _RESAMPLED_ROWS // len(labels)))
    before = probabilities if temperature == 1.0 else temper(probabilities, 1.0 / temperature)
    bins, bins_before = reliability_bins(probabilities, labels), reliability_bins(before, labels)
    return Score(
        part=part,
        class_names=tuple(class_names),
        names=tuple(names),
        labels=labels.astype(np.int32),
        probabilities=probabilities,
        temperature=float(temperature),
        accuracy=wilson(int(hits.sum()), len(labels)),
        balanced_accuracy=mean_recall(hits, support),
        log_loss=bootstrap(lambda rows: float(losses[rows].mean()), len(labels), seed=seed, rounds=rounds),
        log_loss_before=float(picture_losses(before, labels).mean()),
        calibration_error=calibration_error(bins),
        calibration_error_before=calibration_error(bins_before),
        classes=classes,
        confusion=confusion,
        bins=bins,
        bins_before=bins_before,
    )


def mean_recall(hits: np.ndarray, support: np.ndarray) -> Estimate:
    """The mean recall of the classes that have pictures: the balanced accuracy, with its interval.

    Args:
        hits: int (k,), pictures of each class that were recognised.
        support: int (k,), pictures of each class, some above 0.
    """
    n = support[support > 0]
    return mean_of_shares(hits[support > 0] / n, n)


def weakest_classes(result: Score, limit: int) -> tuple[ClassScore, ...]:
    """The classes with the lowest recall, the lowest first; those without pictures are left out."""
    measured = [one for one in result.classes if one.support]
    return tuple(sorted(measured, key=lambda one: (one.recall.value, -one.support, one.name))[:limit])


def _refuse_what_does_not_fit(
    probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str], names: Sequence[str], temperature: float
) -> None:
    k = len(class_names)
    if k < 2 or probabilities.ndim != 2 or probabilities.shape[1] != k:
        raise InputError(
            f"probabilities have shape {probabilities.shape} for {k} class names; expected (pictures, classes) with at "
            "least two classes; for a sigmoid give both columns."
        )
    if not len(probabilities) == labels.size == len(names):
        raise InputError(
            f"{len(probabilities):,} rows of probabilities came with {labels.size:,} labels and {len(names):,} names; "
            "expected one of each for every picture, so that none goes unscored."
        )
    if not len(labels):
        raise InputError("there are no pictures to score: give at least one with a label.")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= k:
        raise InputError(f"labels must be whole numbers from 0 to {k - 1}, one for each picture, got {labels.dtype}.")
    require_sums(probabilities, lambda row: f"the probabilities of {names[row]}")
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature is {temperature}; expected a number above 0.")


def _range(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "not defined"
    return f"{100 * estimate.value:.1f}% ({100 * estimate.low:.1f}-{100 * estimate.high:.1f}%)"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 3] + "..."
