"""A head with hidden layers: what it learns, what it keeps, and what its numbers must be."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.model.trunk import BUNDLED
from fieldguide.training.choose import Fold, loss_and_accuracy
from fieldguide.training.dense import Dense, fit_dense
from fieldguide.training.features import Features
from fieldguide.training.recipe import Recipe
from fieldguide.training.seen import Seen

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

COUNT, WIDTH = 240, 2
FOLD = Fold(np.arange(0, COUNT, 2), np.arange(1, COUNT, 2))
RECIPE = Recipe(dense=(24,), dropout=0.1, head_epochs=60, head_rate=1e-2, batch_size=16, patience=60)


def seen(classes: int, noise: float = 0.0) -> Seen:
    """No single layer can tell these: the class is the sign of a product, or the quarter of a plane."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(COUNT, WIDTH))
    quarter = (values[:, 0] > 0) * 2 + (values[:, 1] > 0)
    labels = np.where(np.isin(quarter, (1, 2)), 1, 0) if classes == 2 else quarter
    flipped = rng.random(COUNT) < noise
    labels = np.where(flipped, (labels + 1) % classes, labels)
    features = Features(values.astype(np.float32), COUNT, tuple(bytes(32) for _ in values), None)
    return Seen(BUNDLED, None, labels, classes, COUNT, (features,))


@pytest.fixture(scope="module")
def learnt() -> Dense:
    return fit_dense(seen(2), FOLD, recipe=RECIPE)


def test_it_tells_what_one_layer_cannot(learnt: Dense) -> None:
    best = next(epoch for epoch in learnt.epochs if epoch.chosen)
    assert best.val_accuracy > 0.9
    assert [value.shape for pair in learnt.head.layers for value in pair] == [(WIDTH, 24), (24,), (24, 1), (1,)]
    held = seen(2).features[0].values[FOLD.held]
    np.testing.assert_allclose(learnt.head.logits(held), learnt.logits, atol=1e-5)
    assert loss_and_accuracy(learnt.logits, seen(2).labels[FOLD.held]) == pytest.approx(
        (best.val_loss, best.val_accuracy)
    )


def test_the_best_epoch_is_kept_and_it_stops_when_its_patience_ends() -> None:
    found = fit_dense(seen(2, noise=0.3), FOLD, recipe=RECIPE.with_(patience=3, dropout=0.0))
    losses = [epoch.val_loss for epoch in found.epochs]
    best = int(np.argmin(losses))
    assert losses[-1] > losses[best], "later epochs must be worse, else this shows nothing"
    assert len(losses) == best + 1 + 3 < RECIPE.head_epochs
    assert [epoch.chosen for epoch in found.epochs] == [place == best for place in range(len(losses))]


def test_more_classes_and_weights_by_class() -> None:
    recipe = RECIPE.with_(head_epochs=2, dense=(8, 5))
    found = fit_dense(seen(4), FOLD, recipe=recipe, power=1.0)
    assert found.logits.shape == (120, 4)
    assert [len(bias) for _, bias in found.head.layers] == [8, 5, 4]
    plain = fit_dense(seen(4), FOLD, recipe=recipe)
    assert np.abs(plain.head.kernel - found.head.kernel).max() > 1e-6


def test_the_seed_decides_everything(learnt: Dense) -> None:
    recipe = RECIPE.with_(head_epochs=2)
    one, again = (fit_dense(seen(2), FOLD, recipe=recipe) for _ in range(2))
    np.testing.assert_array_equal(one.head.kernel, again.head.kernel)
    assert one.epochs == again.epochs
    other = fit_dense(seen(2), FOLD, recipe=recipe.with_(seed=1))
    assert np.abs(other.head.kernel - one.head.kernel).max() > 1e-3
