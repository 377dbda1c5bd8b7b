"""The next thing to try, as a command: what a training was set to, with the remedy in it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fieldguide.augmentation.presets import PRESETS
from fieldguide.errors import InputError
from fieldguide.evaluation.case import Setup
from fieldguide.model.nets import SIZES
from fieldguide.training.optimiser import LARGEST_RATE, USUAL_RATES
from fieldguide.training.scratch_recipe import MOST_EPOCHS
from fieldguide.training.usual import SCRATCH_VALIDATION_SHARE, TEST_SHARE, VALIDATION_SHARE
from fieldguide.training.wishes import Wishes

PHOTOS = "PHOTOS"  # stands for the folder, as in the help of the command line
STRONGER = {"none": "medium", "light": "medium", "medium": "strong"}
WEAKER = {"light": "none", "medium": "light", "strong": "medium"}
HELD_OUT = 0.3  # share of the pictures
PATIENCE = 0.2  # of the epochs, that early stopping waits at least
DROPOUT = 0.5  # what the literature has before a dense layer, and what is tried first


@dataclass(frozen=True)
class Remedy:
    """What to do, and how.

    Example:
        >>> print(Remedy("Look for copies", "fieldguide check PHOTOS"))
        Look for copies: `fieldguide check PHOTOS`
    """

    what: str  # in words, without a full stop
    command: str

    def __str__(self) -> str:
        return f"{self.what}: `{self.command}`"

    def on(self, *words: str) -> Remedy:
        """The same with a folder of pictures in the place of PHOTOS, or a table and what is said of it.

        Example:
            >>> print(Remedy("Look for copies", "fieldguide check PHOTOS").on("my birds"))
            Look for copies: `fieldguide check 'my birds'`
        """
        return Remedy(self.what, self.command.replace(PHOTOS, shlex.join(words)))

    def to_dict(self) -> dict[str, str]:
        """The fields by name."""
        return {"what": self.what, "command": self.command}


def check(what: str) -> Remedy:
    """Have the pictures looked at.

    Args:
        what: why, in words.
    """
    return Remedy(what, f"fieldguide check {PHOTOS}")


def train(what: str, setup: Setup, **changes: float | str) -> Remedy:
    """Train anew from scratch as before, with some settings changed.

    Args:
        what: why, in words.
        setup: of the training that ails.
        changes: wishes by their name, such as `label_smoothing=0.1`.

    Example:
        >>> setup = Setup(net="classic", size="small", optimiser="sgd", rate=0.01)
        >>> train("Go slower", setup, rate=0.001).command
        'fieldguide train PHOTOS --recipe scratch --net classic --size small --optimiser sgd --rate 0.001'
    """
    return _train(what, setup, changes) or _from_what_has_seen_more(setup)


def _train(
    what: str, setup: Setup, changes: Mapping[str, float | str], *, held_out: float | None = None
) -> Remedy | None:
    """The remedy of `train`, perhaps with another share of the pictures held out; None where it cannot be."""
    try:
        words = Wishes("scratch", **{**_asked(setup), **changes}).words()
    except InputError:
        return None
    divided = _division(setup, SCRATCH_VALIDATION_SHARE, held_out)
    return Remedy(what, shlex.join(["fieldguide", "train", PHOTOS, *words, *divided]))


def _from_what_has_seen_more(setup: Setup) -> Remedy:
    divided = _division(setup, VALIDATION_SHARE, VALIDATION_SHARE)  # it chooses out of fold
    words = ["fieldguide", "train", PHOTOS, "--recipe", "features", *divided]
    return Remedy("Start from a network that has seen a million pictures", shlex.join(words))


def _division(setup: Setup, usual: float, held_out: float | None = None) -> list[str]:
    """The flags that divide the pictures by the shares and the seed that they were divided by, where those are known.

    With the same shares, what comes next is measured on the same pictures; with others mostly on others.
    """
    chosen, measured = setup.shares or (usual, TEST_SHARE)
    chosen = chosen if held_out is None else held_out
    words = [] if chosen == usual else ["--validation", f"{chosen:g}"]
    words += [] if measured == TEST_SHARE else ["--test", f"{measured:g}"]
    return words + (["--seed", str(setup.seed)] if setup.seed else [])


def _asked(setup: Setup) -> dict[str, Any]:
    """What was asked for, by name; of a setup that was put together by hand, what is known of it."""
    if setup.asked:
        return dict(setup.asked)
    known = {name: getattr(setup, name) for name in ("net", "size", "epochs", "optimiser", "schedule")}
    known |= {"dropout": setup.dropout or None, "l2": setup.l2 or None}
    known["rate"] = setup.rate if setup.rate is not None and setup.rate <= LARGEST_RATE else None
    known["augment"] = setup.augment if setup.augment in ("none", *PRESETS) else None
    return {name: value for name, value in known.items() if value is not None}


def more_held_out(setup: Setup, count: int | None = None, enough: int = 0) -> Remedy:
    """More pictures that are held out: another share, or, where the folder comes divided, another division of it.

    Args:
        setup: of the training.
        count: pictures in all parts, where that is known: shares are of all of them.
        enough: how many should be held out.
    """
    if count is not None and HELD_OUT * count < enough:
        return check(f"Add pictures: of {count:,} not enough can be held out")
    measured = setup.shares[1] if setup.shares else TEST_SHARE
    if setup.divided or setup.held_out >= HELD_OUT or HELD_OUT + measured >= 1:
        return check("Add pictures to what is held out, and see that no copies stand in two parts")
    found = _train("Keep more pictures for validation", setup, {}, held_out=HELD_OUT)
    return found or check("Keep more pictures for validation, and see that no copies stand in two parts")


def against_heart(setup: Setup, usual_epochs: int, *, costs: bool = False) -> Remedy:
    """Against learning by heart: more varied pictures, then dropout, then other people's pictures; one at a time.

    Args:
        setup: of the training that ails.
        usual_epochs: that are good for so many pictures; varied ones take longer to learn.
        costs: whether the last epochs cost accuracy and were kept; where pictures were varied already, and still cost
            it, it is to stop in time besides.
    """
    changes: dict[str, float | str] = {}
    what, epochs = "Vary the pictures more", setup.epochs or usual_epochs
    if stronger := STRONGER.get(setup.augment or "none"):
        changes["augment"] = stronger
        if epochs < usual_epochs:
            what, epochs = f"{what}, for as many epochs as are usual", usual_epochs
            changes["epochs"] = epochs
    elif setup.dropout < DROPOUT:
        what, changes["dropout"] = "Add dropout", DROPOUT
    else:
        return _from_what_has_seen_more(setup)
    waits, patience = dict(setup.asked).get("patience"), max(1, round(PATIENCE * epochs))
    if waits is None and costs and setup.varies:  # where it cannot be, the other cure stands alone
        in_time = _train(f"{what}, and stop where it gets no better", setup, {**changes, "patience": patience})
        return in_time or train(what, setup, **changes)
    if waits is not None and waits < patience:  # varied pictures are learnt by fits and starts
        changes["patience"] = patience
    return train(what, setup, **changes)


def more_room(setup: Setup, usual_epochs: int) -> Remedy:
    """Against a network too small or too much held back: less of what holds it back first, then a larger one.

    Args:
        setup: of the training that ails.
        usual_epochs: that are good for so many pictures; varied ones take longer to learn.
    """
    lighter: dict[str, float | str] = {}
    if setup.dropout > 0:
        lighter["dropout"] = 0
    if setup.block_dropout > 0:
        lighter["block_dropout"] = 0
    if setup.l2 > 0:
        lighter["l2"] = 0
    if not lighter and setup.varies and (setup.epochs or usual_epochs) < usual_epochs:
        return train("Train for longer", setup, epochs=usual_epochs)
    if setup.augment in ("strong", "crops"):
        lighter["augment"] = "light"
    if lighter:
        return train("Hold it back less", setup, **lighter)
    larger = SIZES[min(SIZES.index(setup.size) + 1, len(SIZES) - 1)] if setup.size in SIZES else "medium"
    found = _train("Try a larger network", setup, {"size": larger}) if larger != setup.size else None
    return found or longer(setup, setup.epochs or usual_epochs)


def weaker_augmentation(setup: Setup) -> Remedy:
    """Augmentation one step weaker than it was; light where it was none of the presets."""
    return train("Vary the pictures less", setup, augment=WEAKER.get(setup.augment or "", "light"))


def other_rate(what: str, setup: Setup, factor: float, **changes: str) -> Remedy:
    """Another learning rate: the old one times a factor, or the usual one where that lies the same way.

    Args:
        what: why, in words.
        setup: of the training that ails.
        factor: above 1 for a faster training.
        changes: of other settings, as for `train`.
    """
    usual = USUAL_RATES.get(setup.optimiser or "", USUAL_RATES["adam"])
    if setup.rate is None or (setup.rate != usual and (setup.rate < usual) == (factor > 1)):
        rate = usual  # a tenth or ten times of what is far from it would be far from it too
    else:
        rate = setup.rate * factor
    return train(what, setup, rate=float(f"{rate:.2g}"), **changes)


def longer(setup: Setup, done: int, usual_epochs: int = 0) -> Remedy:
    """Twice as many epochs, or as many as are usual where those are more.

    Args:
        setup: of the training that ails.
        done: epochs that there were.
        usual_epochs: that are good for so many pictures.
    """
    return train("Train for longer", setup, epochs=min(max(2 * done, usual_epochs), MOST_EPOCHS))
