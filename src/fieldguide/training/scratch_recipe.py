"""The settings of a training from random weights: a frozen record of the network, the pictures and the optimiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from fieldguide.answers.naming import ERROR_RATE
from fieldguide.augmentation.presets import preset_called, preset_named, settings_called
from fieldguide.augmentation.settings import Settings
from fieldguide.batches import SAMPLINGS, Batches, Mixing
from fieldguide.bounds import number, whole
from fieldguide.data.arguments import store_of
from fieldguide.data.dataset import Dataset
from fieldguide.data.decode import RESIZE_RULES
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.model.nets import LARGEST, SMALLEST, Net
from fieldguide.training.losses import require_loss
from fieldguide.training.optimiser import USUAL_PATIENCE, Optimiser
from fieldguide.training.recipe import error_rate_of
from fieldguide.training.stopping import Stopping, Targets
from fieldguide.training.usual import (
    USUAL_EPOCHS,
    usual_augmentation,
    usual_class_weights,
    usual_epochs,
    usual_growth,
    usual_margin,
    usual_mirrored,
    usual_size,
)
from fieldguide.words import counted, shortened

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
MOST_EPOCHS = 10_000
ROUNDED_TO = 8  # pixels
MOST_MARGIN = 4.0


@dataclass(frozen=True)
class ScratchRecipe:
    """How to train a network from random weights. The defaults are good ones; `with_` changes a field.

    Args:
        net: the network.
        resize: how pictures are brought to its input size: "crop", "squash" or "pad".
        augment: how far pictures are varied; None leaves them as they are. Given by the name of a preset, "light",
            "medium", "strong" or "crops", or as "none", it becomes what that stands for.
        mixing: whether they are mixed with one another.
        optimiser: with its rate and schedule.
        epochs: at the most; the schedule is laid out for all of them.
        batch_size: pictures that are learnt from at once.
        label_smoothing: share of each label that is spread over all classes.
        class_weights: 0 counts every picture alike, 1 every class.
        sampling: "plain"; or "balanced": each class comes equally often in an epoch, pictures of small ones
            several times, each time varied anew.
        loss: "cross_entropy"; or "focal", in which pictures that are told well already count less.
        gamma: of the focal loss: how much less.
        margin: pictures are kept so many times as large as what the network sees of them, so that crops stay sharp.
        growth: pairs of a share of the epochs, up to which the network sees smaller pictures, and their share of its
            input's sides; the shares of epochs rise. Most is learnt from small pictures, which are quick; only networks
            with pooling "average" can begin so.
        average: of the weights over the steps, by which each older one counts less; 0 keeps the last ones.
        stopping: early stopping, which needs held-out pictures; None trains all epochs and keeps the last one.
        targets: accuracies at which the training ends; likewise.
        precision: of the arithmetic: "auto" is half precision where the hardware gains by it, else "float32".
        error_rate: share of new pictures of the same kind whose class may stay unnamed, and of those that may be called
            unlike all that was learnt from.
        seed: of everything random.
        reasons: one line for each thing that was chosen.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> import fieldguide as fg
        >>> recipe = fg.ScratchRecipe(epochs=20, seed=1)
        >>> recipe.with_(label_smoothing=0.0).epochs
        20
        >>> recipe.with_(augment="light").augment.rotation_range
        8
    """

    net: Net = field(default_factory=Net)
    resize: str = "crop"
    augment: Settings | None = None
    mixing: Mixing = field(default_factory=Mixing)
    optimiser: Optimiser = field(default_factory=Optimiser)
    epochs: int = USUAL_EPOCHS
    batch_size: int = 32
    label_smoothing: float = 0.1
    class_weights: float = 0.0
    sampling: str = "plain"
    loss: str = "cross_entropy"
    gamma: float = 2.0
    margin: float = 1.0
    growth: tuple[tuple[float, float], ...] = ()
    average: float = 0.995
    stopping: Stopping | None = None
    targets: Targets | None = None
    precision: str = "auto"
    error_rate: float = ERROR_RATE
    seed: int = 0
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.resize not in RESIZE_RULES:
            raise InputError(f"resize is {self.resize!r}; expected one of {', '.join(RESIZE_RULES)}.")
        if self.precision not in PRECISIONS:
            raise InputError(f"precision is {self.precision!r}; expected one of {', '.join(PRECISIONS)}.")
        augment: Any = self.augment
        if isinstance(augment, str):
            object.__setattr__(self, "augment", settings_called(augment))
        self._check_kinds()
        for name, least, most in (("epochs", 1, MOST_EPOCHS), ("batch_size", 1, 65_536), ("seed", 0, math.inf)):
            upto = "" if most == math.inf else f" to {most:,}"
            value = whole(name, getattr(self, name), f"a whole number from {least}{upto}", least, most)
            object.__setattr__(self, name, value)
        for name in ("label_smoothing", "average"):
            share = number(name, getattr(self, name), "a number from 0 to below 1", lambda share: 0 <= share < 1)
            object.__setattr__(self, name, share)
        power = number("class_weights", self.class_weights, "a number from 0 to 1", lambda power: 0 <= power <= 1)
        object.__setattr__(self, "class_weights", power)
        if self.sampling not in SAMPLINGS:
            raise InputError(f"sampling is {shortened(self.sampling)}; expected one of {', '.join(SAMPLINGS)}.")
        if power and self.sampling == "balanced":
            raise InputError(
                f"class_weights is {power:g} and sampling balanced, which would even the classes out twice: leave out "
                "one of them."
            )
        object.__setattr__(self, "gamma", require_loss(self.loss, self.gamma))
        expected = f"a number from 1 to {MOST_MARGIN:g}, such as 1.25"
        margin = number("margin", self.margin, expected, lambda margin: 1 <= margin <= MOST_MARGIN)
        object.__setattr__(self, "margin", margin)
        object.__setattr__(self, "growth", _growth(self.growth))
        if self.growth and self.net.pooling == "flatten":
            raise InputError("growth needs a network that takes pictures of any size: pool by the average.")
        self._check_patience()
        object.__setattr__(self, "error_rate", error_rate_of(self.error_rate))

    def _check_kinds(self) -> None:
        """That what is a record of its own is one."""
        for name, (kind, optional, hint) in _KINDS.items():
            value = getattr(self, name)
            if not (isinstance(value, kind) or (optional and value is None)):
                expected = f"{'None or ' if optional else ''}{kind.__name__}"
                raise InputError(f"{name} is {shortened(value)}; expected {expected}, such as {hint}.")

    def _check_patience(self) -> None:
        """That "plateau" gets to lower the rate before early stopping ends the training by the same measure."""
        ends = self.stopping.patience if self.stopping is not None and self.stopping.metric == "val_loss" else math.inf
        if self.optimiser.schedule == "plateau" and self.plateau_patience >= ends:
            raise InputError(
                f"early stopping ends the training after {counted(int(ends), 'epoch')} without a lower held-out loss, "
                f"and 'plateau' would lower the rate after {self.plateau_patience}: give early stopping a longer "
                "patience, or take another schedule."
            )

    @property
    def target_size(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        return self.net.target_size

    @property
    def plateau_patience(self) -> int:
        """Epochs without a lower held-out loss before "plateau" divides the rate: that of the optimiser, if it has one.

        Otherwise a third of that of early stopping, so that the lower rate is tried before the training ends.

        Example:
            >>> ScratchRecipe(stopping=Stopping(patience=12)).plateau_patience
            4
        """
        if self.optimiser.patience is not None:
            return self.optimiser.patience
        return USUAL_PATIENCE if self.stopping is None else max(1, self.stopping.patience // 3)

    @property
    def never_stops(self) -> str:
        """What is to be said of early stopping that waits for longer than there are epochs; "" where it may end it.

        Example:
            >>> print(ScratchRecipe(epochs=5, stopping=Stopping(patience=10)).never_stops)
            Early stopping waits for 10 epochs, and there are 5: it keeps the best of them, and never ends it early.
        """
        if self.stopping is None or self.stopping.patience < self.epochs:
            return ""
        waits = f"Early stopping waits for {counted(self.stopping.patience, 'epoch')}, and there are {self.epochs:,}"
        return f"{waits}: it keeps the best of them, and never ends it early."

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Every (height, width) that the network learns from, in the order in which it sees them.

        Example:
            >>> ScratchRecipe(growth=((0.5, 0.75),)).sizes
            ((96, 96), (128, 128))
        """
        return tuple(dict.fromkeys(self.size_at(done) for done in (0.0, *(until for until, _ in self.growth))))

    def size_at(self, done: float) -> tuple[int, int]:
        """(height, width) of what the network learns from once this share of the epochs is done.

        Example:
            >>> recipe = ScratchRecipe(growth=((0.5, 0.75),))
            >>> recipe.size_at(0.0), recipe.size_at(0.5)
            ((96, 96), (128, 128))
        """
        share = next((share for until, share in self.growth if done < until), 1.0)
        return self.target_size if share == 1 else _scaled(self.target_size, share)

    def kept_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that pictures are kept at, of which the network sees `size`.

        None is kept larger than pictures can be: of large ones the margin is smaller, or none.

        Example:
            >>> recipe = ScratchRecipe(margin=1.25)
            >>> recipe.kept_size((128, 128)), recipe.kept_size((960, 480))
            ((160, 160), (1024, 512))
        """
        margin = min(self.margin, LARGEST / max(size))
        return size if margin == 1 else _scaled(size, margin)

    @classmethod
    def auto(cls, train: Dataset | PixelStore, *, seed: int = 0) -> ScratchRecipe:
        """A recipe that fits these pictures, with the reason for each choice.

        It depends on the pictures alone, never on how fast the machine is.

        Args:
            train: the pictures to train on.
            seed: of everything random.

        Raises:
            InputTypeError: the pictures are of another kind.

        Example:
            >>> import fieldguide as fg
            >>> recipe = fg.ScratchRecipe.auto(fg.Dataset.from_directory("photos"))
            >>> recipe.epochs, recipe.net.family
            (200, 'plain')
        """
        store = store_of("train", train)
        count, counts = len(store), store.dataset.counts
        side, resize, about_size = usual_size(store)
        epochs, power = usual_epochs(count), usual_class_weights(counts)
        name = usual_augmentation(side)
        augment = preset_called(name).settings
        net = Net(target_size=(side, side), mirrored=usual_mirrored(augment))
        reasons = (
            f"network from random weights: {net}",
            about_size,
            f"augmentation {name}: {counted(count, 'picture')} would be learnt by heart without",
            f"{epochs} epochs, so that the pictures are looked at about {epochs * count:,} times in all",
            *(["classes differ in size: weighted by the root of it"] if power else []),
        )
        return cls(
            net=net,
            resize=resize,
            augment=augment,
            epochs=epochs,
            class_weights=power,
            margin=usual_margin(augment),
            growth=usual_growth(net, augment),
            seed=seed,
            reasons=reasons,
        )

    def batches(self, store: PixelStore, rows: np.ndarray) -> Batches:
        """The batches of every epoch of some pictures, varied, mixed and weighted as the recipe says.

        Args:
            store: at the size that the network sees.
            rows: int64 (n,), of the store, that are learnt from.
        """
        return Batches(
            store,
            rows,
            store.dataset.labels[rows],
            len(store.dataset.class_names),
            augment=self.augment,
            mixing=self.mixing,
            smoothing=self.label_smoothing,
            power=self.class_weights,
            sampling=self.sampling,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    def with_(self, **changes: object) -> ScratchRecipe:
        """The same recipe with some fields changed; unknown fields are a TypeError.

        A mirrored network whose pictures are no longer flipped, the augmentation being changed alone, is none any more.

        Example:
            >>> varied = ScratchRecipe(augment="strong", net=Net(mirrored=True))
            >>> varied.with_(augment="none").net.mirrored
            False
        """
        made = replace(self, **changes)  # type: ignore[arg-type]
        if "net" in changes or not usual_mirrored(self.augment) or usual_mirrored(made.augment):
            return made
        return replace(made, net=replace(made.net, mirrored=False))

    def lines(self) -> list[str]:
        """The settings in words, a line each."""
        name = preset_named(self.augment) if self.augment is not None else "none"
        varied = name or str(self.augment)
        mixing = self.mixing
        mixed = "" if mixing.kind == "none" else f", mixed by {mixing.kind.replace('_', ' ')} (alpha {mixing.alpha:g})"
        return [
            f"network {self.net}",
            f"augmentation {varied}{mixed}",
            f"{self.optimiser}, batches of {self.batch_size}, up to {counted(self.epochs, 'epoch')}",
            *([f"focal loss, gamma {self.gamma:g}"] if self.loss == "focal" else []),
            *(["each class comes equally often"] if self.sampling == "balanced" else []),
        ]

    def to_dict(self) -> dict[str, object]:
        """All fields, ready for JSON and for `from_dict`."""
        return {
            **asdict(self),
            "net": self.net.to_dict(),
            "augment": None if self.augment is None else self.augment.to_dict(),
            "growth": [list(pair) for pair in self.growth],
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ScratchRecipe:
        """The recipe that `to_dict` wrote.

        Raises:
            InputError: a field is out of range, missing or unknown.

        Example:
            >>> recipe = ScratchRecipe(epochs=3)
            >>> ScratchRecipe.from_dict(recipe.to_dict()) == recipe
            True
        """
        try:
            made = dict(fields)
            made["net"] = Net.from_dict(made["net"])
            made["augment"] = None if made["augment"] is None else Settings(**made["augment"])
            made["mixing"] = Mixing(**made["mixing"])
            made["optimiser"] = Optimiser(**made["optimiser"])
            made["stopping"] = None if made["stopping"] is None else Stopping(**made["stopping"])
            made["targets"] = None if made["targets"] is None else Targets(**made["targets"])
            made["growth"] = tuple(tuple(pair) for pair in made["growth"])
            made["reasons"] = tuple(made["reasons"])
            return cls(**made)
        except (KeyError, TypeError) as error:
            raise InputError(
                f"a recipe lacks a field or has one too many ({error}); expected what to_dict gives."
            ) from error


_KINDS: Mapping[str, tuple[type, bool, str]] = MappingProxyType(
    {
        "net": (Net, False, 'fg.Net("classic")'),
        "augment": (Settings, True, '"strong"'),
        "mixing": (Mixing, False, 'fg.Mixing("mix_up")'),
        "optimiser": (Optimiser, False, 'fg.Optimiser("sgd")'),
        "stopping": (Stopping, True, "fg.Stopping(patience=5)"),
        "targets": (Targets, True, "fg.Targets(0.95, 0.8)"),
    }
)


def _growth(given: Any) -> tuple[tuple[float, float], ...]:
    """The pairs of a share of the epochs and one of the sides as floats, if they are such."""
    try:
        pairs = tuple((float(until), float(share)) for until, share in given)
    except (TypeError, ValueError):
        pairs = ((math.nan, math.nan),)
    shares = [until for until, _ in pairs]
    if not all(0 < until < 1 and 0 < share < 1 for until, share in pairs) or shares != sorted(set(shares)):
        raise InputError(
            f"growth is {shortened(given)}; expected pairs of shares between 0 and 1, those of the epochs rising, such "
            "as ((0.67, 0.75),), or () for none."
        )
    return pairs


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    height, width = (max(SMALLEST, round(side * factor / ROUNDED_TO) * ROUNDED_TO) for side in size)
    return height, width
