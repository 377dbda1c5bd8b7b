"""The runs that `ailing_runs.py` makes: on which pictures, how, and what ails each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fieldguide.augmentation.settings import Settings
from fieldguide.training.wishes import Wishes

CRUEL = Settings(
    rotation_range=180,
    width_shift_range=0.5,
    height_shift_range=0.5,
    zoom_range=(0.3, 3.0),
    brightness_range=(0.2, 2.0),
    channel_shift_range=120,
    erasing=1.0,
    erasing_area=(0.3, 0.7),
)
HARSH = Settings(
    rotation_range=120,
    width_shift_range=0.4,
    height_shift_range=0.4,
    shear_range=50,
    zoom_range=(0.4, 2.5),
    horizontal_flip=True,
    vertical_flip=True,
    brightness_range=(0.3, 1.7),
    channel_shift_range=100,
    erasing=0.7,
    erasing_area=(0.2, 0.5),
)

# As courses train: nothing that holds a network back, and steps of one size.
CLASSIC = Wishes(
    "scratch",
    net="classic",
    size="tiny",
    side=32,
    augment="none",
    epochs=20,
    optimiser="adam",
    schedule="constant",
    label_smoothing=0.0,
    class_weights=0.0,
    average=0.0,
)
RESIDUAL = replace(CLASSIC, net="residual")
# All else is what a person gets who sets nothing and has larger pictures.
USUAL = Wishes("scratch", size="tiny", side=48, augment="crops", epochs=40)
# The same at ten times the usual rate, with nothing that evens out what comes of it.
UNEVEN = replace(USUAL, rate=0.03, schedule="constant", average=0.0, augment="light", epochs=20)


@dataclass(frozen=True)
class Plan:
    """One run to make: on which pictures, how, and what ails it."""

    name: str
    ailment: str
    pictures: str  # a set, or a set and its classes: "trashnet:glass,paper"
    wishes: Wishes
    train: int = 700
    held: int = 300
    augment: Settings | None = None  # in the place of a preset
    shuffled: float = 0.0  # share of all pictures that get any label at random
    copies: int = 0  # held-out pictures are put among the training ones so often
    copied: float = 1.0  # share of the held-out pictures that are
    rare: float = 1.0  # share of its pictures that the last class keeps; of a healthy run in all three parts
    seed: int = 1


CATS, HORSES = "cats_vs_dogs", "horses_or_humans"
RPS, GREEN, PLACES = "rock_paper_scissors_28", "rock_paper_scissors_green", "rock_paper_scissors_places"
TRASH = "trashnet"
FIVE = "caltech_50:Faces,Leopards,Motorbikes,airplanes,car_side"


def classic(**changes: object) -> Wishes:
    """Of the classic network."""
    return replace(CLASSIC, **changes)  # type: ignore[arg-type]


def residual(**changes: object) -> Wishes:
    """Of the residual network."""
    return replace(RESIDUAL, **changes)  # type: ignore[arg-type]


def usual(**changes: object) -> Wishes:
    """Of the network and the recipe that nobody has to ask for."""
    return replace(USUAL, **changes)  # type: ignore[arg-type]


FEW, BARE = "too few pictures", "no augmentation"
SHUFFLED, PARTLY = "shuffled labels", "part of the labels shuffled"
HIGH, UNSTEADY, LOW = "rate too high", "unsteady rate", "rate too low"
CRUELLY, LEAKED, TINY, RARE = "augmentation too strong", "leaked split", "tiny validation set", "one class collapsed"
WEAK, BRIEF, WELL = "underfitting", "too few epochs", "healthy"

PLANS = (
    Plan("few-cats", FEW, CATS, classic(epochs=30), 160, 400),
    Plan("few-places", FEW, PLACES, residual(epochs=30), 150, 400),
    Plan("few-trash", FEW, TRASH, classic(epochs=30), 240, 500),
    Plan("few-pets", FEW, CATS, residual(side=48, augment="light"), 300, 500),
    Plan("few-usual", FEW, CATS, usual(augment="light", epochs=60), 240, 500),
    Plan("bare-cats", BARE, CATS, classic(side=48, epochs=30), 1000, 500),
    Plan("bare-trash", BARE, TRASH, classic(epochs=30), 1000, 500),
    Plan("bare-places", BARE, PLACES, residual(epochs=25), 700, 300),
    Plan("bare-usual", BARE, CATS, usual(augment="none"), 1000, 500),
    Plan("shuffled-cats", SHUFFLED, CATS, classic(epochs=30), 600, shuffled=1.0),
    Plan("shuffled-rps", SHUFFLED, RPS, classic(epochs=30), 700, 400, shuffled=1.0),
    Plan("shuffled-horses", SHUFFLED, HORSES, residual(epochs=30), 600, shuffled=1.0),
    Plan("shuffled-trash", SHUFFLED, TRASH, residual(epochs=30), 800, 400, shuffled=1.0),
    Plan("shuffled-usual", SHUFFLED, HORSES, usual(augment="none"), 600, 400, shuffled=1.0),
    Plan("mislabelled-horses", PARTLY, HORSES, classic(epochs=30), 800, shuffled=0.4),
    Plan("mislabelled-rps", PARTLY, RPS, classic(epochs=30), 1000, 500, shuffled=0.4),
    Plan("mislabelled-green", PARTLY, GREEN, residual(), 900, 400, shuffled=0.4),
    Plan("mislabelled-mild", PARTLY, RPS, classic(augment="light", epochs=30), 1000, 500, shuffled=0.4),
    Plan("mislabelled-usual", PARTLY, GREEN, usual(augment="none"), 900, 400, shuffled=0.4),
    Plan("diverging-horses", HIGH, HORSES, classic(rate=0.1)),
    Plan("diverging-rps", HIGH, RPS, classic(optimiser="sgd", rate=3.0)),
    Plan("diverging-cats", HIGH, CATS, classic(rate=0.05, schedule="cosine")),
    Plan("diverging-trash", HIGH, TRASH, residual(optimiser="sgd", rate=10.0)),
    Plan("diverging-usual", HIGH, RPS, usual(rate=3.0, augment="strong", epochs=20)),
    Plan("unsteady-horses", UNSTEADY, HORSES, residual(rate=0.05, epochs=25)),
    Plan("unsteady-rps", UNSTEADY, RPS, classic(optimiser="sgd", rate=0.08, epochs=25)),
    Plan("unsteady-green", UNSTEADY, GREEN, residual(rate=0.1, batch_size=16, augment="light")),
    Plan("unsteady-trash", UNSTEADY, TRASH, residual(rate=0.05, batch_size=16)),
    Plan("unsteady-cats-usual", UNSTEADY, CATS, UNEVEN),
    Plan("unsteady-trash-usual", UNSTEADY, TRASH, replace(UNEVEN, augment="medium")),
    Plan(
        "unsteady-horses-usual", UNSTEADY, HORSES, replace(UNEVEN, rate=0.05, augment="crops", batch_size=8, epochs=14)
    ),
    Plan("slow-cats", LOW, CATS, classic(rate=3e-6)),
    Plan("slow-horses", LOW, HORSES, classic(rate=1e-5, augment="light")),
    Plan("slow-rps", LOW, RPS, residual(optimiser="sgd", rate=1e-4)),
    Plan("slow-trash", LOW, TRASH, residual(rate=1e-5)),
    Plan("slow-usual", LOW, HORSES, usual(rate=1e-5, epochs=20)),
    Plan("cruel-horses", CRUELLY, HORSES, classic(), augment=CRUEL),
    Plan("cruel-cats", CRUELLY, CATS, classic(epochs=30), augment=CRUEL),
    Plan("cruel-trash", CRUELLY, TRASH, classic(epochs=30), 900, augment=HARSH),
    Plan("cruel-rps", CRUELLY, RPS, residual(), augment=CRUEL),
    Plan("cruel-usual", CRUELLY, CATS, usual(), 900, augment=CRUEL),
    Plan("leaked-cats", LEAKED, CATS, classic(epochs=30), copies=1),
    Plan("leaked-trash", LEAKED, TRASH, residual(epochs=30), copies=1),
    Plan("leaked-places", LEAKED, PLACES, classic(epochs=30, augment="light"), 600, copies=1),
    Plan("leaked-part-cats", LEAKED, CATS, classic(epochs=30), copies=1, copied=0.4),
    Plan("leaked-part-trash", LEAKED, TRASH, residual(epochs=25), copies=1, copied=0.3),
    Plan("copies-cats", LEAKED, CATS, classic(epochs=25), 700, 150, copies=4),
    Plan("copies-trash", LEAKED, TRASH, classic(epochs=25), 700, 150, copies=4),
    Plan("copies-usual", LEAKED, CATS, usual(augment="light"), 700, 200, copies=4),
    Plan("tiny-cats", TINY, CATS, classic(epochs=25), held=16),
    Plan("tiny-horses", TINY, HORSES, classic(augment="light"), held=12),
    Plan("tiny-trash", TINY, TRASH, residual(), 800, 24),
    Plan("tiny-five", TINY, FIVE, classic(augment="light"), 120, 20),
    Plan("tiny-usual", TINY, GREEN, usual(), held=20),
    Plan("rare-cats", RARE, CATS, classic(epochs=12, augment="light"), 900, 400, rare=0.06),
    Plan("rare-trash", RARE, TRASH, classic(epochs=15), 900, 500, rare=0.3),
    Plan("rare-places", RARE, PLACES, residual(epochs=15), 600, 300, rare=0.06),
    Plan("weak-trash", WEAK, TRASH, classic(dropout=0.9, epochs=30)),
    Plan("weak-cats", WEAK, CATS, classic(dropout=0.8, l2=0.01, epochs=30)),
    Plan("weak-places", WEAK, PLACES, residual(block_dropout=0.6, augment="light", epochs=30), 900),
    Plan("weak-horses", WEAK, HORSES, classic(l2=0.05, epochs=30)),
    Plan("weak-usual", WEAK, TRASH, usual(block_dropout=0.6, augment="light", epochs=30), 900),
    Plan("brief-trash", BRIEF, TRASH, classic(epochs=4), 900),
    Plan("brief-cats", BRIEF, CATS, classic(epochs=4, augment="light"), 1200),
    Plan("brief-usual", BRIEF, CATS, usual(epochs=6), 1200, 500),
    Plan("brief-usual-trash", BRIEF, TRASH, usual(epochs=10), 900, 500),
    Plan("well-horses", WELL, HORSES, classic(augment="light")),
    Plan("well-horses-residual", WELL, HORSES, residual(augment="medium", schedule="cosine")),
    Plan("well-horses-patient", WELL, HORSES, classic(augment="light", epochs=30, patience=5, dropout=0.3)),
    Plan("well-horses-usual", WELL, HORSES, usual()),
    Plan("well-rps", WELL, RPS, classic(augment="light"), 900, 400),
    Plan("well-rps-bare", WELL, RPS, residual(epochs=15), 1100, 400),
    Plan("well-rps-sgd", WELL, RPS, classic(optimiser="sgd", rate=0.02, dropout=0.3), 1100, 400),
    Plan("well-rps-smoothed", WELL, RPS, classic(label_smoothing=0.1, schedule="cosine"), 900, 400),
    Plan("well-rps-mixed", WELL, RPS, classic(mix="mix_up", augment="light", epochs=30), 900, 400),
    Plan("well-rps-usual", WELL, RPS, usual(side=28, augment="strong"), 1100, 400),
    Plan("well-rps-residual", WELL, RPS, residual(augment="light", patience=5, epochs=30), 1000, 300),
    Plan("well-green", WELL, GREEN, classic(augment="light"), 900, 400),
    Plan("well-green-residual", WELL, GREEN, residual(augment="medium", schedule="cosine"), 900, 400),
    Plan("well-green-dropout", WELL, GREEN, classic(dropout=0.5, batch_size=64), 1000, 300),
    Plan("well-green-few", WELL, GREEN, classic(augment="medium", epochs=30, patience=6), 700, 250),
    Plan("well-green-strong", WELL, GREEN, classic(augment="strong", epochs=30, schedule="cosine"), 1000, 400),
    Plan("well-green-usual", WELL, GREEN, usual(), 900, 400),
    Plan("well-green-mixed", WELL, GREEN, usual(mix="both", epochs=30), 900, 400),
    Plan("well-waste-usual", WELL, f"{TRASH}:cardboard,metal", usual(), 450, 200),
    Plan("well-glass-usual", WELL, f"{TRASH}:glass,paper", usual(), 600, 250),
    Plan("well-two-usual", WELL, f"{GREEN}:rock,paper", usual(epochs=60, patience=15), 600, 300),
    # Of classes that are far from equal, at rates that learn well though they are far above the usual ones.
    Plan("well-uneven-green", WELL, f"{GREEN}:rock,paper", classic(rate=0.005, epochs=14), rare=0.18),
    Plan(
        "well-uneven-hands", WELL, f"{GREEN}:paper,scissors", classic(optimiser="sgd", rate=0.05, epochs=14), rare=0.09
    ),
    Plan("well-uneven-sgd", WELL, HORSES, residual(optimiser="sgd", rate=0.1, schedule="cosine", epochs=14), rare=0.18),
    Plan("well-uneven-usual", WELL, HORSES, usual(epochs=16), rare=0.09),
)
