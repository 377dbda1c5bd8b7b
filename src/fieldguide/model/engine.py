"""The frozen backbone's fast forward pass on a CPU: pixels in, features and the activation at a cut out.

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
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from fieldguide.errors import InputError
from fieldguide.model.backbones import backbone
from fieldguide.model.graph import lite_graph, output_shapes
from fieldguide.model.lite0 import FEATURES, read_weights, steps_after
from fieldguide.parallel import thread_count

DEFAULT_CUT = backbone("efficientnet_lite0").cut
SMALLEST, LARGEST = 32, 1024  # pixels on a side
ROWS_PER_TURN = 8  # pictures a thread takes at a time
_NOTICE = b"Created TensorFlow Lite XNNPACK delegate for CPU"
_STDERR = threading.Lock()


class LiteEngine:
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
        if threads is not None and threads < 1:
            raise InputError(f"threads={threads} is too few; give 1 or more, or None for one per core.")
        if runtime not in (None, "litert", "keras"):
            raise InputError(f"runtime={runtime!r} is unknown; choose 'litert', 'keras' or None.")
        self.target_size = (int(target_size[0]), int(target_size[1]))
        self.cut = cut
        self.cut_shape = output_shapes(self.target_size)[cut]
        self.runtime = runtime or ("litert" if litert_available() else "keras")
        weights = read_weights() if weights is None else weights
        self._idle: SimpleQueue[_Runner] = SimpleQueue()  # a runner belongs to whoever took it from here
        if self.runtime == "litert":
            self.threads = threads or thread_count()
            graph = lite_graph(weights, self.target_size, cut)
            with _without_notice():
                for _ in range(self.threads):
                    self._idle.put(_LiteRunner(graph))
        else:
            self.threads = 1  # Keras spreads one batch over the cores by itself
            self._idle.put(_KerasRunner(weights, self.target_size, cut))
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="fieldguide-engine")

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Pooled features, float32 (n, 1280), of uint8 pixels (n, height, width, 3) in 0..255.

        Raises:
            InputError: pixels of another type or size.
        """
        features, _ = self._run(pixels, with_cut=False)
        return features

    def features_and_cut(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pooled features, float32 (n, 1280), and the cut's activations, float32 (n, *cut_shape), of uint8 pixels.

        Raises:
            InputError: pixels of another type or size.
        """
        return self._run(pixels, with_cut=True)

    def _run(self, pixels: np.ndarray, *, with_cut: bool) -> tuple[np.ndarray, np.ndarray]:
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (*self.target_size, 3):
            raise InputError(
                f"The engine received {pixels.dtype} pixels of shape {pixels.shape}; "
                f"it expects uint8 (n, {self.target_size[0]}, {self.target_size[1]}, 3)."
            )
        features = np.empty((len(pixels), FEATURES), np.float32)
        cuts = np.empty((len(pixels) if with_cut else 0, *self.cut_shape), np.float32)

        def turn(start: int) -> None:
            rows = slice(start, start + ROWS_PER_TURN)
            runner = self._idle.get()
            try:
                runner.run(pixels[rows], features[rows], cuts[rows])
            finally:
                self._idle.put(runner)

        # Pixels may be a memory map: each thread reads its own rows while others compute.
        list(self._pool.map(turn, range(0, len(pixels), ROWS_PER_TURN)))
        return features, cuts


class _Runner(Protocol):
    def run(self, pixels: np.ndarray, features: np.ndarray, cuts: np.ndarray) -> None:
        """Fill `features`, and `cuts` unless it is empty, for at most ROWS_PER_TURN pictures."""


class _LiteRunner:
    """One single-threaded interpreter that takes one picture at a time."""

    def __init__(self, graph: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=graph, num_threads=1)
        self._interpreter.allocate_tensors()
        self._pixels = self._interpreter.get_input_details()[0]["index"]
        self._features, self._cut = (output["index"] for output in self._interpreter.get_output_details())

    def run(self, pixels: np.ndarray, features: np.ndarray, cuts: np.ndarray) -> None:
        for row, picture in enumerate(pixels):
            self._interpreter.set_tensor(self._pixels, picture[None])
            self._interpreter.invoke()  # releases Python's lock
            features[row] = self._interpreter.get_tensor(self._features)[0]
            if len(cuts):
                cuts[row] = self._interpreter.get_tensor(self._cut)[0]


class _KerasRunner:
    """The Keras model on batches of one size: the last one is filled up, so nothing is compiled twice."""

    def __init__(self, weights: Mapping[str, np.ndarray], target_size: tuple[int, int], cut: str) -> None:
        import keras

        from fieldguide.model.lite0 import lite0, load_weights

        model = load_weights(lite0(target_size), weights)
        self._model = keras.Model(model.input, [model.output, model.get_layer(cut).output])
        if keras.backend.backend() == "tensorflow":
            self._model.jit_compile = False  # XLA on a CPU takes ten times as long for convolutions

    def run(self, pixels: np.ndarray, features: np.ndarray, cuts: np.ndarray) -> None:
        batch = np.zeros((ROWS_PER_TURN, *pixels.shape[1:]), np.float32)
        batch[: len(pixels)] = pixels
        found, at_cut = self._model.predict_on_batch(batch)
        features[:] = found[: len(pixels)]
        if len(cuts):
            cuts[:] = at_cut[: len(pixels)]


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
