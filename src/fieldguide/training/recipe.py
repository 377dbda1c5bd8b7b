"""The settings of a run: a frozen record, chosen from the pictures unless the user says otherwise."""

from __future__ import annotations

import math
import operator
from dataclasses import asdict, dataclass, field, replace

from fieldguide.answers.naming import ERROR_RATE
from fieldguide.augmentation.presets import PRESETS
from fieldguide.augmentation.settings import Settings
from fieldguide.batches import SAMPLINGS, Mixing
from fieldguide.bounds import number
from fieldguide.data.arguments import store_of
from fieldguide.data.dataset import Dataset
from fieldguide.data.decode import RESIZE_RULES
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.model.backbones import backbone as backbone_named
from fieldguide.model.cuts import PIXELS
from fieldguide.model.lite0 import CUTS, steps_after
from fieldguide.model.trunk import Trunk
from fieldguide.training.judging import JUDGES
from fieldguide.training.losses import require_loss
from fieldguide.training.suited import LARGEST, input_of, larger_than, reading, shape_of, tuning_epochs
from fieldguide.words import counted, shortened, times

FINE_TUNING = ("if better", "always")
MAPS = ("last", "all", "auto")
MOST_VIEWS = 64  # each goes through the network and is kept; more bring nothing that --recipe scratch would not
VARIED = PRESETS["light"].settings  # from view to view
FRAMES = (*RESIZE_RULES, "auto")


