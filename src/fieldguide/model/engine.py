"""The fast forward pass on a CPU: pixels in, features out, and of the bundled backbone the activation at a cut.

It runs on LiteRT with XNNPACK, without TensorFlow or Keras. Each thread has an interpreter of its own that takes one
picture at a time: the activations then stay near the processor, and a picture's features cannot depend on its batch or
on the number of threads, not even in the last bit. Any weights of the network, fine-tuned ones too, run the same way.

Where LiteRT cannot be imported, the Keras model does the work: slower, and equal within 1e-3.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fieldguide.errors import InputError
from fieldguide.model.backbones import backbone
from fieldguide.model.graph import lite_graph, output_shapes
from fieldguide.model.lite0 import FEATURES, read_weights, steps_after
from fieldguide.model.net_graph import net_graphs
from fieldguide.model.nets import Net
from fieldguide.model.parameters import require_weights
from fieldguide.parallel import thread_count

if TYPE_CHECKING:
    import keras

DEFAULT_CUT = backbone("efficientnet_lite0").cut
SMALLEST, LARGEST = 32, 1024  # pixels on a side of the bundled backbone's pictures
ROWS_PER_TURN = 8  # pictures a thread takes at a time
_NOTICE = b"Created TensorFlow Lite XNNPACK delegate for CPU"
_STDERR = threading.Lock()


class Engine:
    """What all engines have in common: runners, each used by one thread at a time, that share out the pictures."""

    def __init__(self, target_size: tuple[int, int], features: int, runtime: str, runners: Sequence[_Runner]) -> None:
        self.target_size = target_size
        self.runtime = runtime
        self.threads = len(runners)
        self.feature_count = features
        self._idle: SimpleQueue[_Runner] = SimpleQueue()  # a runner belongs to whoever took it from here
        for runner in runners:
            self._idle.put(runner)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="fieldguide-engine")

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Features, float32 (n, features), of uint8 pixels (n, height, width, 3) in 0..255.

        Raises:
            InputError: pixels of another type or size.
        """
        return self._run(pixels, (self.feature_count,))[0]

    def _run(self, pixels: np.ndarray, *shapes: tuple[int, ...]) -> list[np.ndarray]:
        """The network's first outputs, as many as shapes are given."""
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (*self.target_size, 3):
            raise InputError(
                f"The engine received {pixels.dtype} pixels of shape {pixels.shape}; "
                f"it expects uint8 (n, {self.target_size[0]}, {self.target_size[1]}, 3)."
            )
        outputs = [np.empty((len(pixels), *shape), np.float32) for shape in shapes]

        def turn(start: int) -> None:
            rows = slice(start, start + ROWS_PER_TURN)
            runner = self._idle.get()
            try:
                runner.run(pixels[rows], [output[rows] for output in outputs])
            finally:
                self._idle.put(runner)

        # Pixels may be a memory map: each thread reads its own rows while others compute.
        list(self._pool.map(turn, range(0, len(pixels), ROWS_PER_TURN)))
        return outputs


class LiteEngine(Engine):
    """Features of pictures by the bundled backbone, on all cores; safe to call from several threads.

    Args:
        weights: arrays named as `read_weights` names them, such as `weights_of(model)`; None: the bundled ones.
        target_size: (height, width) of the pictures.
        cut: the layer whose output `features_and_cut` gives besides, one of `lite0.CUTS`.
        threads: how many pictures to work on at once; None: one for each core this process may use.
        runtime: "litert" or "keras"; None: LiteRT where it can be imported, else Keras.

    Raises:
        InputError: an argument that does not fit.

    Example:
        >>> engine = LiteEngine(target_size=(96, 96))
        >>> engine.features(np.zeros((2, 96, 96, 3), np.uint8)).shape
        (2, 1280)
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray] | None = None,
        target_size: tuple[int, int] = (224, 224),
        *,
        cut: str = DEFAULT_CUT,
        threads: int | None = None,
        runtime: str | None = None,
    ) -> None:
        steps_after(cut)  # refuses a layer that ends no block
        if not all(SMALLEST <= side <= LARGEST for side in target_size):
            raise InputError(f"target_size={target_size} is out of range; each side must be {SMALLEST} to {LARGEST}.")
        runtime = _chosen(runtime, threads)
        size = (int(target_size[0]), int(target_size[1]))
        weights = read_weights() if weights is None else weights
        runners: Sequence[_Runner]
        if runtime == "litert":
            runners = _lite_runners([lite_graph(weights, size, cut)], threads)
        else:
            runners = [_KerasRunner(_lite0_model(weights, size, cut))]
        super().__init__(size, FEATURES, runtime, runners)
        self.cut = cut
        self.cut_shape = output_shapes(size)[cut]

    def features_and_cut(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pooled features, float32 (n, 1280), and the cut's activations, float32 (n, *cut_shape), of uint8 pixels.

        Raises:
            InputError: pixels of another type or size.
        """
        features, cuts = self._run(pixels, (FEATURES,), self.cut_shape)
        return features, cuts


