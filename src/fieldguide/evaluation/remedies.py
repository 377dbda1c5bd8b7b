"""The next thing to try, as a command: what a training was set to, with one thing changed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from fieldguide.evaluation.case import Setup

PHOTOS = "PHOTOS"  # stands for the folder, as in the help of the command line
SIZES = ("tiny", "small", "medium", "large")
AUGMENTATIONS = ("none", "light", "medium", "strong")
DROPOUT = 0.5  # what the literature has before a dense layer, and what is tried first
RATES = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "sgd": 0.01}  # where nothing is known one begins with these


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

    def on(self, folder: str) -> Remedy:
        """The same with a folder of pictures in the place of PHOTOS.

        Example:
            >>> print(Remedy("Look for copies", "fieldguide check PHOTOS").on("my birds"))
            Look for copies: `fieldguide check 'my birds'`
        """
        return Remedy(self.what, self.command.replace(PHOTOS, shlex.quote(folder)))

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
    """Train anew from scratch with the same network and some settings changed.

    Args:
        what: why, in words.
        setup: of the training that ails.
        changes: flags by their name, underscores for dashes, such as `label_smoothing=0.1`.

    Example:
        >>> train("Go slower", Setup(net="classic", size="small"), rate=0.0001).command
        'fieldguide train PHOTOS --recipe scratch --net classic --size small --rate 0.0001'
    """
    kept = {name: value for name, value in (("net", setup.net), ("size", setup.size)) if value}
    flags = "".join(f" --{name.replace('_', '-')} {_shown(value)}" for name, value in {**kept, **changes}.items())
    return Remedy(what, f"fieldguide train {PHOTOS} --recipe {setup.recipe}{flags}")


def against_heart(setup: Setup) -> Remedy:
    """Against learning by heart: more varied pictures, then dropout, then other people's pictures."""
    stronger = {"none": "medium", "light": "strong", "medium": "strong", None: "medium"}.get(setup.augment)
    if stronger and setup.dropout < DROPOUT:
        return train(
            "Vary the pictures more, and drop half of the features out", setup, augment=stronger, dropout=DROPOUT
        )
    if stronger:
        return train("Vary the pictures more", setup, augment=stronger)
    if setup.dropout < DROPOUT:
        return train("Drop half of the features out", setup, dropout=DROPOUT)
    return Remedy(
        "Start from a network that has seen a million pictures", f"fieldguide train {PHOTOS} --recipe features"
    )


def more_room(setup: Setup) -> Remedy:
    """Against a network too small or too much held back: less of what holds it back first, then a larger one."""
    lighter: dict[str, float | str] = {}
    if setup.dropout > 0:
        lighter["dropout"] = 0
    if setup.l2 > 0:
        lighter["l2"] = 0
    if setup.augment in ("strong", "crops"):
        lighter["augment"] = "light"
    if lighter:
        return train("Hold it back less", setup, **lighter)
    larger = SIZES[min(SIZES.index(setup.size) + 1, len(SIZES) - 1)] if setup.size in SIZES else "medium"
    if larger != setup.size:
        return train("Try a larger network", Setup(net=setup.net), size=larger)
    return train("Train for longer", setup, epochs=2 * (setup.epochs or 50))


def weaker_augmentation(setup: Setup) -> Remedy:
    """Augmentation one step weaker than it was; light where it was none of the presets."""
    place = AUGMENTATIONS.index(setup.augment) if setup.augment in AUGMENTATIONS else 2
    return train("Vary the pictures less", setup, augment=AUGMENTATIONS[max(0, place - 1)])


def other_rate(what: str, setup: Setup, factor: float) -> Remedy:
    """Another learning rate: the old one times a factor, or the usual one where the old one is not known.

    Args:
        what: why, in words.
        setup: of the training that ails.
        factor: above 1 for a faster training.
    """
    usual = RATES.get(setup.optimiser or "", RATES["adam"])
    rate = usual if setup.rate is None else setup.rate * factor
    # Beyond the usual rate in one step there is no need to go: 3e-6 times 10 is still far too low.
    if setup.rate is not None and (setup.rate - usual) * (rate - usual) > 0:
        rate = usual
    return train(what, setup, rate=rate)


def longer(setup: Setup, done: int) -> Remedy:
    """Twice as many epochs.

    Args:
        setup: of the training that ails.
        done: epochs that there were.
    """
    return train("Train for longer", setup, epochs=2 * done)


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.2g}" if isinstance(value, float) else str(value)
