"""The runs that `ailing_runs.py` makes: on which pictures, how, and what ails each."""

from __future__ import annotations

from dataclasses import dataclass

from fieldguide.augmentation.presets import PRESETS
from fieldguide.augmentation.settings import Settings

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
AUGMENTATIONS = {"none": Settings(), "cruel": CRUEL, "harsh": HARSH} | {
    name: preset.settings for name, preset in PRESETS.items()
}


@dataclass(frozen=True)
class Plan:
    """One run to make: on which pictures, how, and what ails it."""

    name: str
    ailment: str
    pictures: str  # a set, or a set and its classes: "trashnet:glass,paper"
    train: int = 700
    held: int = 300
    side: int = 32
    net: str = "classic"
    width: int = 8  # channels of the first convolution
    epochs: int = 20
    optimiser: str = "adam"
    rate: float = 1e-3
    schedule: str = "constant"
    batch_size: int = 32
    augment: str = "none"
    mixing: bool = False
    dropout: float = 0.0
    l2: float = 0.0
    label_smoothing: float = 0.0
    patience: int = 0  # 0 never stops early
    shuffled: float = 0.0  # share of all pictures that get any label at random
    copies: int = 0  # held-out pictures are put among the training ones so often
    copied: float = 1.0  # share of the held-out pictures that are
    rare: float = 1.0  # share of its pictures that the last class keeps
    seed: int = 1


CATS, HORSES = "cats_vs_dogs", "horses_or_humans"
RPS, GREEN, PLACES = "rock_paper_scissors_28", "rock_paper_scissors_green", "rock_paper_scissors_places"
TRASH = "trashnet"
EASY_TRASH = "trashnet:cardboard,metal,plastic"
FIVE = "caltech_50:Faces,Leopards,Motorbikes,airplanes,car_side"

