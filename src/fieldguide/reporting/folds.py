"""A cross-validation fold by fold: how far the models lie apart, and how far its interval can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from fieldguide.evaluation.folds import FoldScore, on_the_spread
from fieldguide.reporting.markup import interval, percent, scrolling, section, sentence
from fieldguide.words import capital

_TITLES = ("fold", "pictures", "accuracy", "95% CI", "on those it learnt from", "temperature")
_WORDS = ("fold", "95% CI")  # columns that are no numbers


def fold_by_fold(folds: Sequence[FoldScore]) -> str:
    """What each fold's model was worth, and what that says.

    Args:
        folds: of a score.
    """
    head = "".join(
        f'<th scope="col"{"" if title in _WORDS else " class=" + chr(34) + "number" + chr(34)}>{title}</th>'
        for title in _TITLES
    )
    rows = "".join(
        f'<tr><th scope="row">{number}</th><td class="number">{len(fold.rows):,}</td>'
        f'<td class="number">{percent(fold.accuracy.value)}</td><td class="range">{interval(fold.accuracy)}</td>'
        f'<td class="number">{percent(fold.trained.value)}</td><td class="number">{fold.temperature:.2f}</td></tr>'
        for number, fold in enumerate(folds, start=1)
    )
    spread = on_the_spread(folds) + "."
    said = (
        f"<p>{sentence(capital(spread))} The interval at the top is of all pictures together and takes "
        "predictions for independent. The models share training pictures, so it is a little too narrow, and no figure "
        "of one cross-validation can tell by how much (Bengio and Grandvalet, 2004). Each model made its choices as "
        "the classifier did, among the pictures it learnt from; the curves above are of the classifier itself.</p>"
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return section("folds", "Fold by fold", said + scrolling("Accuracy of each fold", table))
