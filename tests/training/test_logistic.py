"""The head's fit against another method: Newton's, in float64, written for these tests."""

from __future__ import annotations

import numpy as np
import pytest

from fieldguide.model.head import Head
from fieldguide.training.logistic import CONVERGED, Examples, Problem, Scaling, fit, problem_for

PENALTIES = (0.3, 0.003)


def blobs(count: int, classes: int, features: int = 6, *, seed: int = 0, distance: float = 1.2) -> Examples:
    """Overlapping clouds, one for each class, in features of very unequal scales; class sizes are unequal too."""
    rng = np.random.default_rng((seed, count, classes))
    shares = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    labels = np.sort(rng.choice(classes, count, p=shares))
    labels[:classes] = np.arange(classes)
    centres = rng.normal(0, distance, (classes, features))
    values = centres[labels] + rng.normal(0, 1, (count, features))
    scales, offsets = 10.0 ** rng.uniform(-2, 2, features), rng.normal(0, 3, features)
    return Examples(((values + offsets) * scales).astype(np.float32), labels, classes)


def standardised(examples: Examples, rows: np.ndarray) -> np.ndarray:
    """Features with mean 0 and variance 1 over `rows`, and a column of ones: float64 (n, features + 1)."""
    values = examples.features.astype(np.float64)
    deviation = values[rows].std(axis=0)
    deviation[deviation < 1e-6] = np.inf
    return np.concatenate([(values - values[rows].mean(axis=0)) / deviation, np.ones((len(values), 1))], axis=1)


