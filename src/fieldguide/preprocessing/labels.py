"""Whether the labels that `fit` is given are those that a compiled model and its loss expect, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fieldguide.data.arguments import said
from fieldguide.errors import InputError, InputTypeError
from fieldguide.preprocessing.targets import NONE, NUMBERS, ONE_HOT, OTHER, SEVERAL, Labels, labels_of
from fieldguide.words import counted

if TYPE_CHECKING:
    import keras

# What losses are of, by their functions' and classes' names: a yes or no for each unit, one-hot rows, or numbers.
_KINDS = {
    "binarycrossentropy": "binary",
    "binaryfocalcrossentropy": "binary",
    "categoricalcrossentropy": "categorical",
    "categoricalfocalcrossentropy": "categorical",
    "sparsecategoricalcrossentropy": "sparse",
}
_LINEAR = "linear"


@dataclass(frozen=True)
class Ending:
    """How a model ends, and what it is compiled with."""

    units: int | None  # None where it is not known before the model is called
    activation: str  # "softmax", "sigmoid", "linear" or another; "" where it is not known
    loss: str  # its name
    kind: str  # "binary", "categorical", "sparse", or "" for other losses
    from_logits: bool
    ignored: int | None = None  # the label that the loss passes over

    @classmethod
    def of(cls, model: keras.Model) -> Ending:
        """The ending of a compiled model.

        Raises:
            InputTypeError: it is no model.
            InputError: it is not compiled, or has several outputs.
        """
        import keras

        if not isinstance(model, keras.Model):
            raise InputTypeError(f"model is {said(model)}; expected a compiled Keras model.")
        given = getattr(model, "loss", None)
        if given is None:
            raise InputError(f"the model {model.name!r} has no loss: compile it first, then look at its labels.")
        outputs = getattr(model, "outputs", None) or []
        if len(outputs) > 1 or isinstance(given, dict | list | tuple):
            raise InputError(f"the model {model.name!r} has several outputs; expected one: look at one after another.")
        loss = keras.losses.get(given) if isinstance(given, str) else given
        name = getattr(loss, "__name__", type(loss).__name__)
        settings = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
        logits, ignored = bool(settings.get("from_logits")), settings.get("ignore_class")
        shape = outputs[0].shape if outputs else (None,)
        units = int(shape[-1]) if len(shape) == 2 and shape[-1] is not None else None
        return cls(units, _activation(model), name, _KINDS.get(name.replace("_", "").lower(), ""), logits, ignored)

    def __str__(self) -> str:
        units = "outputs" if self.units is None else counted(self.units, f"{self.activation} unit".strip())
        return f"{units} with {self.loss}{' from logits' if self.from_logits else ''}"


def check_labels(model: keras.Model, data: Any) -> str:
    """What the model and the labels are, in a line, where they fit each other; call it before `fit`.

    Looked at are the output units, their activation, the loss, and the labels: of all pictures where the data has them
    at hand, else of the first batch.

    Args:
        model: a compiled Keras model with one output.
        data: what `fit` is to be given: a flow of `ImageDataGenerator` (fieldguide's or Keras's), a `keras.utils.
            PyDataset`, a `tf.data` or grain dataset, or a pair (pictures, labels). A `fieldguide.Dataset` stands for
            the numbers of its classes.

    Raises:
        InputTypeError: the model or the data is of another kind.
        InputError: they do not fit: every mismatch is named with its cure.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> check_labels(model, (np.zeros((5, 4)), np.array([0, 1, 2, 1, 0])))
        'labels 0 to 2, and 3 softmax units with sparse_categorical_crossentropy: they fit'
        >>> try:
        ...     check_labels(model, (np.zeros((2, 4)), np.array([0, 23])))
        ... except ValueError as error:
        ...     print(error)
        the model and its labels do not fit: the array has labels up to 23, and there are 3 output units, for 0 to 2:
        end the model with 24 units, or mend the labels.
    """
    ending = Ending.of(model)
    labels = labels_of(data)
    if ending.ignored is not None and labels.form == NUMBERS and labels.values is not None:
        labels = replace(labels, values=labels.values[labels.values != ending.ignored])
    troubles = [*_of_labels(ending, labels), *_of_units(ending, labels), *_of_activation(ending, labels)]
    if troubles:
        several = f" in {len(troubles)} ways" if len(troubles) > 1 else ""
        raise InputError(f"the model and its labels do not fit{several}: {'; '.join(troubles)}.")
    seen = " in the first batch" if labels.sampled else ""
    return f"{labels}{seen}, and {ending}: they fit"


def _of_labels(ending: Ending, labels: Labels) -> Iterator[str]:
    """Whether the labels have the form that the loss is of."""
    form, loss, source = labels.form, ending.loss, labels.source
    if form == NONE:
        yield f"{source} no labels to learn from: take class_mode='binary', 'categorical' or 'sparse'"
    elif not ending.kind:
        return
    elif form == OTHER and not (ending.kind == "binary" and labels.shares):
        yield f"{source} labels that name no classes, which {loss} is for: give whole numbers from 0, or one-hot rows"
    elif form == NUMBERS and labels.values is not None and labels.values.size and labels.values.min() < 0:
        yield f"{source} labels down to {int(labels.values.min())}: number the classes from 0"
    elif ending.kind == "sparse" and form == ONE_HOT:
        yield f"{source} one-hot labels, and {loss} takes numbers: {_cure('sparse', 'categorical')}"
    elif ending.kind == "categorical" and form == NUMBERS:
        yield f"{source} numbers of classes, and {loss} takes one-hot labels: {_cure('categorical', 'sparse')}"
    elif ending.kind in ("sparse", "categorical") and form == SEVERAL:
        yield (
            f"{source} rows in which several classes hold at once, or none, and {loss} takes one: end the model with "
            "sigmoid units and take binary_crossentropy"
        )


def _cure(mode: str, other: str) -> str:
    loss = {"sparse": "sparse_categorical_crossentropy", "categorical": "categorical_crossentropy"}[other]
    return f"take class_mode='{mode}', or the loss {loss}"


def _of_units(ending: Ending, labels: Labels) -> Iterator[str]:
    """Whether there are as many units as the labels need."""
    units, count, form = ending.units, labels.count, labels.form
    if units is None or form in (NONE, OTHER):
        return
    if ending.kind == "binary" and form == NUMBERS:
        classes = count or labels.largest + 1
        if classes > 2:
            yield f"there are {classes} classes, and {ending.loss} takes 0 and 1: {_ending_for(classes, 'sparse')}"
        elif units != 1:
            yield (
                f"{labels.source} one number for each picture, and there are {units} output units for "
                f"{ending.loss}: end the model with 1 sigmoid unit, or keep {units} softmax units and take "
                "sparse_categorical_crossentropy"
            )
    elif form == NUMBERS and ending.kind in ("sparse", ""):
        if ending.kind and units == 1:
            yield f"1 output unit tells no classes apart by {ending.loss}: {_ending_for(max(2, count or 2), 'sparse')}"
        elif ending.kind and count is not None and count != units:
            yield f"there are {count} classes, and {counted(units, 'output unit')}: end the model with {count} units"
        elif ending.kind and labels.largest >= units:
            yield (
                f"{labels.source} labels up to {labels.largest}, and there are {units} output units, for 0 to "
                f"{units - 1}: end the model with {labels.largest + 1} units, or mend the labels"
            )
    elif form in (ONE_HOT, SEVERAL) and count != units:
        one = count == 2 and units == 1
        fewer = ", or keep 1 sigmoid unit with class_mode='binary' and binary_crossentropy" if one else ""
        yield (
            f"{labels.source} {count} labels for each picture, and there {'is' if units == 1 else 'are'} "
            f"{counted(units, 'output unit')}: end the model with {count} units{fewer}"
        )


def _ending_for(classes: int, kind: str) -> str:
    loss = {"sparse": "sparse_categorical_crossentropy", "categorical": "categorical_crossentropy"}[kind]
    return f"end the model with {classes} softmax units and take {loss}"


def _of_activation(ending: Ending, labels: Labels) -> Iterator[str]:
    """Whether the activation gives what the loss takes."""
    activation, kind, units = ending.activation, ending.kind, ending.units
    if not kind or not activation:
        return
    if ending.from_logits and activation in ("softmax", "sigmoid"):
        yield (
            f"{ending.loss} is told that it gets logits (from_logits=True), and the model ends with a {activation}, "
            "which would be applied twice: leave out one of both"
        )
    elif not ending.from_logits and activation not in ("softmax", "sigmoid"):
        cure = "sigmoid" if kind == "binary" else "softmax"
        logits = ", or from_logits=True" if activation == _LINEAR else ""
        what = "no activation" if activation == _LINEAR else f"the activation {activation}"
        yield f"the last layer has {what}, and {ending.loss} takes probabilities: give it {cure}{logits}"
    if activation == "softmax" and units == 1:
        yield "a softmax of 1 unit is 1 whatever it sees: take sigmoid"
    elif activation == "softmax" and kind == "binary":
        yield f"{ending.loss} judges each unit by itself, and a softmax ties them together: {_softmax_loss(labels)}"
    elif activation == "sigmoid" and units != 1 and labels.form in (NUMBERS, ONE_HOT) and _exclusive(ending, labels):
        yield (
            f"the classes exclude each other, and {'' if units is None else f'{units} '}sigmoid units answer each for "
            f"itself, so that their answers do not sum to 1: take softmax{_with_loss(ending, labels)}"
        )


def _exclusive(ending: Ending, labels: Labels) -> bool:
    """Whether one class holds of each picture; a column of numbers beside several units is told of elsewhere.

    Rows that happen to hold one class each may be of several labels, where the data does not say that it has classes.
    """
    return ending.kind != "binary" or (labels.form == ONE_HOT and labels.classes is not None)


def _softmax_loss(labels: Labels) -> str:
    if labels.form == SEVERAL:
        return "take sigmoid, since several classes may hold at once"
    return f"take {'categorical' if labels.form == ONE_HOT else 'sparse_categorical'}_crossentropy"


def _with_loss(ending: Ending, labels: Labels) -> str:
    return " and categorical_crossentropy" if ending.kind == "binary" and labels.form == ONE_HOT else ""


def _activation(model: Any) -> str:
    """What the last layer applies; "" where it is not known."""
    operations = getattr(model, "operations", None) or getattr(model, "layers", None)
    if not operations:
        return ""
    last = operations[-1]
    if getattr(last, "layers", None):
        return _activation(last)
    named = getattr(getattr(last, "activation", None), "__name__", "")
    if not named and type(last).__name__ in ("Softmax", "Sigmoid"):
        return type(last).__name__.lower()
    return named
