"""What an engine shares its pictures out to: networks on LiteRT, picture by picture, or on Keras, in batches."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fieldguide.errors import InputError
from fieldguide.parallel import thread_count

if TYPE_CHECKING:
    import keras

ROWS_PER_TURN = 8  # pictures a thread takes at a time
_NOTICE = b"Created TensorFlow Lite XNNPACK delegate for CPU"
_STDERR = threading.Lock()


class Runner(Protocol):
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


def lite_runners(graphs: Sequence[bytes], threads: int | None) -> list[Runner]:
    """Runners of a network on LiteRT, one for each thread (`None`: for each core).

    Args:
        graphs: the network as a .tflite file, or two of them, one after the other, of which the second takes vectors.
        threads: how many pictures to work on at once.
    """
    make = _LiteRunner if len(graphs) == 1 else _LiteRunnerWithTail
    with _without_notice():
        return [make(*graphs) for _ in range(threads or thread_count())]


class KerasRunner:
    """A Keras model on batches of one size: the last one is filled up, so nothing is compiled twice.

    There is one of it, since Keras spreads a batch over the cores by itself.
    """

    def __init__(self, model: keras.Model, rows: int = ROWS_PER_TURN) -> None:
        import keras

        self._model, self._rows = model, rows
        if keras.backend.backend() == "tensorflow":
            self._model.jit_compile = False  # XLA on a CPU takes ten times as long for convolutions

    def run(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> None:
        batch = np.zeros((self._rows, *pixels.shape[1:]), np.float32)
        batch[: len(pixels)] = pixels
        found = self._model.predict_on_batch(batch)
        for output, value in zip(outputs, found if isinstance(found, list) else [found], strict=False):
            output[:] = value[: len(pixels)]


class MirroredRunner:
    """A runner whose first output is the average over each picture and its mirror image."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> None:
        output = outputs[0]
        other = np.empty_like(output)
        self._runner.run(pixels, [output])
        self._runner.run(np.ascontiguousarray(pixels[:, :, ::-1]), [other])
        np.add(output, other, out=output)
        output *= np.float32(0.5)


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


def chosen_runtime(runtime: str | None, threads: int | None) -> str:
    """The runtime to use, once both arguments are seen to be possible."""
    if threads is not None and threads < 1:
        raise InputError(f"threads={threads} is too few; give 1 or more, or None for one per core.")
    if runtime not in (None, "litert", "keras"):
        raise InputError(f"runtime={runtime!r} is unknown; choose 'litert', 'keras' or None.")
    return runtime or ("litert" if litert_available() else "keras")