def objective(
    coefficients: np.ndarray, inputs: np.ndarray, examples: Examples, weights: np.ndarray, penalty: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss, gradient and probabilities, all in float64, from standardised inputs (n, features + 1)."""
    logits = inputs @ coefficients
    if coefficients.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logits = logits - logits.max(axis=1, keepdims=True)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    losses = -np.log(probabilities[np.arange(len(logits)), examples.labels])
    residual = (probabilities - np.eye(examples.classes)[examples.labels]) * weights[:, None]
    gradient = inputs.T @ residual[:, -coefficients.shape[1] :]
    gradient[:-1] += penalty * coefficients[:-1]
    return float(losses @ weights + penalty / 2 * (coefficients[:-1] ** 2).sum()), gradient, probabilities


def newton(inputs: np.ndarray, examples: Examples, weights: np.ndarray, penalty: float) -> np.ndarray:
    """The coefficients at the minimum, by Newton's method with halved steps."""
    units = 1 if examples.classes == 2 else examples.classes
    columns = inputs.shape[1]
    coefficients = np.zeros((columns, units))
    ridge = np.diag(np.append(np.full(columns - 1, penalty), 0.0))
    for _ in range(100):
        loss, gradient, probabilities = objective(coefficients, inputs, examples, weights, penalty)
        if np.abs(gradient).max() < 1e-11:
            return coefficients
        kept = probabilities[:, -units:]
        hessian = np.zeros((columns, units, columns, units))
        for one in range(units):
            for other in range(units):
                curvature = weights * kept[:, one] * ((one == other) - kept[:, other])
                hessian[:, one, :, other] = inputs.T @ (inputs * curvature[:, None]) + (one == other) * ridge
        # Softmax biases may all be shifted alike, so the matrix is singular: the shortest step will do.
        flat = hessian.reshape(columns * units, -1)
        step = np.linalg.lstsq(flat, gradient.ravel(), rcond=1e-12)[0].reshape(coefficients.shape)
        size = 1.0
        while objective(coefficients - size * step, inputs, examples, weights, penalty)[0] > loss and size > 1e-6:
            size /= 2
        coefficients = coefficients - size * step
    raise AssertionError("the reference did not converge")


def weights_by_hand(labels: np.ndarray, rows: np.ndarray, power: float) -> np.ndarray:
    weights = np.zeros(len(labels))
    for row in rows:
        weights[row] = float((labels[rows] == labels[row]).sum()) ** -power
    return weights / weights.sum()


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_minimum_is_that_of_newtons_method(classes: int, power: float, penalty: float) -> None:
    examples = blobs(240, classes)
    rows = np.flatnonzero(np.arange(240) % 4 != 1)
    heads, found = fit(examples, [problem_for(examples, rows, power)], penalty=penalty)
    inputs, weights = standardised(examples, rows), weights_by_hand(examples.labels, rows, power)
    expected = newton(inputs, examples, weights, penalty)
    least = objective(expected, inputs, examples, weights, penalty)[0]
    loss, gradient, probabilities = objective(found[0], inputs, examples, weights, penalty)
    assert least <= loss + 1e-12
    assert loss - least < 1e-5 * least
    assert np.abs(gradient).max() < 3 * CONVERGED
    np.testing.assert_allclose(heads[0].probabilities(examples.features), probabilities, atol=2e-4)
    reference = objective(expected, inputs, examples, weights, penalty)[2]
    np.testing.assert_allclose(probabilities, reference, atol=0.01)


@pytest.mark.parametrize("classes", [2, 5])
def test_a_tighter_tolerance_comes_closer(classes: int) -> None:
    examples = blobs(240, classes)
    rows = np.arange(240)
    inputs, weights = standardised(examples, rows), weights_by_hand(examples.labels, rows, 0.0)
    problem = problem_for(examples, rows, 0.0)
    steps = {
        tolerance: np.abs(
            objective(
                fit(examples, [problem], penalty=0.01, tolerance=tolerance)[1][0], inputs, examples, weights, 0.01
            )[1]
        ).max()
        for tolerance in (1e-2, 1e-5)
    }
    assert steps[1e-5] < 1e-4 < steps[1e-2] < 3e-2


def test_class_weights_to_the_power_1_let_a_rare_class_count_as_much() -> None:
    examples = blobs(400, 2, distance=0.5)
    rare = int(np.bincount(examples.labels).argmin())
    rows = np.arange(400)
    plain, weighted = (
        fit(examples, [problem_for(examples, rows, power)], penalty=0.01)[0][0].probabilities(examples.features)[
            :, rare
        ]
        for power in (0.0, 1.0)
    )
    # At the minimum the weighted mean of the stated probability is the weighted share of the class.
    assert plain.mean() == pytest.approx((examples.labels == rare).mean(), abs=2e-3)
    of_class = [float(weighted[examples.labels == label].mean()) for label in (0, 1)]
    assert np.mean(of_class) == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize("classes", [2, 5])
def test_several_problems_at_once_are_each_as_if_alone(classes: int) -> None:
    examples = blobs(300, classes)
    problems = [
        problem_for(examples, np.flatnonzero(np.arange(300) % 3 != fold), power)
        for fold, power in ((0, 0.0), (1, 1.0), (2, 0.5))
    ]
    together, coefficients = fit(examples, problems, penalty=0.01, tolerance=1e-5)
    assert coefficients.shape == (3, 7, 1 if classes == 2 else classes)
    for place, problem in enumerate(problems):
        alone, _ = fit(examples, [problem], penalty=0.01, tolerance=1e-5)
        given = [head.probabilities(examples.features) for head in (together[place], alone[0])]
        np.testing.assert_allclose(given[0], given[1], atol=2e-3)


@pytest.mark.parametrize("classes", [2, 5])
def test_rows_that_are_held_out_change_nothing(classes: int) -> None:
    examples = blobs(200, classes)
    rows = np.flatnonzero(np.arange(200) % 5 != 0)
    held = np.setdiff1d(np.arange(200), rows)
    features, labels = examples.features.copy(), examples.labels.copy()
    features[held] = 1e5
    labels[held] = (labels[held] + 1) % classes
    other = Examples(features, labels, classes)
    one, two = (fit(each, [problem_for(each, rows, 1.0)], penalty=0.01)[1] for each in (examples, other))
    np.testing.assert_array_equal(one, two)


def test_starting_at_the_minimum_ends_there_at_once() -> None:
    examples = blobs(200, 3)
    problems = [problem_for(examples, np.arange(200), 0.0)]
    _, stronger = fit(examples, problems, penalty=0.1)
    cold: list[Head] = []
    warm: list[Head] = []
    plain, minimum = fit(examples, problems, penalty=0.01, watch=lambda heads: cold.append(heads[0]))
    started, _ = fit(examples, problems, penalty=0.01, start=stronger, watch=lambda heads: warm.append(heads[0]))
    given = [heads[0].probabilities(examples.features) for heads in (plain, started)]
    np.testing.assert_allclose(given[0], given[1], atol=5e-3)
    assert len(warm) < len(cold)
    _, again = fit(examples, problems, penalty=0.01, start=minimum)
    np.testing.assert_allclose(again, minimum, atol=1e-3)


def test_the_watcher_sees_the_loss_fall_to_the_end() -> None:
    examples = blobs(200, 2)
    rows = np.arange(200)
    seen: list[Head] = []
    heads, _ = fit(
        examples, [problem_for(examples, rows, 0.0)], penalty=1e-3, watch=lambda heads: seen.append(heads[0])
    )
    chances = [head.probabilities(examples.features)[rows, examples.labels] for head in seen]
    losses = [float(-np.log(chance).mean()) for chance in chances]
    assert len(losses) > 3
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(seen[-1].kernel, heads[0].kernel)


def test_a_feature_that_is_the_same_everywhere_counts_for_nothing() -> None:
    examples = blobs(100, 3)
    features = np.concatenate([examples.features, np.full((100, 1), 7.3, np.float32)], axis=1)
    wider = Examples(features, examples.labels, 3)
    rows = np.arange(100)
    heads, coefficients = fit(wider, [problem_for(wider, rows, 0.0)], penalty=0.01)
    assert np.isfinite(coefficients).all()
    assert (heads[0].kernel[-1] == 0).all()
    without = fit(examples, [problem_for(examples, rows, 0.0)], penalty=0.01)[0][0]
    np.testing.assert_allclose(heads[0].probabilities(features), without.probabilities(examples.features), atol=1e-3)


def test_features_that_are_all_constant_give_the_shares_of_the_classes() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2] * 1)
    examples = Examples(np.full((10, 4), 2.0, np.float32), labels, 3)
    heads, _ = fit(examples, [problem_for(examples, np.arange(10), 0.0)], penalty=0.1)
    np.testing.assert_allclose(heads[0].probabilities(examples.features)[0], [0.6, 0.3, 0.1], atol=1e-3)


