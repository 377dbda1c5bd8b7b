"""What the models of a cross-validation were worth, fold by fold, and what can be said of all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldguide.intervals import Estimate, wilson

# Of a part's name, in a score, a table and a card.
CROSS_VALIDATION = "cross-validation"


@dataclass(frozen=True, eq=False)
class FoldScore:
    """One fold, and the model that learnt from all others.

    Example:
        >>> fold = FoldScore(np.arange(20), wilson(18, 20), wilson(80, 80), 1.2)
        >>> print(fold.accuracy.percent)
        90.0% (95% CI 69.9-97.2%)
    """

    rows: np.ndarray  # int64, of the fold's pictures among all
    accuracy: Estimate  # of the model on these, which it had not seen
    trained: Estimate  # of the model on the pictures that it learnt from
    temperature: float  # that its logits are divided by

    def to_dict(self) -> dict[str, object]:
        """The figures by name, without the rows."""
        return {
            "n": len(self.rows),
            "accuracy": self.accuracy.to_dict(),
            "train_accuracy": self.trained.to_dict(),
            "temperature": self.temperature,
        }


def trained_accuracy(folds: Sequence[FoldScore]) -> Estimate:
    """The mean accuracy of the models on the pictures they learnt from, with an interval for the number of pictures.

    Each picture was learnt from by all models but one, and counts once.

    Args:
        folds: of a score.

    Example:
        >>> two = [FoldScore(np.arange(20), wilson(18, 20), wilson(right, 20), 1.0) for right in (19, 20)]
        >>> print(trained_accuracy(two).percent)
        97.5% (95% CI 87.1-99.6%)
    """
    n = sum(len(fold.rows) for fold in folds)
    return wilson(n * float(np.mean([fold.trained.value for fold in folds])), n)


def mean_temperature(folds: Sequence[FoldScore]) -> float:
    """The geometric mean of the models' temperatures, which are factors."""
    return math.exp(float(np.mean([math.log(fold.temperature) for fold in folds])))


def on_the_spread(folds: Sequence[FoldScore]) -> str:
    """How far the folds lie apart, in words.

    Args:
        folds: of a score.

    Example:
        >>> on_the_spread([FoldScore(np.arange(20), wilson(right, 20), wilson(20, 20), 1.0) for right in (17, 19)])
        'over the 2 folds the accuracy goes from 85.0% to 95.0%, standard deviation 7.1 points'
    """
    found = [fold.accuracy.value for fold in folds]
    if min(found) == max(found):
        return f"in each of the {len(folds)} folds the accuracy is {100 * found[0]:.1f}%"
    return (
        f"over the {len(folds)} folds the accuracy goes from {100 * min(found):.1f}% to {100 * max(found):.1f}%, "
        f"standard deviation {100 * float(np.std(found, ddof=1)):.1f} points"
    )


def on_the_models(folds: Sequence[FoldScore]) -> str:
    """What was measured, and what that says of the classifier that is kept: a clause.

    Args:
        folds: of a score.
    """
    count = len(folds)
    others = "other one" if count == 2 else f"other {count - 1}"
    return (
        f"each of {count} models was measured on a fold that took no part in its training or in any of its choices, "
        f"and had the {others} to learn from; the classifier had all pictures, so this is a little pessimistic for it"
    )