class NetEngine(Engine):
    """Features of pictures by a network trained from scratch, on all cores; safe to call from several threads.

    Args:
        net: the network.
        weights: of its layers but for the head, as `build.body_weights` gives them.
        threads: how many pictures to work on at once; None: one for each core this process may use.
        runtime: "litert" or "keras"; None: LiteRT where it can be imported, else Keras.

    Raises:
        InputError: an argument that does not fit.
    """

    def __init__(
        self, net: Net, weights: Mapping[str, np.ndarray], *, threads: int | None = None, runtime: str | None = None
    ) -> None:
        require_weights(weights, net.body_shapes)
        runtime = _chosen(runtime, threads)
        runners: Sequence[_Runner]
        if runtime == "litert":
            runners = _lite_runners(net_graphs(net.layers, net.target_size, weights, rows=ROWS_PER_TURN), threads)
        else:
            from fieldguide.model.build import body_model

            runners = [_KerasRunner(body_model(net, weights))]
        super().__init__(net.target_size, net.features, runtime, runners)


def _chosen(runtime: str | None, threads: int | None) -> str:
    """The runtime to use, once both arguments are seen to be possible."""
    if threads is not None and threads < 1:
        raise InputError(f"threads={threads} is too few; give 1 or more, or None for one per core.")
    if runtime not in (None, "litert", "keras"):
        raise InputError(f"runtime={runtime!r} is unknown; choose 'litert', 'keras' or None.")
    return runtime or ("litert" if litert_available() else "keras")


class _Runner(Protocol):
    def run(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> None:
        """Fill the network's first outputs, as many as are given, for at most ROWS_PER_TURN pictures."""


class _LiteRunner:
    """One single-threaded interpreter that takes one picture at a time."""

    def __init__(self, graph: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=graph, num_threads=1)
        self._interpreter.allocate_tensors()
        self._pixels = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]

    def run(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> None:
        for row, picture in enumerate(pixels):
            self._interpreter.set_tensor(self._pixels, picture[None])
            self._interpreter.invoke()  # releases Python's lock
            for output, index in zip(outputs, self._outputs, strict=False):
                output[row] = self._interpreter.get_tensor(index)[0]


class _LiteRunnerWithTail:
    """A runner whose outputs, vectors, go through a second network, always ROWS_PER_TURN of them at once."""

    def __init__(self, graph: bytes, tail: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._runner = _LiteRunner(graph)
        self._tail = Interpreter(model_content=tail, num_threads=1)
        self._tail.allocate_tensors()
        given, found = self._tail.get_input_details()[0], self._tail.get_output_details()[0]
        self._given, self._found = given["index"], found["index"]
        self._vectors = np.zeros(given["shape"], np.float32)

    def run(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> None:
        self._runner.run(pixels, [self._vectors[: len(pixels)]])
        self._tail.set_tensor(self._given, self._vectors)  # of fewer pictures, the last rows are those of a turn before
        self._tail.invoke()
        outputs[0][:] = self._tail.get_tensor(self._found)[: len(pixels)]


def _lite_runners(graphs: Sequence[bytes], threads: int | None) -> list[_Runner]:
    make = _LiteRunner if len(graphs) == 1 else _LiteRunnerWithTail
    with _without_notice():
        return [make(*graphs) for _ in range(threads or thread_count())]


class _KerasRunner:
    """A Keras model on batches of one size: the last one is filled up, so nothing is compiled twice.

    There is one of it, since Keras spreads a batch over the cores by itself.
    """

    def __init__(self, model: keras.Model) -> None:
        import keras

        self._model = model
        if keras.backend.backend() == "tensorflow":
            self._model.jit_compile = False  # XLA on a CPU takes ten times as long for convolutions

    def run(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> None:
        batch = np.zeros((ROWS_PER_TURN, *pixels.shape[1:]), np.float32)
        batch[: len(pixels)] = pixels
        found = self._model.predict_on_batch(batch)
        for output, value in zip(outputs, found if isinstance(found, list) else [found], strict=False):
            output[:] = value[: len(pixels)]


def _lite0_model(weights: Mapping[str, np.ndarray], target_size: tuple[int, int], cut: str) -> keras.Model:
    import keras

    from fieldguide.model.lite0 import lite0, load_weights

    model = load_weights(lite0(target_size), weights)
    return keras.Model(model.input, [model.output, model.get_layer(cut).output])


@contextmanager
def _without_notice() -> Iterator[None]:
    """LiteRT's native code announces XNNPACK on stderr, whatever it is told: that line is dropped, others pass."""
    with _STDERR, ExitStack() as stack:
        try:
            kept = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError:  # no place for a file, or no stderr: then the line may appear
            stderr = -1
        if stderr < 0:
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            kept.seek(0)
            for line in kept:
                if _NOTICE not in line:
                    os.write(2, line)


def litert_available() -> bool:
    """Whether LiteRT can be imported on this machine."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except ImportError:
        return False
    return True