@dataclass(frozen=True)
class Recipe:
    """How to train. `Recipe.auto` fills it in from the data; `with_` changes a field.

    Example:
        >>> import fieldguide as fg
        >>> recipe = fg.Recipe(seed=1).with_(fine_tune_epochs=5)
        >>> recipe.fine_tune_epochs, recipe.backbone
        (5, 'efficientnet_lite0')
    """

    backbone: str = "efficientnet_lite0"
    cut: str | None = None  # the layer at which the backbone ends; None for its last map
    pooling: str = "average"  # of its last map: average, max or flatten
    # Which maps the head reads: "last", "all" (those that end a block too), or "auto": all of them where held-out
    # pictures show that they help.
    maps: str = "last"
    target_size: tuple[int, int] = (224, 224)  # height, width
    larger: tuple[int, int] | None = None  # a larger size that is tried too, and taken where held-out pictures gain
    resize: str = "crop"  # crop, squash, pad, or "auto": crop or pad, as held-out pictures tell
    views: int = 1  # of each picture that is learnt from: as it is, and varied so many times less one
    views_if_better: bool = False  # more than one only where held-out pictures are told better with them
    augment: Settings = VARIED  # what varies from view to view
    weights: str | None = None  # of a backbone that is not bundled: "imagenet", "random" or a file; None: bundled ones
    dense: tuple[int, ...] = ()  # widths of hidden layers in the head; without them it is fitted, not trained
    dropout: float = 0.0  # before the last layer of a head with hidden ones
    head_epochs: int = 20  # at the most, of a head with hidden layers
    head_rate: float = 1e-3  # learning rate of Adam at its peak, likewise
    # L2 penalties of the head that are tried, strongest first: on standardised features, per picture.
    penalties: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
    folds: int = 5  # out-of-fold choices where no validation part is given
    fine_tune_epochs: int = 0  # at the most; 0 leaves the backbone as it is
    start: str = ""  # the layer after which fine-tuning trains; "" for the usual one of the backbone
    gradual: bool = False  # stages of the backbone join in one after the other, the last one first
    fine_tune: str = "if better"  # keep it where held-out pictures show a gain, or "always"
    fine_tune_rate: float = 1e-4  # learning rate of Adam at its peak
    patience: int = 3  # epochs without a lower validation loss before fine-tuning stops
    batch_size: int = 32
    # Whose held-out loss and accuracy choose: every one of the "pictures" alike, of the "classes", or "auto": of the
    # classes where the largest has three times the pictures of the smallest one or more.
    judge_by: str = "auto"
    # Power of the class weights: 0 counts every picture alike, 1 every class; None: chosen of a head without hidden
    # layers, and of one with them by the imbalance.
    class_weights: float | None = None
    sampling: str = "plain"  # or "balanced": each class comes equally often
    loss: str = "cross_entropy"  # or "focal", of whatever is trained in epochs
    gamma: float = 2.0  # of the focal loss
    label_smoothing: float = 0.0  # share of each label that is spread over all classes, likewise
    mixing: Mixing = field(
        default_factory=Mixing
    )  # of the activations that are trained on, likewise: "none" or "mix_up"
    # Share of new pictures of the same kind whose class may stay unnamed, and of those that may be called unlike all.
    error_rate: float = ERROR_RATE
    seed: int = 0
    reasons: tuple[str, ...] = ()  # one line for each thing that was chosen

    def __post_init__(self) -> None:
        known = backbone_named(self.backbone)
        if not known.bundled and self.weights is None:
            raise InputError(
                f"the backbone is {known.name}, whose weights do not come with fieldguide; expected weights: "
                f"'imagenet' for those of Keras (a download of about {known.download_megabytes} MB, once), a file, or "
                "'random'."
            )
        object.__setattr__(self, "backbone", known.name)
        if not isinstance(self.dense, tuple | list):
            raise InputError(f"dense is {self.dense}; expected whole numbers in a tuple, such as (1024,).")
        object.__setattr__(self, "dense", tuple(self.dense))
        for width in self.dense:
            if not _whole(width, 1, 65_536):
                raise InputError(f"dense is {self.dense}; expected whole numbers from 1, such as 1024.")
        if self.dense and self.maps != "last":
            raise InputError(f"maps is {self.maps!r}; a head with hidden layers reads the last one: give 'last'.")
        if not 0 <= self.dropout < 1 or (self.dropout and not self.dense):
            raise InputError(
                f"dropout is {self.dropout}; expected a share from 0 to below 1, and above 0 only with hidden layers "
                "in the head (dense, --dense 256)."
            )
        if self.maps not in MAPS:
            raise InputError(f"maps is {self.maps!r}; expected one of {', '.join(MAPS)}.")
        trunk = self.trunk  # refuses layers that there are not
        if not self.start:
            object.__setattr__(self, "start", _usual_start(trunk))
        if self.resize not in FRAMES:
            raise InputError(f"resize is {self.resize!r}; expected one of {', '.join(FRAMES)}.")
        if len(self.target_size) != 2 or not all(_whole(side, 32, LARGEST) for side in self.target_size):
            raise InputError(
                f"target_size is {self.target_size}; expected (height, width), each from 32 to 512 pixels; "
                f"{known.name} was trained at {known.target_size[0]}."
            )
        if min(self.target_size) < known.smallest_side:
            raise InputError(
                f"target_size is {self.target_size}; {known.title} takes pictures of at least {known.smallest_side} "
                f"pixels on each side, and was trained at {known.target_size[0]}."
            )
        if trunk.bundled and self.start != PIXELS:
            steps_after(self.start)  # refuses a layer that ends no block
            if trunk.cut is not None and CUTS.index(self.start) >= CUTS.index(trunk.cut):
                raise InputError(
                    f"start is {self.start!r}, and the backbone is cut at {trunk.cut!r}: choose a layer before it."
                )
        if self.larger is not None:
            self._require_larger(self.larger)
        if not self.penalties or not all(0 < penalty < math.inf for penalty in self.penalties):
            raise InputError(f"penalties is {self.penalties}; expected one or more numbers above 0.")
        least = {
            "views": 1,
            "head_epochs": 1,
            "folds": 2,
            "fine_tune_epochs": 0,
            "patience": 1,
            "batch_size": 1,
            "seed": 0,
        }
        if _whole(self.views, MOST_VIEWS + 1):
            raise InputError(f"views is {self.views}; expected a whole number from 1 to {MOST_VIEWS}.")
        for name, smallest in least.items():
            if not _whole(getattr(self, name), smallest):
                raise InputError(f"{name} is {getattr(self, name)!r}; expected a whole number, {smallest} or larger.")
            object.__setattr__(self, name, operator.index(getattr(self, name)))  # a NumPy integer becomes a plain one
        object.__setattr__(self, "target_size", tuple(operator.index(side) for side in self.target_size))
        object.__setattr__(self, "augment", self.augment or Settings())  # "none" asks for no settings at all
        if self.views > 1 and not self.augment.changed():
            raise InputError(
                f"views is {self.views}, and augment is none: further views would be the same picture again. Leave "
                "views out, or vary them by augment, such as light."
            )
        if self.fine_tune not in FINE_TUNING:
            raise InputError(f"fine_tune is {self.fine_tune!r}; expected one of {', '.join(FINE_TUNING)}.")
        self._check_imbalance()
        for name in ("fine_tune_rate", "head_rate"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)!r}; expected a number between 0 and 1.")
        object.__setattr__(self, "error_rate", error_rate_of(self.error_rate))

    def _require_larger(self, larger: tuple[int, int]) -> None:
        """That a larger size is one, and larger."""
        sides = isinstance(larger, tuple | list) and len(larger) == 2
        if not sides or not all(_whole(side, 32, LARGEST) for side in larger):
            raise InputError(f"larger is {shortened(larger)}; expected (height, width), each up to {LARGEST} pixels.")
        least = backbone_named(self.backbone).smallest_side
        if math.prod(larger) <= math.prod(self.target_size) or min(larger) < least:
            raise InputError(
                f"larger is {larger}; expected more pixels than target_size has, which is {self.target_size}, and at "
                f"least {least} on each side."
            )
        object.__setattr__(self, "larger", tuple(operator.index(side) for side in larger))

    def with_larger(self, shape: float = 1.0) -> Recipe:
        """The same recipe, that also tries an input of about twice as many pixels.

        Args:
            shape: width over height of the pictures, which a larger input need not squeeze.

        Raises:
            InputError: it is as large as can be already.

        Example:
            >>> Recipe().with_larger().larger, Recipe().with_larger(4 / 3).larger
            ((320, 320), (288, 384))
        """
        larger = larger_than(self.target_size, shape)
        if math.prod(larger) <= math.prod(self.target_size):
            raise InputError(
                f"--larger: the input is {times(self.target_size)} pixels, and {LARGEST} on a side are the most: leave "
                "it out."
            )
        return self.with_(larger=larger)

    def _check_imbalance(self) -> None:
        """That what concerns unequal classes and the loss is in range and goes together."""
        if self.judge_by not in JUDGES:
            raise InputError(f"judge_by is {shortened(self.judge_by)}; expected one of {', '.join(JUDGES)}.")
        if self.sampling not in SAMPLINGS:
            raise InputError(f"sampling is {shortened(self.sampling)}; expected one of {', '.join(SAMPLINGS)}.")
        if self.class_weights is not None:
            power = number("class_weights", self.class_weights, "a number from 0 to 1", lambda power: 0 <= power <= 1)
            object.__setattr__(self, "class_weights", power)
            if power and self.sampling == "balanced":
                raise InputError(
                    f"class_weights is {power:g} and sampling balanced, which would even the classes out twice: leave "
                    "out one of them."
                )
        object.__setattr__(self, "gamma", require_loss(self.loss, self.gamma))
        share = number("label_smoothing", self.label_smoothing, "a number from 0 to below 1", lambda one: 0 <= one < 1)
        object.__setattr__(self, "label_smoothing", share)
        if not isinstance(self.mixing, Mixing) or self.mixing.kind not in ("none", "mix_up"):
            raise InputError(
                f"mixing is {shortened(self.mixing)}; expected fg.Mixing('mix_up') or none: what a frozen backbone has "
                "made of pictures is mixed, of which no boxes can be cut."
            )

    @property
    def trained(self) -> bool:
        """Whether anything is trained in epochs: hidden layers or the last blocks; one layer alone is fitted."""
        return bool(self.dense or self.fine_tune_epochs)

    @property
    def trunk(self) -> Trunk:
        """What computes features: of all its maps, where the head may read them."""
        whole = Trunk(self.backbone, self.cut, pooling=self.pooling)
        return whole if self.maps == "last" else whole.with_all_taps()

    @classmethod
    def auto(
        cls, train: Dataset | PixelStore, *, seed: int = 0, fine_tune: bool = True, larger: bool = False
    ) -> Recipe:
        """A recipe that fits these pictures, with the reason for each choice.

        It depends on the pictures alone, never on how fast the machine is, so that the same pictures give the same
        model.

        Args:
            train: the pictures to train on.
            seed: of everything random in the training.
            fine_tune: False never trains the backbone.
            larger: True also tries a larger input, in the shape of the pictures where all have one.

        Raises:
            InputTypeError: the pictures are of another kind.

        Example:
            >>> import fieldguide as fg
            >>> data = fg.Dataset.from_directory("photos")
            >>> recipe = fg.Recipe.auto(data)
            >>> recipe.target_size
            (224, 224)
            >>> len(recipe.reasons)
            5
        """
        store = store_of("train", train)
        known = backbone_named(cls.backbone)
        count, classes = len(store), len(store.dataset.class_names)
        target_size, resize, about_size = input_of(store.facts, known.target_size)
        epochs, about_epochs = tuning_epochs(count, fine_tune)
        maps, views, about_reading = reading(count, target_size)
        loss = "one sigmoid unit with binary" if classes == 2 else f"{classes} softmax units with categorical"
        reasons = (
            f"backbone {known.title}: comes with fieldguide, and fits {counted(count, 'picture')} on a laptop",
            about_size,
            f"head: {loss} cross-entropy, its L2 penalty chosen on held-out pictures",
            about_reading,
            about_epochs,
        )
        made = cls(
            maps=maps,
            target_size=target_size,
            resize=resize,
            views=views,
            views_if_better=True,
            fine_tune_epochs=epochs,
            seed=seed,
            reasons=reasons,
        )
        return made.with_larger(shape_of(store.facts) if resize == "squash" else 1.0) if larger else made

    def with_(self, **changes: object) -> Recipe:
        """The same recipe with some fields changed; unknown fields are a TypeError."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, object]:
        """All fields, ready for JSON."""
        return {**asdict(self), "augment": self.augment.changed() if self.views > 1 else None}


def error_rate_of(rate: object) -> float:
    """The share of answers that may be wrong, seen to be one.

    Raises:
        InputError: it is no number, or out of range.

    Example:
        >>> error_rate_of(1.5)
        Traceback (most recent call last):
        fieldguide.errors.InputError: error_rate is 1.5; expected a share above 0 and below 0.5, such as 0.05.
    """
    return number("error_rate", rate, "a share above 0 and below 0.5, such as 0.05", lambda share: 0 < share < 0.5)


def _whole(number: object, smallest: int, largest: float = math.inf) -> bool:
    """Whether `number` is a whole number in this range."""
    try:
        return smallest <= operator.index(number) <= largest  # type: ignore[arg-type]  # NumPy's integers too
    except TypeError:
        return False


def _usual_start(trunk: Trunk) -> str:
    """Where the fine-tuning of a trunk starts: at the usual layer, or where that is cut off, before the last block."""
    usual, ends = trunk.spec.cut, CUTS if trunk.bundled else trunk.spec.cuts
    if trunk.cut is not None and trunk.cut not in ends:
        return PIXELS  # which layers come before it is not known here
    if trunk.cut is None or (usual in ends and ends.index(usual) < ends.index(trunk.cut)):
        return usual
    return ends[ends.index(trunk.cut) - 1] if ends.index(trunk.cut) else PIXELS


def start_of(trunk: Trunk, blocks: int) -> str:
    """The layer after which the last `blocks` blocks of a trunk follow, of a backbone that is not bundled its stages.

    Raises:
        InputError: it has fewer.
    """
    ends = list(CUTS if trunk.bundled else trunk.spec.cuts)
    if trunk.cut in ends:
        ends = ends[: ends.index(trunk.cut)]
    starts = [PIXELS, *ends]
    if not 1 <= blocks <= len(starts):
        raise InputError(
            f"the last {blocks} blocks of {trunk.spec.title} are asked for; expected a number from 1 to {len(starts)}."
        )
    return starts[-blocks]
