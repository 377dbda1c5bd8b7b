"""How much each place of a layer's feature maps counts for one output of a Keras model: its activations and gradients.

Any functional or sequential model will do, also one with models inside it. It is unrolled into one flat graph that
shares its layers, and cut in two at the layer: the part before gives the activations, the part behind takes them, so
that its gradient is the one asked for. `keras.ops` knows no gradients: this is the one place that asks the backend.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldguide.errors import InputError, InputTypeError

if TYPE_CHECKING:
    import keras

BATCH = 16
_TO_PROBABILITIES = ("Softmax", "Sigmoid")  # class names of the layer and of the operations


@dataclass(frozen=True, eq=False)
class Unrolled:
    """A model as one flat graph, from its pixels to its logits."""

    pixels: keras.KerasTensor
    logits: keras.KerasTensor
    values: dict[str, keras.KerasTensor]  # by path, such as "base/mixed7", in the order of computing
    repeated: frozenset[str]  # paths that are used more than once, so that there is no one value

    def path(self, layer: str | None = None) -> str:
        """The path of a layer by its path or its name alone; of None the last one with feature maps.

        Raises:
            InputError: if there is none, or not just one.
        """
        if layer is None:
            maps = [path for path, value in self.values.items() if is_maps(value.shape)]
            if not maps:
                raise InputError(
                    "the model has no layer with feature maps (n, height, width, channels): a heat map needs one."
                )
            if maps[-1] in self.repeated:
                raise InputError(
                    f"the last layer with feature maps, {maps[-1]!r}, is used more than once, as where a picture's "
                    "mirror image is looked at too: explain fieldguide's own classifier (fg.explain), or name a layer "
                    "that is used once."
                )
            layer = maps[-1]
        found = [layer] if layer in self.values else [path for path in self.values if path.split("/")[-1] == layer]
        if len(found) > 1:
            raise InputError(f"there are {len(found)} layers {layer!r}: name one of {', '.join(found)}.")
        if not found:
            near = difflib.get_close_matches(layer, self.values, n=3, cutoff=0.4) or list(self.values)[-3:]
            raise InputError(f"the model has no layer {layer!r}: name one such as {', '.join(near)}.")
        if found[0] in self.repeated:
            raise InputError(f"the layer {found[0]!r} is used more than once: name one that is used once.")
        return found[0]


def activation_and_gradient(
    model: keras.Model | Unrolled,
    pixels: np.ndarray,
    *,
    layer: str | None,
    output: int | np.ndarray,
    watch: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A layer's activations for some pictures, and the gradient of one logit of the model with respect to them.

    The output is taken before a final sigmoid or softmax, which would flatten the gradient where the model is sure.
    Batch norm and dropout are in inference mode. The model is left as it is.

    Args:
        model: functional or sequential, pixels (n, height, width, channels) in, (n, units) out; models inside it are
            looked into. Or what `unrolled` made of it.
        pixels: (n, height, width, channels) of any type, as the model takes them.
        layer: its name, or its path such as "base/mixed7" where it lies inside another model; None for the last one
            with feature maps.
        output: which of the units, or int (n,), one for each picture.
        watch: is told after each batch how many pictures it had.

    Returns:
        float32 activations and float32 gradients, both of the layer's output shape (n, ...).

    Raises:
        InputTypeError: if the model is of another kind.
        InputError: if the layer, the output or the pixels do not fit, or Keras runs on a backend other than TensorFlow
            or JAX.

    Example:
        >>> import keras
        >>> double = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.Constant(2))
        >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.ReLU(name="maps"),
        ...                           keras.layers.GlobalAveragePooling2D(), double])
        >>> _, gradient = activation_and_gradient(model, np.ones((1, 2, 2, 1)), layer="maps", output=0)
        >>> gradient[0, :, :, 0].tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    import keras

    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise InputError(f"Keras runs on {backend}; gradients can be had on tensorflow and jax: set KERAS_BACKEND.")
    pixels = np.asarray(pixels)
    flat = model if isinstance(model, Unrolled) else unrolled(model)
    path = flat.path(layer)
    outputs = _outputs(output, len(pixels), flat.logits.shape[-1])
    wanted = flat.pixels.shape
    fits = len(pixels) and pixels.ndim == len(wanted)
    if not (fits and all(side in (None, has) for side, has in zip(wanted, pixels.shape, strict=True))):
        raise InputError(f"the pixels have the shape {pixels.shape}; the model takes {wanted}, one picture or more.")
    before = keras.Model(flat.pixels, flat.values[path])
    # A shortcut around the layer reaches back to the pixels, so the part behind takes them too.
    behind = keras.Model([flat.values[path], flat.pixels], flat.logits)
    step = (_tensorflow_step if backend == "tensorflow" else _jax_step)(before, behind)
    found = []
    size = min(BATCH, len(pixels))
    for rows in (np.arange(start, start + size) for start in range(0, len(pixels), size)):
        # The last batch is filled up with its last picture: batches of one size are compiled once.
        found.append(step(*(each[np.minimum(rows, len(pixels) - 1)] for each in (pixels, outputs))))
        if watch is not None:
            watch(int((rows < len(pixels)).sum()))
    activations, gradients = (np.concatenate(part)[: len(pixels)] for part in zip(*found, strict=True))
    return activations, gradients


def unrolled(model: keras.Model) -> Unrolled:
    """A model as one flat graph with the same layers, its final sigmoid or softmax left out.

    Args:
        model: functional or sequential, with one input and one output (n, units).

    Raises:
        InputTypeError: if it is of another kind.
        InputError: if it has several inputs or outputs, or has not been built.
    """
    import keras

    if not _nested(model):
        raise InputTypeError(
            f"the model is a {type(model).__name__}; expected a functional or sequential Keras model, whose layers can "
            "be looked at one by one."
        )
    if not getattr(model, "inputs", None):
        raise InputError("the model has not been built: call it once, or give it an Input of the pictures' size.")
    if len(model.inputs) > 1 or len(model.outputs) > 1:
        raise InputError(
            f"the model has {len(model.inputs)} inputs and {len(model.outputs)} outputs; one of each is expected."
        )
    pixels = keras.Input(batch_shape=(None, *model.inputs[0].shape[1:]), dtype=model.inputs[0].dtype)
    walk = _Walk(_last(model))
    logits = walk.through(model, [pixels], "")
    if len(logits.shape) != 2:
        raise InputError(f"the model's output has the shape {logits.shape}; expected (n, units).")
    return Unrolled(pixels, logits, walk.values, frozenset(walk.repeated))


def is_maps(shape: Iterable[int | None]) -> bool:
    """Whether a shape (n, height, width, channels) is that of feature maps with more than one place."""
    shape = tuple(shape)
    return len(shape) == 4 and shape[1:3] != (1, 1)


@dataclass(eq=False)
class _Walk:
    """Calls the layers of a model, and of the models in it, once more: on other inputs."""

    last: Any  # the layer or operation whose output is the model's
    values: dict[str, keras.KerasTensor] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)

    def through(self, model: keras.Model, inputs: list[keras.KerasTensor], prefix: str) -> keras.KerasTensor:
        """What comes out of a model; the values of its layers are kept, their names after the prefix."""
        import keras

        value = inputs[0]

        def call(layer: Any, *arguments: Any, **more: Any) -> Any:
            nonlocal value
            if layer is self.last:
                value = _linear(layer, arguments[0])
            elif _nested(layer):
                value = self.through(layer, keras.tree.flatten(arguments[0]), f"{prefix}{layer.name}/")
            else:
                value = layer(*arguments, **{**more, **({"training": False} if "training" in more else {})})
            self._keep(f"{prefix}{layer.name}", value)
            return value

        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                call(layer, value)
        else:
            # Of a model that is not compiled, which cloning would compile again. Its last call gives the output.
            plain = keras.Model(model.inputs, model.outputs)
            keras.models.clone_model(plain, inputs, clone_function=lambda layer: layer, call_function=call)
        return value

    def _keep(self, path: str, value: Any) -> None:
        if path in self.values:
            self.repeated.add(path)
        if hasattr(value, "shape"):  # not a list of several outputs
            self.values[path] = value


def _nested(layer: Any) -> bool:
    """Whether it is a model whose layers are known: a functional or sequential one."""
    import keras

    if isinstance(layer, keras.Sequential):
        return True
    return isinstance(layer, keras.Model) and bool(getattr(layer, "operations", None))


def _last(model: keras.Model) -> Any:
    """The layer or operation that gives the output of a model with one output, looked for in the models inside it."""
    import keras

    last = model.layers[-1] if isinstance(model, keras.Sequential) else model.operations[-1]
    return _last(last) if _nested(last) else last


def _linear(layer: Any, inputs: Any) -> Any:
    """The output of a last layer before its sigmoid or softmax, if it has one."""
    import keras

    if type(layer).__name__ in _TO_PROBABILITIES:
        return inputs
    if getattr(layer, "activation", None) not in (keras.activations.sigmoid, keras.activations.softmax):
        return layer(inputs)
    if isinstance(layer, keras.layers.Activation):
        return inputs
    same = type(layer).from_config({**layer.get_config(), "activation": "linear"})
    logits = same(inputs)
    same.set_weights(layer.get_weights())
    return logits


def _outputs(output: int | np.ndarray, count: int, units: int) -> np.ndarray:
    """The unit of each picture, int32 (n,)."""
    outputs = np.asarray(output)
    if outputs.dtype.kind not in "iu" or outputs.shape not in ((), (count,)):
        raise InputError(f"output is {output!r:.80}; expected a whole number, or one for each of {count} pictures.")
    if outputs.size and (outputs.min() < 0 or outputs.max() >= units):
        raise InputError(f"output is {output!r:.80}; the model has {units} of them, counted from 0.")
    return np.broadcast_to(outputs, count).astype(np.int32)


# Pixels and outputs -> activations and gradients
_Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _tensorflow_step(before: keras.Model, behind: keras.Model) -> _Step:
    import tensorflow as tf

    def step(pixels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        given = tf.cast(pixels, before.inputs[0].dtype)
        activations = before(given, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(activations)
            logits = behind([activations, given], training=False)
            value = tf.reduce_sum(tf.gather(logits, outputs, axis=1, batch_dims=1))
        gradients = tape.gradient(value, activations, unconnected_gradients="zero")
        return np.asarray(activations, np.float32), np.asarray(gradients, np.float32)

    return step


def _jax_step(before: keras.Model, behind: keras.Model) -> _Step:
    import jax

    def variables(model: keras.Model) -> tuple[list[Any], list[Any]]:
        return [one.value for one in model.trainable_variables], [one.value for one in model.non_trainable_variables]

    @jax.jit
    def activations_of(state: Any, pixels: Any) -> Any:
        return before.stateless_call(*state, pixels, training=False)[0]

    @jax.jit
    @jax.grad
    def gradients_of(activations: Any, state: Any, pixels: Any, outputs: Any) -> Any:
        logits, _ = behind.stateless_call(*state, [activations, pixels], training=False)
        return jax.numpy.take_along_axis(logits, outputs[:, None], axis=1).sum()

    def step(pixels: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        given = jax.numpy.asarray(pixels, before.inputs[0].dtype)
        activations = activations_of(variables(before), given)
        gradients = gradients_of(activations, variables(behind), given, outputs)
        return np.asarray(activations, np.float32), np.asarray(gradients, np.float32)

    return step
