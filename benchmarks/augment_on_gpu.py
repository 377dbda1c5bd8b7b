"""What `fieldguide.Augment` costs inside a compiled training step, on JAX and, where there is one, on its accelerator.

KERAS_BACKEND=jax python benchmarks/augment_on_gpu.py [--side 224] [--batch 256] [--policy float32] [--quick]

The layer has the classic recipe, the network is EfficientNet-Lite0 with a head for ten classes, all of it trained; the
pictures lie in the device's memory as uint8. `augment` is the layer alone in a jitted function, `step` a training step
on pictures that are not augmented, `step_with_augment` one with the layer before the network. They take turns; a share
is taken within a round: `share_of_step` is a row's time as a part of `step`'s. No TensorFlow is needed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import measure
import numpy as np
from classic import GENERATOR
from turns import Ratio, Turn

CLASSES = 10
PACKAGES = ("fieldguide", "keras", "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "numpy")

Run = Callable[[], Any]  # starts one step and returns what to wait for


def main() -> None:
    import jax
    import keras

    arguments = parse()
    keras.config.set_dtype_policy(arguments.policy)
    runs = contenders(arguments.side, arguments.batch)
    turns: dict[str, list[Turn]] = {name: [] for name in runs}
    for run in runs.values():
        jax.block_until_ready([run(), run()])  # compiles
    for number in range(arguments.rounds):
        names = list(runs)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            turns[name].append(timed(runs[name], arguments.steps, arguments.batch))
    device = jax.devices()[0]
    fixed = {"side": arguments.side, "batch": arguments.batch, "policy": arguments.policy, "rounds": arguments.rounds}
    fixed |= {"device": device.device_kind, **measure.hardware()}
    fixed["versions"] = measure.versions(sys.executable, PACKAGES)
    rows = [{**row, **fixed} for row in compared(turns, arguments.steps)]
    for row in rows:
        print(
            f"{row['row']:<20}{row['step_ms']:>9.2f} ms{row['pictures_per_second']:>10.0f}/s"
            f"{100 * row['share_of_step']:>8.1f}% of a step "
            f"({100 * row['share_of_step_least']:.1f}-{100 * row['share_of_step_largest']:.1f})"
        )
    measure.write_csv(arguments.results / "augment_on_gpu.csv", rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--policy", default="float32", help="Keras's dtype policy, such as mixed_bfloat16")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=20, help="steps in a turn (default 20)")
    parser.add_argument("--quick", action="store_true", help="8 pictures, 2 steps, 2 rounds: to see that it runs")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    arguments = parser.parse_args()
    if os.environ["KERAS_BACKEND"] != "jax":
        parser.error(f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']}; this benchmark is written for jax.")
    if arguments.quick:
        arguments.batch, arguments.steps, arguments.rounds = 8, 2, 2
    return arguments


def contenders(side: int, batch: int) -> dict[str, Run]:
    """The layer, the training step, and both in one."""
    pictures, labels = data(side, batch)
    return {
        "augment": layer_alone(pictures),
        "step": training(network(side, augmented=False), pictures, labels),
        "step_with_augment": training(network(side, augmented=True), pictures, labels),
    }


def data(side: int, batch: int) -> tuple[Any, Any]:
    """Pictures, uint8 (batch, side, side, 3), and labels, in the device's memory."""
    import jax.numpy as jnp

    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (batch, side // 8 + 1, side // 8 + 1, 3), np.uint8)
    pictures = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :side, :side]
    return jnp.asarray(pictures), jnp.asarray(random.integers(0, CLASSES, batch))


def augment() -> Any:
    """The layer with the classic recipe."""
    from fieldguide import Augment

    return Augment(**{name: value for name, value in GENERATOR.items() if name != "rescale"}, seed=0)


def layer_alone(pictures: Any) -> Run:
    import jax

    layer = augment()
    layer.build(pictures.shape)
    state = [jax.numpy.copy(variable.value) for variable in layer.non_trainable_variables]

    @jax.jit
    def step(state: list, pictures: Any) -> tuple[Any, list]:
        return layer.stateless_call([], state, pictures, training=True)

    def run() -> Any:
        nonlocal state
        result, state = step(state, pictures)
        return result

    return run


def network(side: int, *, augmented: bool) -> Any:
    """EfficientNet-Lite0 with a head, compiled for training; uint8 pictures go in."""
    import keras

    from fieldguide.model.lite0 import lite0

    inputs = keras.Input((side, side, 3), dtype="uint8")
    pixels = augment()(inputs) if augmented else inputs
    features = lite0((side, side))(keras.ops.cast(pixels, "float32"))
    outputs = keras.layers.Dense(CLASSES, dtype="float32")(features)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(True))
    return model


def training(model: Any, pictures: Any, labels: Any) -> Run:
    """A step of gradient descent, jitted, its state given back to it."""
    import jax

    model.optimizer.build(model.trainable_variables)
    groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    state = [[jax.numpy.copy(variable.value) for variable in group] for group in groups]

    def loss_of(trainable: list, others: list, pictures: Any, labels: Any) -> tuple[Any, list]:
        logits, others = model.stateless_call(trainable, others, pictures, training=True)
        return model.loss(labels, logits), others

    @jax.jit
    def step(state: list, pictures: Any, labels: Any) -> tuple[Any, list]:
        trainable, others, slots = state
        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, others), gradients = gradient(trainable, others, pictures, labels)
        trainable, slots = model.optimizer.stateless_apply(slots, gradients, trainable)
        return loss, [trainable, others, slots]

    def run() -> Any:
        nonlocal state
        loss, state = step(state, pictures, labels)
        return loss

    return run


def timed(run: Run, steps: int, batch: int) -> Turn:
    """So many steps, each of them done."""
    import jax

    begin, busy = time.perf_counter(), time.process_time()
    for _ in range(steps):
        result = run()  # not waited for: the next step is handed over meanwhile, as in training
    jax.block_until_ready(result)
    return Turn(time.perf_counter() - begin, time.process_time() - busy, steps * batch)


def compared(turns: dict[str, list[Turn]], steps: int) -> list[dict[str, object]]:
    """A row for each of what was timed."""
    return [
        {
            "row": name,
            "step_ms": Ratio.over(milliseconds(each, steps)).median,
            **Ratio.over([turn.rate for turn in each]).columns("pictures_per_second"),
            **Ratio.of(turns["step"], each).columns("share_of_step"),
        }
        for name, each in turns.items()
    ]


def milliseconds(each: Sequence[Turn], steps: int) -> list[float]:
    return [1e3 * turn.seconds / steps for turn in each]


if __name__ == "__main__":
    main()