def test_pictures_that_can_be_told_apart_end_with_finite_coefficients() -> None:
    examples = blobs(60, 2, distance=30)
    heads, coefficients = fit(examples, [problem_for(examples, np.arange(60), 0.0)], penalty=1e-3)
    assert np.isfinite(coefficients).all()
    assert (heads[0].probabilities(examples.features).argmax(axis=1) == examples.labels).all()


# Weights and scaling


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_weights_are_those_worked_by_hand(power: float) -> None:
    examples = blobs(50, 4)
    rows = np.arange(3, 50, 2)
    found = problem_for(examples, rows, power).weights
    np.testing.assert_allclose(found, weights_by_hand(examples.labels, rows, power), rtol=1e-5)
    assert found.sum() == pytest.approx(1, abs=1e-6)


def test_with_power_1_every_class_has_the_same_weight() -> None:
    examples = blobs(80, 4)
    weights = problem_for(examples, np.arange(80), 1.0).weights
    np.testing.assert_allclose(np.bincount(examples.labels, weights), [0.25] * 4, rtol=1e-5)


def test_scaling_is_exact_over_more_rows_than_a_block() -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(0, 1, (9001, 5)) * [1, 1e-3, 50, 1, 3] + [0, 5, -900, 1, 0]).astype(np.float32)
    features[:, 3] = 4.0
    rows = np.sort(rng.choice(9001, 8500, replace=False))
    scaling = Scaling.of(features, rows)
    plain = features[rows].astype(np.float64)
    np.testing.assert_allclose(scaling.mean, plain.mean(axis=0), rtol=1e-12, atol=1e-12)
    expected = plain.std(axis=0)
    expected[3] = np.inf
    np.testing.assert_allclose(scaling.scale, expected, rtol=1e-6)


def test_plain_coefficients_give_the_logits_of_standardised_ones() -> None:
    examples = blobs(40, 3)
    scaling = Scaling.of(examples.features, np.arange(40))
    coefficients = np.random.default_rng(0).normal(0, 1, (7, 3))
    kernel, bias = scaling.plain(coefficients)
    expected = standardised(examples, np.arange(40)) @ coefficients
    np.testing.assert_allclose(examples.features.astype(np.float64) @ kernel + bias, expected, rtol=1e-9, atol=1e-9)


def test_the_gradient_is_the_adjoint_of_the_change_of_coefficients() -> None:
    rng = np.random.default_rng(1)
    scaling = Scaling.of(blobs(40, 3).features, np.arange(40))
    direction, kernel, bias = rng.normal(0, 1, (7, 3)), rng.normal(0, 1, (6, 3)), rng.normal(0, 1, 3)
    moved_kernel, moved_bias = scaling.plain(direction)
    along = (kernel * moved_kernel).sum() + bias @ moved_bias
    assert (scaling.gradient(kernel, bias) * direction).sum() == pytest.approx(along, rel=1e-9)


def test_the_same_fit_twice_is_the_same_to_the_last_bit() -> None:
    examples = blobs(200, 5)
    problems = [problem_for(examples, np.arange(200), 0.5)]
    first, second = (fit(examples, problems, penalty=0.01)[1] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_weights_that_are_zero_are_as_if_the_rows_were_not_there() -> None:
    examples = blobs(120, 3)
    rows = np.arange(0, 120, 2)
    fewer = Examples(examples.features[rows], examples.labels[rows], 3)
    whole = problem_for(examples, rows, 0.0)
    part = problem_for(fewer, np.arange(60), 0.0)
    assert isinstance(whole, Problem)
    one = fit(examples, [whole], penalty=0.01)[0][0].probabilities(examples.features)
    two = fit(fewer, [part], penalty=0.01)[0][0].probabilities(examples.features)
    np.testing.assert_allclose(one, two, atol=2e-3)
