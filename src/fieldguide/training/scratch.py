"""Training a network from random weights, epoch by epoch, so that it can be stopped anywhere and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldguide import console
from fieldguide.calibration import fit_temperature
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError, TrainingError
from fieldguide.intervals import Estimate, wilson
from fieldguide.model.head import Head
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import logs
from fieldguide.training.checkpoint import Arrays, Checkpoint
from fieldguide.training.choose import loss_and_accuracy
from fieldguide.training.learner import Learner
from fieldguide.training.origin import origin, other_threads, refuse_changes
from fieldguide.training.precision import chosen_precision, threads
from fieldguide.training.record import Epoch, Schedule
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Progress
from fieldguide.training.watching import Watched
from fieldguide.words import counted

MOST_JUDGED = 10_000  # training pictures that the final accuracy on them is of
Kept = Callable[[tuple[int, int]], PixelStore]
LATE = 1e3  # nats: a loss that lies so far beyond what L2 adds to it at first is no loss any more
NO_NUMBER = "became infinite or no number"


@dataclass(frozen=True, eq=False)
class Scratched:
    """What a training from random weights came to."""

    head: Head  # not yet calibrated
    logits: np.ndarray  # float32 (held, units), of the watched pictures, not yet calibrated
    weights: dict[str, np.ndarray]  # of the body
    epochs: tuple[Epoch, ...]
    temperature: float
    held_out: Estimate  # accuracy on the watched pictures
    train_accuracy: Estimate
    ended: str  # why, in a clause


class Training:
    """A training from random weights: where it stands, and how it goes on.

    Args:
        store: the pictures of all parts, one after the other.
        watched: which of them are learnt from, and which are looked at after each epoch.
        recipe: how.
        folder: where checkpoints and logs go; None writes none.
        logged: of `fieldguide.training.logs.LOGS`, which take down every epoch.
        kept: gives the same pictures at another size, at least those that are learnt from; needed where the recipe has
            a margin or growth. It is asked for every size at once, so that nothing is decoded while it trains.

    Raises:
        InputError: a picture cannot be read any more.
    """

    def __init__(
        self,
        store: PixelStore,
        watched: Watched,
        recipe: ScratchRecipe,
        folder: Path | None,
        logged: Sequence[str] = (),
        kept: Kept | None = None,
    ) -> None:
        self.store, self.watched, self.recipe, self.folder, self.logged = store, watched, recipe, folder, logged
        classes = len(store.dataset.class_names)
        self.batches = recipe.batches(store, watched.fitted)
        self._stores = {size: kept(recipe.kept_size(size)) if kept else store for size in recipe.sizes}
        self.precision = chosen_precision(recipe.precision)
        self.learner = Learner(recipe, classes, steps=len(self.batches), precision=self.precision)
        self._bearable = LATE + self.learner.penalty()
        self._origin = {**origin(store, watched, recipe, self.precision), "threads": threads()}
        self.epochs: list[Epoch] = []
        self.schedules: tuple[Schedule, ...] = (Schedule(0, recipe.epochs),)
        self.progress = Progress()
        self.ended = ""
        self.seconds = 0.0
        self.kept: Arrays = {}  # the weights of the best epoch; empty where the last one counts
        self._last: Arrays = {}  # all that the last whole epoch left
        self._note = ""  # said where it goes on

    @property
    def kept_epoch(self) -> int:
        """The number of the epoch whose weights are kept, as it stands now; 0 before the first one has ended."""
        return self.progress.best_epoch if self.kept else len(self.epochs)

    def take_up(self, found: Checkpoint) -> None:
        """Goes on where a checkpoint was written; with more epochs in the recipe, a finished training is prolonged.

        Raises:
            InputError: pictures or settings have changed since, or epochs cannot be added.
        """
        refuse_changes(self.folder, found.settings, self._origin)
        self._note = other_threads(found.settings, self._origin)
        self.learner.restore(found.arrays)
        self._last, self.kept = found.arrays, found.kept
        self.epochs, self.schedules = list(found.epochs), found.schedules
        self.progress, self.ended, self.seconds = found.progress, found.ended, found.seconds
        if self.progress.best_epoch == len(self.epochs) > 0:
            self.kept = self.learner.answering()
        laid_out = found.schedules[-1].end
        added = self.recipe.epochs - laid_out
        if added == 0:
            return
        if added < 0:
            least = f"{laid_out + 1:,} or more add some" if found.ended else f"resume it with {laid_out:,}"
            raise InputError(
                f"epochs is {self.recipe.epochs}, and the run in {self.folder} was laid out for {laid_out}: {least}."
            )
        if not found.ended:
            raise InputError(
                f"the run in {self.folder} has not finished its {laid_out} epochs, for which its learning "
                "rate was laid out: resume it as it is, and add epochs afterwards."
            )
        if self.recipe.targets is not None and self.recipe.targets.reached(found.epochs[-1]):
            raise InputError(
                f"the run in {self.folder} has what it aimed at ({found.ended}), so that no epochs can be added: train "
                "in a new folder with higher targets, or with none."
            )
        # The schedule begins anew for what is added (a warm restart), from where the training ended.
        done = len(found.epochs)
        self.schedules = (*found.schedules, Schedule(done, self.recipe.epochs - done))
        self.progress, self.ended = found.progress.prolonged(), ""

    def run(self, told: Callable[[int], None] | None = None) -> None:
        """Trains to the end, with a checkpoint after each epoch.

        Args:
            told: called with the number of epochs that are trained, at first and after each.

        Raises:
            TrainingError: the loss or a weight is no number any more; `result` is then that of the whole epochs.
            FileError: a checkpoint cannot be written; the last one is as it was.
        """
        steps, done = len(self.batches), len(self.epochs)
        if self._note and not self.ended:
            console.warn(self._note)
        if self.folder is not None:
            checkpoints.tidy(self.folder)
        settings = {name: self._origin[name] for name in ("recipe", "precision")}
        with (
            logs.opened(self.logged, self.folder or Path(), settings, self.epochs) as logging,
            console.progress(self._title(), self.schedules[-1].end * steps, done * steps, percent=True) as bar,
        ):
            if told is not None:
                told(done)
            while not self.ended:
                started = time.perf_counter()
                try:
                    epoch = self._epoch(len(self.epochs) + 1, bar)
                except TrainingError:
                    if self._last:
                        self.learner.restore(self._last)
                    raise
                self._last = self.learner.arrays()
                self._judge(epoch)
                self.seconds += time.perf_counter() - started
                if self.folder is not None:
                    checkpoints.write(self.folder, self._checkpoint())
                for log in logging:
                    log.write(epoch.epoch, logs.figures(epoch))
                bar.title = self._title()
                if told is not None:
                    told(epoch.epoch)

    def result(self) -> Scratched:
        """The network that is kept, and what it does on the pictures that were watched."""
        epochs, kept = list(self.epochs), self.kept_epoch
        epochs[kept - 1] = replace(epochs[kept - 1], chosen=True)
        if self.kept:
            self.learner.settle(self.kept)
        head, body = self.learner.finished()
        held, fitted = self.watched.held, self.watched.fitted[:: -(-len(self.watched.fitted) // MOST_JUDGED)]
        with console.progress("Measuring", 0) as bar:
            mirrored = self.recipe.net.mirrored
            logits = self.learner.logits(self.store, held, mirrored=mirrored)
            bar.advance(0)
            of_fitted = self.learner.logits(self.store, fitted, mirrored=mirrored)
        temperature = fit_temperature(logits, self.store.dataset.labels[held]) if self.watched.chooses else 1.0
        return Scratched(
            head=head,
            logits=logits,
            weights=body,
            epochs=tuple(epochs),
            temperature=temperature,
            held_out=wilson(self._right(logits, held), len(held)),
            train_accuracy=wilson(self._right(of_fitted, fitted), len(fitted)),
            ended=self.ended,
        )

    def _title(self) -> str:
        """What the progress line says: how far it is, and both accuracies of the last whole epoch."""
        if not self.epochs:
            return "Training"
        last = self.epochs[-1]
        figures = f"train {100 * last.accuracy:.0f}% val {100 * last.val_accuracy:.0f}%"
        return f"Epoch {last.epoch}/{self.schedules[-1].end} {figures}"

    def _epoch(self, number: int, bar: console.Progress) -> Epoch:
        """One pass over the pictures, measured afterwards."""
        self.learner.begin(number)
        steps, now = len(self.batches), self.schedules[-1]
        losses, rights, sizes, rate = [], [], [], 0.0
        size = self.recipe.size_at((number - 1 - now.first) / now.epochs)
        batches = replace(self.batches, store=self._stores[size], size=size)
        for place, batch in enumerate(batches.epoch(number)):
            step = (number - 1 - now.first) * steps + place
            rate = self.recipe.optimiser.rate_at(step, now.epochs * steps, self.progress.reductions)
            loss, right = self.learner.learn(batch, rate)
            if not abs(loss) < self._bearable:  # also if it is no number
                what = f"grew to {loss:.3g}" if np.isfinite(loss) else NO_NUMBER
                raise self._diverged(f"the loss {what}", number, place, rate)
            losses.append(loss)
            rights.append(right)
            sizes.append(len(batch.pixels))
            bar.advance()
        if not self.learner.finite():
            raise self._diverged(f"a weight {NO_NUMBER}", number, steps - 1, rate)
        return self._measured(
            number, float(np.average(losses, weights=sizes)), float(np.average(rights, weights=sizes)), rate
        )

    def _measured(self, number: int, fitted_loss: float, fitted_accuracy: float, rate: float) -> Epoch:
        """The epoch's figures; both accuracies are of pictures as they are, by the network as it would be used."""
        labels = self.store.dataset.labels
        logits = [self.learner.logits(self.store, rows) for rows in (self.watched.sample, self.watched.held)]
        if not all(np.isfinite(found).all() for found in logits):
            raise self._diverged(f"an answer {NO_NUMBER}", number, len(self.batches) - 1, rate)
        loss, accuracy = loss_and_accuracy(logits[0], labels[self.watched.sample])
        val_loss, val_accuracy = loss_and_accuracy(logits[1], labels[self.watched.held])
        return Epoch(
            "scratch",
            number,
            loss,
            accuracy,
            val_loss,
            val_accuracy,
            n=len(self.watched.sample),
            val_n=len(self.watched.held),
            fitted_loss=fitted_loss,
            fitted_accuracy=fitted_accuracy,
            rate=rate,
        )

    def _judge(self, epoch: Epoch) -> None:
        """Takes the epoch down, and sees whether it is the best one and whether it is the last."""
        recipe, steps, now = self.recipe, len(self.batches), self.schedules[-1]
        self.epochs.append(epoch)
        self.progress = self.progress.after(epoch, recipe.stopping)
        last_step = (epoch.epoch - now.first) * steps - 1
        warming = recipe.optimiser.warming(last_step, now.epochs * steps)
        if recipe.optimiser.schedule == "plateau" and not warming:
            self.progress = self.progress.on_plateau(epoch, recipe.plateau_patience)
        if self.progress.best_epoch == epoch.epoch:
            self.kept = self.learner.answering()
        if recipe.targets is not None and recipe.targets.reached(epoch):
            self.ended, self.kept = f"epoch {epoch.epoch} reached the accuracies aimed at", {}
        elif recipe.stopping is not None and self.progress.waited >= recipe.stopping.patience:
            self.ended = f"{recipe.stopping.metric} had not improved for {counted(recipe.stopping.patience, 'epoch')}"
        elif epoch.epoch >= now.end:
            self.ended = f"all {epoch.epoch:,} epochs were trained" if epoch.epoch > 1 else "its one epoch was trained"

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            tuple(self.epochs),
            self.schedules,
            self.progress,
            self.ended,
            self.seconds,
            self._origin,
            self._last,
            {} if self.progress.best_epoch == len(self.epochs) else self.kept,  # else they are there already
        )

    def _right(self, logits: np.ndarray, rows: np.ndarray) -> int:
        return round(loss_and_accuracy(logits, self.store.dataset.labels[rows])[1] * len(rows))

    def _diverged(self, what: str, epoch: int, batch: int, rate: float) -> TrainingError:
        """What is raised when the training cannot go on: since when, most likely why, and what is left of it."""
        cause = (
            f"the learning rate {rate:.3g} is most likely too high: try --rate {self.recipe.optimiser.rate / 10:.1g}"
            if self.precision != "mixed_float16"
            else f"half precision or the learning rate {rate:.3g} is the likely cause: try --precision float32"
        )
        if not self.epochs:
            good = "No epoch had been finished"
        elif self.folder is None:
            good = f"Epoch {len(self.epochs)} was the last good one"
        else:
            best = ", the best one," if self.kept else ""
            good = f"The weights of epoch {self.kept_epoch}{best} are kept in {self.folder}"
        return TrainingError(f"{what} in epoch {epoch}, batch {batch + 1}; {cause}. {good}.")
