"""The fast forward pass on a CPU: pixels in, features out, and of the bundled backbone the activation at a cut.

It runs on LiteRT with XNNPACK, without TensorFlow or Keras. Each thread has an interpreter of its own that takes one
picture at a time: the activations then stay near the processor, and a picture's features cannot depend on its batch or
on the number of threads, not even in the last bit. Any weights of the network, fine-tuned ones too, run the same way.

Where LiteRT cannot be imported, the Keras model does the work: slower, and equal within 1e-3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from fieldguide.errors import InputError
from fieldguide.model.backbones import backbone
from fieldguide.model.graph import lite_graph, output_shapes
from fieldguide.model.lite0 import CUTS, read_weights, steps_after
from fieldguide.model.net_graph import net_graphs
from fieldguide.model.nets import Net
from fieldguide.model.parameters import require_weights
from fieldguide.model.runners import ROWS_PER_TURN, KerasRunner, MirroredRunner, Runner, chosen_runtime, lite_runners
from fieldguide.model.trunk import BUNDLED, Trunk

DEFAULT_CUT = backbone("efficientnet_lite0").cut
SMALLEST, LARGEST = 32, 1024  # pixels on a side of the bundled backbone's pictures
LARGER_TURN = 32  # pictures that Keras takes at a time of a large network


class Engine:
    """What all engines have in common: runners, each used by one thread at a time, that share out the pictures."""

    def __init__(
        self,
        target_size: tuple[int, int],
        features: int,
        runtime: str,
        runners: Sequence[Runner],
        *,
        cut_shape: tuple[int, int, int] | None = None,
        rows_per_turn: int = ROWS_PER_TURN,
    ) -> None:
        self.target_size = target_size
        self.cut_shape = cut_shape
        self._rows_per_turn = rows_per_turn
        self.runtime = runtime
        self.threads = len(runners)
        self.feature_count = features
        self._idle: SimpleQueue[Runner] = SimpleQueue()  # a runner belongs to whoever took it from here
        for runner in runners:
            self._idle.put(runner)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="fieldguide-engine")

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Features, float32 (n, features), of uint8 pixels (n, height, width, 3) in 0..255.

        Raises:
            InputError: pixels of another type or size.
        """
        return self._run(pixels, (self.feature_count,))[0]

    def features_and_cut(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features, float32 (n, features), and the cut's activations, float32 (n, *cut_shape), of uint8 pixels.

        Raises:
            InputError: pixels of another type or size, or the engine was made without a cut.
        """
        if self.cut_shape is None:
            raise InputError("this engine was made without a cut: name the layer whose activations are wanted.")
        features, cuts = self._run(pixels, (self.feature_count,), self.cut_shape)
        return features, cuts

    def _run(self, pixels: np.ndarray, *shapes: tuple[int, ...]) -> list[np.ndarray]:
        """The network's first outputs, as many as shapes are given."""
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (*self.target_size, 3):
            raise InputError(
                f"The engine received {pixels.dtype} pixels of shape {pixels.shape}; "
                f"it expects uint8 (n, {self.target_size[0]}, {self.target_size[1]}, 3)."
            )
        outputs = [np.empty((len(pixels), *shape), np.float32) for shape in shapes]

        def turn(start: int) -> None:
            rows = slice(start, start + self._rows_per_turn)
            runner = self._idle.get()
            try:
                runner.run(pixels[rows], [output[rows] for output in outputs])
            finally:
                self._idle.put(runner)

        # Pixels may be a memory map: each thread reads its own rows while others compute.
        list(self._pool.map(turn, range(0, len(pixels), self._rows_per_turn)))
        return outputs


class LiteEngine(Engine):
    """Features of pictures by the bundled backbone, on all cores; safe to call from several threads.

    Args:
        weights: arrays named as `read_weights` names them, such as `weights_of(model)`; None: the bundled ones.
        target_size: (height, width) of the pictures.
        trunk: how far the backbone is used, and which of its maps are read.
        cut: the layer whose output `features_and_cut` gives besides, one of `lite0.CUTS`; None for none.
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
        trunk: Trunk = BUNDLED,
        cut: str | None = DEFAULT_CUT,
        threads: int | None = None,
        runtime: str | None = None,
    ) -> None:
        if cut is not None:
            steps_after(cut)  # refuses a layer that ends no block
            if trunk.cut is not None and CUTS.index(cut) > CUTS.index(trunk.cut):
                raise InputError(f"cut={cut!r} lies behind {trunk.cut!r}, where the trunk ends: choose one before it.")
        if not all(SMALLEST <= side <= LARGEST for side in target_size):
            raise InputError(f"target_size={target_size} is out of range; each side must be {SMALLEST} to {LARGEST}.")
        runtime = chosen_runtime(runtime, threads)
        size = (int(target_size[0]), int(target_size[1]))
        maps = () if cut is None else (cut,)
        runners: Sequence[Runner]
        if runtime == "litert":
            graph = lite_graph(read_weights() if weights is None else weights, size, trunk, *maps)
            runners = lite_runners([graph], threads)
        else:
            from fieldguide.model.trunk_model import feature_model

            runners = [KerasRunner(feature_model(trunk, size, weights, maps=maps))]
        shape = None if cut is None else output_shapes(size)[cut]
        super().__init__(size, trunk.features(size), runtime, runners, cut_shape=shape)
        self.cut = cut


class MapEngine(Engine):
    """The maps of a trunk that a head reads, and not only their averages: for heat maps.

    Args:
        weights: as `trunk_engine` takes them.
        target_size: (height, width) of the pictures.
        trunk: which maps are read.
        runtime: "litert" or "keras"; None: LiteRT where it can be imported, else Keras. Of other backbones than the
            bundled one it is Keras in any case.

    Raises:
        InputError: a layer is none of the backbone's, or it cannot take pictures of this size.
        FileError: the weights cannot be had.
        ModelError: the weights are not those of this backbone.
    """

    def __init__(
        self,
        weights: str | Path | Mapping[str, np.ndarray] | None,
        target_size: tuple[int, int],
        trunk: Trunk,
        *,
        runtime: str | None = None,
    ) -> None:
        runtime = chosen_runtime(runtime, None) if trunk.bundled else "keras"
        runners: Sequence[Runner]
        if runtime == "litert" and isinstance(weights, Mapping | None):
            layers, shapes = (*trunk.taps, trunk.last), output_shapes(target_size)
            graph = lite_graph(read_weights() if weights is None else weights, target_size, trunk, *layers)
            runners, count = lite_runners([graph], None), trunk.features(target_size)
            self._shapes = [shapes[name] for name in layers]
        else:
            from fieldguide.model.trunk_model import feature_model, read_maps

            model = read_maps(feature_model(trunk, target_size, weights), trunk)
            (count,), *self._shapes = (shape[1:] for shape in model.output_shape)
            runtime, runners = "keras", [KerasRunner(model)]
        super().__init__(target_size, count, runtime, runners)

    def maps(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The map after each tap and the last one, float32 (n, h, w, channels), of uint8 pixels.

        Raises:
            InputError: pixels of another type or size.
        """
        return self._run(pixels, (self.feature_count,), *self._shapes)[1:]


class BaseEngine(Engine):
    """Features of pictures by any backbone but the bundled one, in Keras; safe to call from several threads.

    Args:
        trunk: the backbone, how far it is used and which of its maps are read.
        weights: what `bases.base_model` takes.
        target_size: (height, width) of the pictures.
        cut: the layer whose output `features_and_cut` gives besides; None for none.

    Raises:
        InputError: a layer is none of the backbone's, or it cannot take pictures of this size.
        FileError: the weights cannot be had.
        ModelError: the weights are not those of this backbone.
    """

    def __init__(
        self,
        trunk: Trunk,
        weights: str | Path | Mapping[str, np.ndarray] | None,
        target_size: tuple[int, int],
        *,
        cut: str | None = None,
    ) -> None:
        from fieldguide.model.trunk_model import feature_model, last_width

        maps = () if cut is None else (cut,)
        model = feature_model(trunk, target_size, weights, maps=maps)
        self.last_width = last_width(model, trunk)  # features that come of the last map
        shapes = [shape[1:] for shape in model.output_shape] if maps else [model.output_shape[1:]]
        runner = KerasRunner(model, LARGER_TURN)
        super().__init__(
            target_size,
            shapes[0][0],
            "keras",
            [runner],
            cut_shape=shapes[1] if maps else None,
            rows_per_turn=LARGER_TURN,
        )
        self.cut = cut


def trunk_engine(
    trunk: Trunk,
    weights: str | Path | Mapping[str, np.ndarray] | None,
    target_size: tuple[int, int],
    *,
    cut: str | None = None,
) -> LiteEngine | BaseEngine:
    """The fastest engine there is for a trunk.

    Args and errors: as of `BaseEngine`.
    """
    if not trunk.bundled:
        return BaseEngine(trunk, weights, target_size, cut=cut)
    if not isinstance(weights, Mapping | None):
        from fieldguide.model.trunk_model import lite0_weights

        weights = lite0_weights(weights, target_size, seed=0)
    return LiteEngine(weights, target_size, trunk=trunk, cut=cut)


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
        runtime = chosen_runtime(runtime, threads)
        runners: Sequence[Runner]
        if runtime == "litert":
            runners = lite_runners(net_graphs(net.layers, net.target_size, weights, rows=ROWS_PER_TURN), threads)
            runners = [MirroredRunner(runner) for runner in runners] if net.mirrored else runners
        else:
            from fieldguide.model.build import body_model

            runners = [KerasRunner(body_model(net, weights))]
        super().__init__(net.target_size, net.features, runtime, runners)