PLANS = (
    Plan("few-cats", "too few pictures", CATS, train=160, held=400, epochs=30),
    Plan("few-places", "too few pictures", PLACES, train=150, held=400, net="residual", epochs=30),
    Plan("few-trash", "too few pictures", TRASH, train=240, held=500, epochs=30),
    Plan("few-pets", "too few pictures", CATS, train=300, held=500, side=48, net="residual", augment="light"),
    Plan("bare-cats", "no augmentation", CATS, train=1000, held=500, side=48, epochs=30),
    Plan("bare-trash", "no augmentation", TRASH, train=1000, held=500, epochs=30),
    Plan("bare-places", "no augmentation", PLACES, train=700, held=300, net="residual", epochs=25),
    Plan("shuffled-cats", "shuffled labels", CATS, train=600, shuffled=1.0, epochs=30),
    Plan("shuffled-rps", "shuffled labels", RPS, train=700, held=400, shuffled=1.0, epochs=30),
    Plan("shuffled-horses", "shuffled labels", HORSES, train=600, shuffled=1.0, net="residual", epochs=30),
    Plan("shuffled-trash", "shuffled labels", TRASH, train=800, held=400, shuffled=1.0, net="residual", epochs=30),
    Plan("mislabelled-horses", "part of the labels shuffled", HORSES, train=800, shuffled=0.4, epochs=30),
    Plan("mislabelled-rps", "part of the labels shuffled", RPS, train=1000, held=500, shuffled=0.4, epochs=30),
    Plan("mislabelled-green", "part of the labels shuffled", GREEN, 900, 400, net="residual", shuffled=0.4),
    Plan("mislabelled-mild", "part of the labels shuffled", RPS, 1000, 500, augment="light", shuffled=0.4, epochs=30),
    Plan("diverging-horses", "rate too high", HORSES, rate=0.1, epochs=20),
    Plan("diverging-rps", "rate too high", RPS, optimiser="sgd", rate=3.0, epochs=20),
    Plan("diverging-cats", "rate too high", CATS, rate=0.05, epochs=20, schedule="cosine"),
    Plan("diverging-trash", "rate too high", TRASH, optimiser="sgd", rate=20.0, net="residual", epochs=20),
    Plan("unsteady-horses", "unsteady rate", HORSES, net="residual", rate=0.05, epochs=25),
    Plan("unsteady-rps", "unsteady rate", RPS, optimiser="sgd", rate=0.08, epochs=25),
    Plan("unsteady-green", "unsteady rate", GREEN, net="residual", rate=0.1, batch_size=16, augment="light"),
    Plan("unsteady-trash", "unsteady rate", TRASH, net="residual", rate=0.05, batch_size=16),
    Plan("slow-cats", "rate too low", CATS, rate=3e-6),
    Plan("slow-horses", "rate too low", HORSES, rate=1e-5, augment="light"),
    Plan("slow-rps", "rate too low", RPS, optimiser="sgd", rate=1e-4, net="residual"),
    Plan("slow-trash", "rate too low", TRASH, rate=1e-5, net="residual", epochs=20),
    Plan("cruel-horses", "augmentation too strong", HORSES, augment="cruel"),
    Plan("cruel-cats", "augmentation too strong", CATS, augment="cruel", epochs=30),
    Plan("cruel-trash", "augmentation too strong", TRASH, train=900, augment="harsh", epochs=30),
    Plan("cruel-rps", "augmentation too strong", RPS, augment="cruel", net="residual"),
    Plan("leaked-cats", "leaked split", CATS, train=700, copies=1, epochs=30),
    Plan("leaked-trash", "leaked split", TRASH, train=700, copies=1, epochs=30, net="residual"),
    Plan("leaked-places", "leaked split", PLACES, train=600, copies=1, epochs=30, augment="light"),
    Plan("copies-cats", "leaked split", CATS, train=700, held=150, copies=4, epochs=25),
    Plan("copies-trash", "leaked split", TRASH, train=700, held=150, copies=4, epochs=25),
    Plan("tiny-cats", "tiny validation set", CATS, held=16, epochs=25),
    Plan("tiny-horses", "tiny validation set", HORSES, held=12, augment="light"),
    Plan("tiny-trash", "tiny validation set", TRASH, train=800, held=24, net="residual"),
    Plan("tiny-five", "tiny validation set", FIVE, train=120, held=20, augment="light"),
    Plan("rare-cats", "one class collapsed", CATS, train=900, held=400, rare=0.06, epochs=12, augment="light"),
    Plan("rare-trash", "one class collapsed", TRASH, train=900, held=500, rare=0.3, epochs=15),
    Plan("rare-places", "one class collapsed", PLACES, train=600, held=300, rare=0.06, epochs=15, net="residual"),
    Plan("weak-trash", "underfitting", TRASH, width=2, dropout=0.8, epochs=25),
    Plan("weak-cats", "underfitting", CATS, width=3, dropout=0.7, l2=0.01, epochs=30),
    Plan("weak-places", "underfitting", PLACES, train=900, width=2, net="residual", augment="light", epochs=25),
    Plan("small-trash", "underfitting", TRASH, width=2, net="residual", dropout=0.3),
    Plan("small-cats", "underfitting", CATS, train=900, width=2, dropout=0.3, augment="light"),
    Plan("brief-trash", "too few epochs", TRASH, train=900, epochs=4),
    Plan("brief-cats", "too few epochs", CATS, train=1200, epochs=4, augment="light"),
    Plan("well-horses", "healthy", HORSES, augment="light"),
    Plan("well-horses-residual", "healthy", HORSES, net="residual", augment="medium", schedule="cosine"),
    Plan("well-horses-patient", "healthy", HORSES, augment="light", epochs=30, patience=5, dropout=0.3),
    Plan("well-rps", "healthy", RPS, train=900, held=400, augment="light"),
    Plan("well-rps-bare", "healthy", RPS, train=1100, held=400, net="residual", epochs=15),
    Plan("well-rps-sgd", "healthy", RPS, train=1100, held=400, optimiser="sgd", rate=0.02, dropout=0.3),
    Plan("well-rps-smoothed", "healthy", RPS, train=900, held=400, label_smoothing=0.1, schedule="cosine"),
    Plan("well-rps-mixed", "healthy", RPS, train=900, held=400, mixing=True, augment="light", epochs=30),
    Plan("well-green", "healthy", GREEN, train=900, held=400, augment="light"),
    Plan("well-green-residual", "healthy", GREEN, 900, 400, net="residual", augment="medium", schedule="cosine"),
    Plan("well-green-dropout", "healthy", GREEN, train=1000, held=300, dropout=0.5, batch_size=64),
    Plan("well-green-few", "healthy", GREEN, train=700, held=250, augment="medium", epochs=30, patience=6),
    Plan("well-green-strong", "healthy", GREEN, train=1000, held=400, augment="strong", epochs=30, schedule="cosine"),
    Plan("well-rps-residual", "healthy", RPS, 1000, 300, net="residual", augment="light", patience=5, epochs=30),
)
