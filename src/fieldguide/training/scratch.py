"""Training a network from random weights, epoch by epoch, so that it can be stopped anywhere and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide import console
from fieldguide.calibration import fit_temperature, softmax
from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError, TrainingError
from fieldguide.intervals import Estimate, wilson
from fieldguide.model.head import Head
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training import logs
from fieldguide.training.checkpoint import Arrays, Checkpoint
from fieldguide.training.choose import loss_and_accuracy
from fieldguide.training.learner import Learner
from fieldguide.training.precision import chosen_precision
from fieldguide.training.record import Answered, Epoch
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.stopping import Progress
from fieldguide.training.watching import Watched
from fieldguide.words import counted

MOST_JUDGED = 10_000  # training pictures that the final accuracy on them is of
Kept = Callable[[tuple[int, int]], PixelStore]
LATE = 1e3  # nats: a loss beyond it is no loss any more


@dataclass(frozen=True, eq=False)
class Scratched:
    """What a training from random weights came to."""

    head: Head  # not yet calibrated
    weights: dict[str, np.ndarray]  # of the body
    epochs: tuple[Epoch, ...]
    temperature: float
    held_out: Estimate  # accuracy on the watched pictures
    train_accuracy: Estimate
    trained: Answered  # the same pictures
    ended: str  # why, in a clause


class Training:
    """A training from random weights: where it stands, and how it goes on.

    Args:
        store: the pictures of all parts, one after the other.
        watched: which of them are learnt from, and which are looked at after each epoch.
        recipe: how.
        folder: where checkpoints and logs go; None writes none.
        logged: of `fieldguide.training.logs.LOGS`, which take down every epoch.
        kept: gives the same pictures at another size; needed where the recipe has a margin or growth.
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
        self._kept = kept or (lambda size: store)
        self.precision = chosen_precision(recipe.precision)
        self.learner = Learner(recipe, classes, precision=self.precision)
        self.epochs: list[Epoch] = []
        self.lengths: tuple[int, ...] = (recipe.epochs,)
        self.progress = Progress()
        self.ended = ""
        self.seconds = 0.0
        self.kept: Arrays = {}
        self._last: Arrays = {}  # as the last whole epoch left it

    def settings(self) -> dict[str, Any]:
        """What must be the same for a training to go on: all but the number of epochs, which may grow."""
        recipe = {key: value for key, value in self.recipe.to_dict().items() if key not in ("epochs", "reasons")}
        return {
            "recipe": _plain(recipe),
            "precision": self.precision,
            "pictures": self.store.fingerprint,
            "watched": self.watched.how,
        }

    def take_up(self, found: Checkpoint) -> None:
        """Goes on where a checkpoint was written; with more epochs in the recipe, a finished training is prolonged.

        Raises:
            InputError: pictures or settings have changed since.
        """
        _refuse_changes(self.folder, found, self.settings())
        self.learner.restore(found.arrays)
        self._last = found.arrays
        self.epochs, self.lengths = list(found.epochs), found.lengths
        self.progress, self.ended, self.seconds, self.kept = found.progress, found.ended, found.seconds, found.kept
        added = self.recipe.epochs - sum(found.lengths)
        if added == 0:
            return
        if added < 0:
            raise InputError(
                f"epochs is {self.recipe.epochs}, and the run in {self.folder} was laid out for {sum(found.lengths)}: "
                "give as many or more."
            )
        if not found.ended:
            raise InputError(
                f"the run in {self.folder} has not finished its {sum(found.lengths)} epochs, for which its learning "
                "rate was laid out: resume it as it is, and add epochs afterwards."
            )
        # The schedule begins anew for what is added (a warm restart), from where the training ended.
        done = len(found.epochs)
        self.lengths = (*found.lengths[:-1], done - sum(found.lengths[:-1]), self.recipe.epochs - done)
        self.progress, self.ended = replace(found.progress, waited=0), ""

    def run(self) -> None:
        """Trains to the end, with a checkpoint after each epoch.

        Raises:
            TrainingError: the loss is no number any more; `result` is then that of the last whole epoch.
            FileError: a checkpoint cannot be written; the last one is as it was.
        """
        steps = len(self.batches)
        with (
            logs.opened(self.logged, self.folder or Path(), self.settings()) as logging,
            console.progress("Training", sum(self.lengths) * steps) as bar,
        ):
            bar.advance(len(self.epochs) * steps)
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
                    log.epoch(epoch)
                train, held = (100 * share for share in (epoch.accuracy, epoch.val_accuracy))
                bar.title = f"{epoch.epoch}/{sum(self.lengths)} train {train:.0f}% val {held:.0f}%"

    def result(self) -> Scratched:
        """The network that is kept, and what it does on the pictures that were watched."""
        epochs = list(self.epochs)
        kept = self.progress.best_epoch if self.kept else len(epochs)
        epochs[kept - 1] = replace(epochs[kept - 1], chosen=True)
        if self.kept:
            self.learner.restore(self.kept)
        head, body = self.learner.finished()
        held, fitted = self.watched.held, self.watched.fitted[:: -(-len(self.watched.fitted) // MOST_JUDGED)]
        with console.progress("Measuring", 0) as bar:
            logits = self.learner.logits(self.store, held)
            bar.advance(0)
            of_fitted = self.learner.logits(self.store, fitted)
        temperature = fit_temperature(logits, self.store.dataset.labels[held]) if self.watched.chooses else 1.0
        return Scratched(
            head=head,
            weights=body,
            epochs=tuple(epochs),
            temperature=temperature,
            held_out=wilson(self._right(logits, held), len(held)),
            train_accuracy=wilson(self._right(of_fitted, fitted), len(fitted)),
            trained=Answered(softmax(of_fitted, temperature), self.store.dataset.labels[fitted]),
            ended=self.ended,
        )

    def _epoch(self, number: int, bar: console.Progress) -> Epoch:
        """One pass over the pictures, measured afterwards."""
        self.learner.begin(number)
        steps, first = len(self.batches), sum(self.lengths[:-1])
        losses, rights, sizes, rate = [], [], [], 0.0
        size = self.recipe.size_at((number - 1 - first) / self.lengths[-1])
        batches = replace(self.batches, store=self._kept(self.recipe.kept_size(size)), size=size)
        for place, batch in enumerate(batches.epoch(number)):
            step = (number - 1 - first) * steps + place
            rate = self.recipe.optimiser.rate_at(step, self.lengths[-1] * steps, self.progress.reductions)
            loss, right = self.learner.learn(batch, rate)
            if not abs(loss) < LATE:  # also if it is no number
                raise self._diverged(number, place, rate, loss)
            losses.append(loss)
            rights.append(right)
            sizes.append(len(batch.pixels))
            bar.advance()
        return self._measured(
            number, float(np.average(losses, weights=sizes)), float(np.average(rights, weights=sizes)), rate
        )

    def _measured(self, number: int, fitted_loss: float, fitted_accuracy: float, rate: float) -> Epoch:
        """The epoch's figures; both accuracies are of pictures as they are, by the network as it would be used."""
        labels = self.store.dataset.labels
        logits = [self.learner.logits(self.store, rows) for rows in (self.watched.sample, self.watched.held)]
        if not all(np.isfinite(found).all() for found in logits):
            raise self._diverged(number, len(self.batches) - 1, rate, float("nan"))
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
        recipe, before = self.recipe, self.progress
        self.epochs.append(epoch)
        self.progress = before.after(epoch, recipe.stopping)
        if recipe.optimiser.schedule == "plateau":
            self.progress = self.progress.on_plateau(epoch, recipe.optimiser.patience)
        if self.progress.best_epoch == epoch.epoch:
            self.kept = self._last
        if recipe.targets is not None and recipe.targets.reached(epoch):
            self.ended, self.kept = f"epoch {epoch.epoch} reached the accuracies aimed at", {}
        elif recipe.stopping is not None and self.progress.waited >= recipe.stopping.patience:
            self.ended = f"{recipe.stopping.metric} had not improved for {counted(recipe.stopping.patience, 'epoch')}"
        elif epoch.epoch >= sum(self.lengths):
            self.ended = f"all {counted(epoch.epoch, 'epoch')} were trained"

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            tuple(self.epochs),
            self.lengths,
            self.progress,
            self.ended,
            self.seconds,
            self.settings(),
            self._last,
            self.kept,
        )

    def _right(self, logits: np.ndarray, rows: np.ndarray) -> int:
        return round(loss_and_accuracy(logits, self.store.dataset.labels[rows])[1] * len(rows))

    def _diverged(self, epoch: int, batch: int, rate: float, loss: float) -> TrainingError:
        what = "became infinite or no number" if not np.isfinite(loss) else f"grew to {loss:.3g}"
        cause = (
            f"the learning rate {rate:.3g} is most likely too high: try --rate {self.recipe.optimiser.rate / 10:.1g}"
            if self.precision != "mixed_float16"
            else f"half precision or the learning rate {rate:.3g} is the likely cause: try --precision float32"
        )
        good = (
            f"The weights of epoch {len(self.epochs)} are kept in {self.folder}"
            if self.epochs and self.folder is not None
            else "No epoch had been finished"
            if not self.epochs
            else f"Epoch {len(self.epochs)} was the last good one"
        )
        return TrainingError(f"the loss {what} in epoch {epoch}, batch {batch + 1}; {cause}. {good}.")


def _refuse_changes(folder: Path | None, found: Checkpoint, now: Mapping[str, Any]) -> None:
    changed: Sequence[str] = checkpoints.changes(found.settings, now)
    if "pictures" in found.settings and found.settings["pictures"] != now["pictures"]:
        others = [clause for clause in changed if not clause.startswith("pictures ")]
        changed = ["the pictures or their classes are not the same", *others]
    if changed:
        raise InputError(
            f"the run in {folder} cannot be resumed, since it began otherwise: {'; '.join(changed)}. Give the same "
            "pictures and settings, or train in a new folder."
        )


def _plain(value: Any) -> Any:
    """As it is after a way through JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
