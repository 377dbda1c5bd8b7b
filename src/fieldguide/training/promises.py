"""What is promised of a classifier's answers: which classes it names, and when it calls a picture unlike all of them.

Both rest on pictures that the answering network did not learn from. Where the backbone stays frozen these are all that
were held out in turns: each is stated by a head that did not see it, and the backbone saw none. A network of which more
was trained has learnt from its training pictures for good, so that only those held out of it count. They have chosen
an epoch or a penalty, which tells a few numbers of them and hardly flatters; pictures that measure are never used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fieldguide.answers.naming import Naming
from fieldguide.answers.novelty import MOST_FEATURES, Novelty
from fieldguide.answers.quantile import needed
from fieldguide.calibration import softmax
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.data.twins import find_twins
from fieldguide.model.engine import NetEngine
from fieldguide.training.features import compute_once
from fieldguide.training.phases import Learnt
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Answers
from fieldguide.training.scratch import Scratched
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.seen import Seen
from fieldguide.training.watching import Watched
from fieldguide.words import counted

MOST_COMPARED = 5_000  # pictures that a network from random weights looks at once more, of those it learnt from


@dataclass(frozen=True, eq=False)
class Promises:
    """The rules by which a classifier says that it does not know, or why it has none."""

    naming: Naming | None = None
    novelty: Novelty | None = None
    why: tuple[str, ...] = ()  # there is none of one or both, a sentence each

    def to_dict(self) -> dict[str, object]:
        """The rules without their arrays, ready for JSON."""
        novelty = None
        if self.novelty is not None:
            kept, one = len(self.novelty.references), self.novelty
            novelty = {"threshold": one.threshold, "false_alarms": one.false_alarms, "n": one.n, "references": kept}
        return {"naming": self.naming and self.naming.to_dict(), "novelty": novelty, "why": list(self.why)}


@dataclass(frozen=True, eq=False)
class Origins:
    """Of the pictures of train and then of validation: which are copies, and which were seen in another guise."""

    groups: np.ndarray  # int64 (n,): pictures with the same number are one picture
    leaked: np.ndarray  # bool (n,): of validation, and stands in train too

    @classmethod
    def of(cls, parts: Parts, store: PixelStore) -> Origins:
        """Those of a divided set.

        Args:
            parts: that are learnt from.
            store: of their pictures.
        """
        groups, leaked = parts.groups, np.zeros(len(parts.train) + len(parts.validation), bool)
        if len(parts.validation):
            own = find_twins(store.select(parts.validation)).groups
            groups = np.concatenate([groups, own + 1 + groups.max(initial=0)])
            names = {leak.other for leak in parts.leaks if leak.other_part == "validation"}
            leaked[len(parts.train) :] = [parts.validation.name(row) in names for row in range(len(parts.validation))]
        return cls(groups, leaked)


def promises_of(learnt: Learnt, origins: Origins, recipe: Recipe) -> Promises:
    """What a training on a pretrained backbone can promise.

    Pictures of something else are told by the last map alone, also where the head reads those of all blocks: what early
    maps tell, colours and textures, other things share (benchmarks/results/novelty_maps.csv).

    Args:
        learnt: with the answers of held-out pictures.
        origins: of the pictures.
        recipe: for the error rate, the size of the pictures and the seed.
    """
    naming, why = _naming(learnt.held, origins, recipe.error_rate)
    seen = learnt.seen
    if learnt.tuned is None:
        rows, held, alike = np.arange(seen.learnt), None, None
        features = _of_last_map(seen, recipe, seen.features[0].values[: seen.learnt, seen.first_column :])
    else:
        own = learnt.held.rows[~origins.leaked[learnt.held.rows]]
        rows = np.concatenate([learnt.tuned.fitted, own])
        held = np.arange(len(rows)) >= len(learnt.tuned.fitted)
        features = _of_last_map(seen, recipe, learnt.tuned.features_of(rows))
        alike = _of_last_map(seen, recipe, seen.values(rows, np.zeros(len(rows), np.int64)))
    about = Compared(features, seen.labels[rows], origins.groups[rows], held, alike)
    novelty, besides = _novelty(about, recipe.error_rate, recipe.seed)
    return Promises(naming, novelty, (*why, *besides))


def _of_last_map(seen: Seen, recipe: Recipe, features: np.ndarray) -> np.ndarray:
    """Of the features that a head reads, those of the last map."""
    if seen.trunk.taps and seen.trunk.bundled:  # of others it is not known here where their last map begins
        return features[:, -seen.trunk.widths(recipe.target_size)[-1] :]
    return features


def promises_of_net(
    found: Scratched, watched: Watched, recipe: ScratchRecipe, store: PixelStore, origins: Origins
) -> Promises:
    """What a training from random weights can promise.

    Args:
        found: what it came to.
        watched: which pictures it learnt from, and which it was looked at with.
        recipe: of it.
        store: of the pictures of all parts.
        origins: of those of train and validation.
    """
    if not watched.chooses:
        why_not = "every picture was learnt from or measures, and none was held out to fit its promises on: give "
        return Promises(why=(f"{why_not}--validation a share above 0",))
    labels = store.dataset.labels
    answers = Answers(watched.held, labels[watched.held], softmax(found.logits, found.temperature))
    naming, why = _naming(answers, origins, recipe.error_rate)
    own = watched.held[~origins.leaked[watched.held]]
    fitted = np.random.default_rng((recipe.seed, 23)).permutation(watched.fitted)[:MOST_COMPARED]
    rows = np.concatenate([np.sort(fitted), own])
    held = np.arange(len(rows)) >= len(fitted)
    if recipe.net.features > MOST_FEATURES:
        features = np.zeros((len(rows), recipe.net.features), np.float32)
    else:
        features = compute_once(store.select(store.dataset.select(rows)), NetEngine(recipe.net, found.weights))
    alike = store.thumbnails(rows).reshape(len(rows), -1).astype(np.float32)
    about = Compared(features, labels[rows], origins.groups[rows], held, alike)
    novelty, besides = _novelty(about, recipe.error_rate, recipe.seed)
    return Promises(naming, novelty, (*why, *besides))


def _naming(answers: Answers, origins: Origins, error_rate: float) -> tuple[Naming | None, tuple[str, ...]]:
    """The rule that names classes, or why there is none."""
    new = ~origins.leaked[answers.rows]
    if not new.any():
        return None, ("it names one class each: every picture that was held out is one that it learnt from",)
    groups = origins.groups[answers.rows[new]]
    naming = Naming.fit(answers.probabilities[new], answers.labels[new], groups=groups, error_rate=error_rate)
    if math.isinf(naming.gap):
        few = f"it names one class each: {counted(naming.n, 'held-out picture')} are too few to promise the true class"
        return None, (f"{few} for {100 * (1 - error_rate):g} of 100, {needed(error_rate):,} are needed at least",)
    return naming, ()


@dataclass(frozen=True, eq=False)
class Compared:
    """Pictures that new ones are compared with, or that tell how far apart they usually are; see `Novelty.fit`."""

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    held: np.ndarray | None
    alike: np.ndarray | None


def _novelty(about: Compared, error_rate: float, seed: int) -> tuple[Novelty | None, tuple[str, ...]]:
    """The rule for pictures unlike all that was learnt from, or why there is none."""
    cannot = "it does not tell pictures of something else: "
    features, held = about.features, about.held
    if features.shape[1] > MOST_FEATURES:
        return None, (f"{cannot}of {features.shape[1]:,} features of a picture too little could be kept",)
    if held is not None and not (held.any() and not held.all()):
        return None, (f"{cannot}no picture was held out to compare with",)
    if not np.isfinite(features).all():
        return None, (f"{cannot}what its network sees in some pictures is no number",)
    novelty = Novelty.fit(
        features,
        about.labels,
        groups=about.groups,
        held=held,
        alike=about.alike,
        false_alarms=error_rate,
        seed=seed,
    )
    if math.isinf(novelty.threshold) and novelty.n >= needed(error_rate):
        return None, (f"{cannot}of some pictures no other was left to tell how far apart they usually are",)
    if math.isinf(novelty.threshold):
        few = f"{cannot}{counted(novelty.n, 'picture')} are too few to tell how far apart they usually are"
        return None, (f"{few}, {needed(error_rate):,} are needed at least",)
    return novelty, ()
