"""A Classifier: a model, its classes and its resize rule as one thing that takes pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fieldguide import files
from fieldguide.answers.naming import Naming
from fieldguide.answers.novelty import Novelty
from fieldguide.data import decode
from fieldguide.errors import InputError, PictureError
from fieldguide.model import archive
from fieldguide.model.engine import Engine, NetEngine, trunk_engine
from fieldguide.model.head import Head, units_for
from fieldguide.model.nets import Net
from fieldguide.model.parameters import require_weights
from fieldguide.model.predictions import Prediction, Predictions, find_pictures
from fieldguide.model.rules import Outline
from fieldguide.model.trunk import BUNDLED, Trunk
from fieldguide.parallel import bounded_map
from fieldguide.version import __version__

if TYPE_CHECKING:
    import keras

# Of a picture: the probabilities, the classes named, and whether it is unlike all that was learnt from.
Answer = tuple[np.ndarray | None, tuple[str, ...] | None, bool | None]
BATCH = 32
MODEL_FILE = "model.keras"


class Classifier:
    """Tells pictures of some classes apart, with calibrated probabilities.

    `fieldguide.train` makes one and `fieldguide.load` brings one back.

    Attributes:
        class_names: the classes, in the order of the probabilities.
        target_size: (height, width) the pictures are brought to.
        resize: how they are brought there: "crop", "squash" or "pad".
        trunk: the pretrained network whose features are used; None where there is a `net`.
        net: the network, where it was trained from scratch; else None.
        weights: of the network; None for the bundled ones.
        temperature: what the logits were divided by to be calibrated; it is in the weights already.
        seen: the pictures it learnt from or was chosen by, uint64 (n,) of `PixelStore.marks`, so that measuring can
            leave them out.
        naming: which classes to name for a picture, so that the true one is among them as often as was promised; None
            where nothing is promised.
        novelty: when a picture is unlike all that it learnt from; None where that cannot be told.

    Example:
        >>> import fieldguide as fg
        >>> guide = fg.load("runs/first")
        >>> guide
        <Classifier of 2 classes (horses, humans) at 224x224>
        >>> guide.predict("new/valhuman05-00.jpg")[0].label
        'humans'
    """

    def __init__(
        self,
        head: Head,
        class_names: Sequence[str],
        *,
        target_size: tuple[int, int] | None = None,
        resize: str = "crop",
        trunk: Trunk = BUNDLED,
        net: Net | None = None,
        weights: Mapping[str, np.ndarray] | None = None,
        temperature: float = 1.0,
        seen: np.ndarray | None = None,
        naming: Naming | None = None,
        novelty: Novelty | None = None,
    ) -> None:
        """A classifier from its parts.

        Args:
            head: calibrated, with one unit for two classes or one for each of more.
            class_names: two or more.
            target_size: (height, width) in pixels; None for 224 x 224, or the size of `net`.
            resize: "crop", "squash" or "pad".
            trunk: the pretrained network; passed over where there is a `net`.
            net: a network trained from scratch.
            weights: of the backbone where they are not the bundled ones, or of `net`, as `build.body_weights` gives
                them.
            temperature: that `head` was cooled by.
            seen: marks of the pictures it learnt from; None if it learnt from none.
            naming: fitted on pictures that it did not learn from, stated at this temperature.
            novelty: fitted on the features that the head takes, or on the last ones of them.

        Raises:
            InputError: if the head does not fit the classes, or head, weights, size or novelty do not fit the network.
        """
        if head.kernel.shape[1] != (len(class_names) if head.independent else units_for(len(class_names))):
            raise InputError(
                f"{len(class_names)} classes were given to a head with {head.kernel.shape[1]} output units."
            )
        self.head = head
        self.class_names = tuple(class_names)
        self.target_size = _fitting_size(head, target_size, weights, net)
        self.resize = resize
        self.trunk = trunk if net is None else None
        self.net = net
        self.weights = weights
        self.temperature = temperature
        self.seen = np.zeros(0, np.uint64) if seen is None else np.unique(seen)
        self.naming = naming
        if novelty is not None and len(novelty.basis) > head.inputs:
            raise InputError(
                f"novelty was fitted on {len(novelty.basis):,} features of a picture, and the head takes "
                f"{head.inputs:,}: fit it on the last ones of those."
            )
        self.novelty = novelty

    def __repr__(self) -> str:
        shown = ", ".join(self.class_names[:4]) + (", ..." if len(self.class_names) > 4 else "")
        return (
            f"<Classifier of {len(self.class_names)} classes ({shown}) at {self.target_size[0]}x{self.target_size[1]}>"
        )

    @cached_property
    def engine(self) -> Engine:
        """What computes features from pixels."""
        if self.trunk is None:
            assert self.net is not None
            return NetEngine(self.net, self.weights or {})
        return trunk_engine(self.trunk, self.weights, self.target_size)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float32 (n, classes), of uint8 pixels (n, height, width, 3) in 0..255."""
        return self.head.probabilities(self.engine.features(pixels))

    @property
    def replying(self) -> bool:
        """Whether it says when it does not know."""
        return self.naming is not None or self.novelty is not None

    def predict(self, pictures: str | Path | Iterable[str | Path]) -> Predictions:
        """The class and the probabilities of pictures.

        Args:
            pictures: a file, a folder (searched with its sub-folders), a pattern such as "new/*.jpg", or several.

        Returns:
            Predictions, one for each file found, in order; those that cannot be read carry the reason.

        Raises:
            FileError: if a name fits nothing.

        Example:
            >>> import fieldguide as fg
            >>> guide = fg.load("runs/first")
            >>> print(guide.predict(["new/horse6-004.jpg", "new/notes.txt"]))
            file                                        sure  class
            new/horse6-004.jpg                        ...%  horses
            new/notes.txt                             not read: not a picture: text
        """
        return Predictions(self.class_names, tuple(self.stream(find_pictures(pictures))), self.replying)

    def stream(self, paths: Iterable[Path]) -> Iterator[Prediction]:
        """Predictions one by one, in order, in memory that does not grow with their number.

        Args:
            paths: of picture files; consumed lazily.
        """
        waiting = bounded_map(self._read, paths, ahead=BATCH)
        while batch := list(islice(waiting, BATCH)):
            read = [pixels for _, pixels, _ in batch if pixels is not None]
            answers = iter(self.answers(np.stack(read)) if read else ())
            for path, pixels, reason in batch:
                yield self.prediction(path, next(answers) if pixels is not None else (None, None, None), reason)

    def prediction(self, path: Path, answer: Answer, reason: str = "") -> Prediction:
        """What was answered of a picture, or why it could not be read.

        Args:
            path: of its file.
            answer: one of `answers`; of nothing where it could not be read.
            reason: why it could not.
        """
        share, named, unlike = answer
        return Prediction(path, self.class_names, share, reason, named, unlike)

    def answers(self, pixels: np.ndarray) -> Iterator[Answer]:
        """Of each picture the probabilities, the classes named and whether it is unlike all that was learnt from.

        Args:
            pixels: uint8 (n, height, width, 3) in 0..255.
        """
        features = self.engine.features(pixels)
        shares = self.head.probabilities(features)
        named = None if self.naming is None else self.naming.sets(shares)
        strange = self.unlike(features)
        unlike = None if strange is None else strange.tolist()
        for row, share in enumerate(shares):
            classes = None if named is None else self._by_probability(share, named[row])
            yield share, classes, None if unlike is None else unlike[row]

    def unlike(self, features: np.ndarray) -> np.ndarray | None:
        """Which pictures are unlike all that it learnt from, bool (n,); None where it cannot tell.

        Args:
            features: float32 (n, features), what the engine computes of them.
        """
        if self.novelty is None:
            return None
        return self.novelty.unlike(features[:, -len(self.novelty.basis) :])

    def _by_probability(self, share: np.ndarray, named: np.ndarray) -> tuple[str, ...]:
        """The named classes, the likeliest first."""
        order = np.argsort(-share, kind="stable")
        return tuple(self.class_names[label] for label in order[named[order]])

    @cached_property
    def keras_model(self) -> keras.Model:
        """The complete Keras model: pixels (n, height, width, 3) in 0..255 in, probabilities out."""
        from fieldguide.model.build import classifier_model

        trunk = self.trunk or BUNDLED
        return classifier_model(self.head, self.target_size, self.weights, net=self.net, trunk=trunk)

    def save(self, path: str | Path) -> Path:
        """Writes the classifier as one `.keras` file, which Keras can open too.

        Raises:
            InputTypeError: if the path is none.
            InputError: if the name does not end in .keras.
            FileError: if it cannot be written.
        """
        path = files.path_of("path", path, "birds.keras")
        if path.suffix != ".keras":
            raise InputError(f"a model cannot be saved as {path}: give it a name that ends in .keras.")
        archive.write(path, self.keras_model, self._note(), self.seen, self.novelty)
        return path

    def _note(self) -> archive.Note:
        """What must be known of it besides its layers."""
        return archive.Note(
            class_names=self.class_names,
            target_size=self.target_size,
            resize=self.resize,
            trunk=self.trunk,
            net=self.net,
            hidden=tuple(len(bias) for _, bias in self.head.hidden),
            tuned=self.net is None and self.weights is not None,
            temperature=float(self.temperature),
            decoder=decode.DECODER_VERSION,
            fieldguide=__version__,
            naming=self.naming,
            novelty=None if self.novelty is None else Outline.of(self.novelty),
        )

    def _read(self, path: Path) -> tuple[Path, np.ndarray | None, str]:
        try:
            return path, decode.decode(decode.load_bytes(path), self.target_size, self.resize).pixels, ""
        except PictureError as error:
            return path, None, _shut(path) or str(error)


def _shut(path: Path) -> str:
    """Why a folder cannot be looked into, if that is what `path` is."""
    try:
        if path.is_dir():
            os.scandir(path).close()
    except OSError as error:
        return f"the folder cannot be read: {files.plain_reason(error)}"
    return ""


def _fitting_size(
    head: Head, target_size: tuple[int, int] | None, weights: Mapping[str, np.ndarray] | None, net: Net | None
) -> tuple[int, int]:
    """The size of the pictures, once head and weights are seen to fit a network trained from scratch, if it is one."""
    if net is None:
        return (224, 224) if target_size is None else target_size  # a head that does not fit fails where it is used
    if target_size is not None and tuple(target_size) != net.target_size:
        raise InputError(
            f"target_size is {target_size}, and the network takes {net.target_size}: leave target_size out."
        )
    if len(head.kernel) != net.features:
        raise InputError(
            f"the head takes {len(head.kernel)} features, and {net.name_in_words} gives {net.features}: give the head "
            "that was trained with it."
        )
    require_weights({} if weights is None else weights, net.body_shapes)
    return net.target_size
