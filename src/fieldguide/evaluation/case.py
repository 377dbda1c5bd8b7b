"""Everything that a verdict on a training from scratch may rest on: curves, answers, and what was set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.augmentation.presets import preset_named
from fieldguide.augmentation.settings import Settings
from fieldguide.data.twins import members_of
from fieldguide.errors import InputError
from fieldguide.training.record import Epoch
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.usual import TEST_SHARE
from fieldguide.training.watching import MOST_WATCHED, OUT_OF_TRAIN
from fieldguide.training.wishes import Wishes

if TYPE_CHECKING:
    from fieldguide.evaluation.metrics import Score
    from fieldguide.training.fit import Run

FORMAT = 1
SCRATCH = "scratch"  # the phase of an epoch of a training from scratch
# Between these stated probabilities answers are counted together; close to 1 they lie closer, since answers do.
CONFIDENCES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Setup:
    """What was set for a training, as far as it is known.

    Example:
        >>> setup = Setup.of({"net": {"family": "classic", "dropout": 0.5}, "optimiser": {"name": "sgd"}, "seed": 3})
        >>> setup.net, setup.dropout, setup.optimiser
        ('classic', 0.5, 'sgd')
    """

    recipe: str = "scratch"
    net: str | None = None  # "plain", "classic" or "residual"
    size: str | None = None  # "tiny", "small", "medium" or "large"
    parameters: int | None = None  # of the network
    epochs: int | None = None  # asked for; fewer were done where it stopped early
    optimiser: str | None = None  # "adam", "adamw", "sgd" or "rmsprop"
    rate: float | None = None  # the highest learning rate
    schedule: str | None = None  # "constant", "cosine", "plateau" or "one_cycle"
    batch_size: int | None = None
    augment: str | None = None  # "none", the name of a preset, or "custom"
    augmentation: str = ""  # the settings, as they print
    mixing: str | None = None  # "mix_up" or "cut_mix", where pictures were mixed
    dropout: float = 0.0
    block_dropout: float = 0.0
    l2: float = 0.0
    label_smoothing: float = 0.0
    pictures: int | None = None  # in all parts together
    divided: bool = False  # whether the folder came divided into parts
    held_out: float = 0.0  # share of all pictures that chose, where it did not
    shares: tuple[float, float] | None = None  # that were to choose and to measure, where that is known
    seed: int = 0  # that divides the pictures as they were, where `shares` are known; else the recipe's
    # What asks for these settings on the command line, as pairs of a wish and its value; empty where that is not known.
    asked: tuple[tuple[str, Any], ...] = ()
    # Why it ended before the last epoch: "patience", "target" or "not finite"; "early" where that is not known.
    stopped: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Setup:
        """What these settings say; those that no verdict needs are left aside.

        Args:
            settings: by name, such as a recipe's `to_dict()`, with network, optimiser, mixing and augmentation as
                records of their own; an augmentation of None is none at all.
        """
        flat = dict(settings)
        for name, called in (("net", "family"), ("optimiser", "name"), ("mixing", "kind")):
            if isinstance(record := settings.get(name), Mapping):
                del flat[name]
                flat |= {name if field == called else field: value for field, value in record.items()}
        if flat.get("mixing") == "none":
            flat["mixing"] = None
        if "augment" in settings and not isinstance(settings["augment"], str):
            flat["augment"], flat["augmentation"] = _augmentation(settings["augment"])
        return cls(**{one.name: flat[one.name] for one in fields(cls) if one.name in flat})

    @property
    def varies(self) -> bool:
        """Whether the network saw other pictures than it was measured on: augmented ones or mixtures."""
        return self.augment not in (None, "none") or self.mixing is not None


@dataclass(frozen=True)
class Answers:
    """What a classifier answered on one set of pictures: which classes it mistook, and how sure it was.

    Example:
        >>> import numpy as np
        >>> stated = np.array([[0.9, 0.1], [0.45, 0.55], [0.02, 0.98]])
        >>> answers = Answers.of(stated, np.array([0, 0, 1]))
        >>> answers.confusion, answers.n
        (((1, 1), (0, 1)), 3)
    """

    confusion: tuple[tuple[int, ...], ...]  # rows are the truth, columns what was answered
    right: tuple[int, ...]  # right answers by stated probability, between `CONFIDENCES`
    wrong: tuple[int, ...]  # wrong ones, likewise

    @classmethod
    def of(cls, probabilities: np.ndarray, labels: np.ndarray) -> Answers:
        """The answers that these probabilities are.

        Args:
            probabilities: float (n, k), rows summing to 1.
            labels: int (n,), 0..k-1, the truth.
        """
        k = probabilities.shape[1]
        answered = probabilities.argmax(axis=1)
        confusion = np.bincount(labels.astype(np.int64) * k + answered, minlength=k * k).reshape(k, k)
        place = np.searchsorted(CONFIDENCES, probabilities.max(axis=1), side="right")
        bins = len(CONFIDENCES) + 1
        right, wrong = (np.bincount(place[hit], minlength=bins) for hit in (answered == labels, answered != labels))
        return cls(_rows(confusion), tuple(right.tolist()), tuple(wrong.tolist()))

    @property
    def n(self) -> int:
        """How many pictures were answered."""
        return sum(map(sum, self.confusion))


@dataclass(frozen=True)
class Case:
    """What is known of one training from scratch. Plain numbers only, so that it can be kept and judged again.

    Args:
        epochs: of the training, in order; losses may be not finite.
        counts: training pictures of each class.
        setup: what was set.
        held: the kept weights' answers on held-out pictures; None where nobody asked.
        leaks: how many of the held-out pictures that each epoch was measured on are known to stand among the training
            ones too; None where nobody looked.
        twins: how many of the training pictures are there more than once, alike or nearly so, each counted once; None
            where nobody looked.
        conflicts: how many of those stand in more than one class.
        class_names: as many as counts, or none.
        watched: what the held-out pictures are called, such as "validation".

    Example:
        >>> case = Case((Epoch("scratch", 1, 0.7, 0.5, 0.7, 0.5, n=60, val_n=20),), (30, 30))
        >>> Case.from_dict(case.to_dict()) == case
        True
    """

    epochs: tuple[Epoch, ...]
    counts: tuple[int, ...]
    setup: Setup = Setup()
    held: Answers | None = None
    leaks: int | None = None
    class_names: tuple[str, ...] = ()
    watched: str = "held-out"
    twins: int | None = None
    conflicts: int = 0

    @classmethod
    def of(cls, run: Run, score: Score | None = None) -> Case:
        """The case of a run from scratch.

        Args:
            run: from `train`, with epochs of phase "scratch".
            score: of its classifier on pictures that it did not learn from.
        """
        # Without a validation part, what was looked at after each epoch is free of leaks: see `watch`.
        later = {leak.other for leak in run.parts.leaks if leak.part == "train"}
        held = run.parts.validation
        leaks = sum(held.name(row) in later for row in range(len(held)))
        epochs = tuple(epoch for epoch in run.epochs if epoch.phase == SCRATCH)
        every = (run.parts.train, held, run.parts.test)
        setup = replace(
            Setup.of(run.recipe.to_dict()),
            divided=len({part for data in every if data.given is not None for part in data.given.tolist()}) > 1,
            pictures=sum(map(len, every)),
            held_out=len(held) / sum(map(len, every)),
            shares=run.parts.shares,
        )
        if run.parts.shares is not None:  # of the two seeds, that by which the same pictures measure what comes next
            setup = replace(setup, seed=run.parts.seed)
        if isinstance(run.recipe, ScratchRecipe):
            wishes = Wishes.of(run.recipe, run.parts.train.counts)
            setup = replace(setup, asked=tuple((name, getattr(wishes, name)) for name in wishes.asked()))
        if setup.epochs is not None and len(epochs) < setup.epochs:
            setup = replace(setup, stopped="early")
        return cls(
            epochs,
            tuple(run.parts.train.counts.values()),
            setup,
            None if score is None else Answers.of(score.probabilities, score.labels),
            round(leaks * min(1.0, MOST_WATCHED / max(1, len(held)))),
            run.parts.train.class_names,
            _watched(run),
            *_twins(run.parts.groups, run.parts.train.labels),
        )

    @property
    def pictures(self) -> int:
        """How many pictures there are in all parts, of which shares are taken; as many as must be, where not known."""
        if self.setup.pictures is not None:
            return self.setup.pictures
        measured = self.setup.shares[1] if self.setup.shares else TEST_SHARE
        return round((sum(self.counts) + self.epochs[-1].val_n) / (1 - measured))

    def class_name(self, place: int) -> str:
        """What a class is called: "'dogs'", or "class 2" where no names are known.

        Args:
            place: from 0.
        """
        return f"'{self.class_names[place]}'" if self.class_names else f"class {place + 1}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; null is what is no finite number.

        Of the epochs there is a list for each field, or one value where all epochs have the same; never of their
        numbers, which tell how many there are.
        """
        columns = {one.name: _column([getattr(epoch, one.name) for epoch in self.epochs]) for one in fields(Epoch)}
        columns["epoch"] = [epoch.epoch for epoch in self.epochs]
        return {
            "format": FORMAT,
            "epochs": columns,
            "counts": list(self.counts),
            "setup": asdict(self.setup),
            "held": None if self.held is None else asdict(self.held),
            "leaks": self.leaks,
            "class_names": list(self.class_names),
            "watched": self.watched,
            "twins": self.twins,
            "conflicts": self.conflicts,
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Case:
        """The case that `to_dict` gave, or that was read from its JSON.

        Raises:
            InputError: if it is of another format.
        """
        if kept.get("format") != FORMAT:
            raise InputError(f"the case's format is {kept.get('format')!r}; expected {FORMAT}: write it again.")
        count = len(kept["epochs"]["epoch"])
        columns = {name: one if isinstance(one, list) else [one] * count for name, one in kept["epochs"].items()}
        epochs = tuple(
            Epoch(**{name: _read(name, value) for name, value in zip(columns, row, strict=True)})
            for row in zip(*columns.values(), strict=True)
        )
        held = _answers(kept["held"])
        names = tuple(kept.get("class_names", ()))
        watched = kept.get("watched", "held-out")
        twins = kept.get("twins"), kept.get("conflicts", 0)
        return cls(epochs, tuple(kept["counts"]), _setup(kept["setup"]), held, kept["leaks"], names, watched, *twins)


def _twins(groups: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """How many pictures are there more than once, and how many of these stand in more than one class.

    Args:
        groups: int (n,); pictures with the same number are one picture.
        labels: int (n,).
    """
    crowds = members_of(groups)
    return len(crowds), sum(len(np.unique(labels[list(rows)])) > 1 for rows in crowds)


def _watched(run: Run) -> str:
    """What the pictures are called that were looked at after each epoch."""
    if len(run.parts.validation):
        return "validation"
    return "held-out" if OUT_OF_TRAIN in run.choices.how else run.parts.measured


def _augmentation(settings: Mapping[str, Any] | None) -> tuple[str, str]:
    """The name of the preset, "none" or "custom", and the settings as they print."""
    varied = Settings() if settings is None else Settings(**settings)
    if varied == Settings():
        return "none", ""
    return preset_named(varied) or "custom", str(varied)


_ALWAYS = {"loss", "accuracy", "val_loss", "val_accuracy"}  # numbers of every epoch: null is one that is not finite


def _column(values: Sequence[Any]) -> Any:
    """The values of a field, or the one that all epochs have."""
    plain = [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
    return plain[0] if plain and plain.count(plain[0]) == len(plain) else plain


def _read(name: str, value: Any) -> Any:
    return math.nan if value is None and name in _ALWAYS else value


def _setup(kept: Mapping[str, Any]) -> Setup:
    pairs = ((name, tuple(value) if isinstance(value, list) else value) for name, value in kept.get("asked", ()))
    shares = kept.get("shares")
    return Setup(**{**kept, "asked": tuple(pairs), "shares": tuple(shares) if shares else None})


def _answers(kept: Mapping[str, Any] | None) -> Answers | None:
    if kept is None:
        return None
    return Answers(_rows(kept["confusion"]), tuple(kept["right"]), tuple(kept["wrong"]))


def _rows(matrix: np.ndarray | Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in matrix)
