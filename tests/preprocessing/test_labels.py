"""Every way in which a model's outputs, its loss and the labels may contradict each other, and those that fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import folder_of

import fieldguide as fg

pytestmark = [
    # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.keras,
]

SIDE = 8
TWO, THREE = {"cats": 4, "dogs": 3}, {"cats": 4, "dogs": 3, "owls": 3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return {len(counts): folder_of(tmp_path_factory.mktemp(f"photos{len(counts)}"), counts) for counts in (TWO, THREE)}


def model_of(units: int, activation: str | None, loss: Any) -> Any:
    import keras

    model = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(units, activation=activation)]
    )
    model.compile("sgd", loss)
    return model


def flow_of(folder: Path, mode: str | None) -> Any:
    return fg.ImageDataGenerator().flow_from_directory(folder, target_size=(SIDE, SIDE), class_mode=mode)


def one_hot(labels: list[int], classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[labels]


SPARSE, CATEGORICAL, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"
FITTING = [
    (2, "binary", 1, "sigmoid", BINARY, "labels 0 to 1 of 2 classes, and 1 sigmoid unit with binary_crossentropy"),
    (2, "sparse", 2, "softmax", SPARSE, "labels 0 to 1 of 2 classes, and 2 softmax units with " + SPARSE),
    (3, "sparse", 3, "softmax", SPARSE, "labels 0 to 2 of 3 classes, and 3 softmax units with " + SPARSE),
    (3, "categorical", 3, "softmax", CATEGORICAL, "one-hot labels of 3 classes, and 3 softmax units"),
    (3, "categorical", 3, "softmax", "categorical_focal_crossentropy", "one-hot labels of 3 classes"),
]


@pytest.mark.parametrize(("classes", "mode", "units", "activation", "loss", "said"), FITTING)
def test_what_fits_is_said_in_a_line(
    folders: dict[int, Path], classes: int, mode: str, units: int, activation: str, loss: str, said: str
) -> None:
    found = fg.check_labels(model_of(units, activation, loss), flow_of(folders[classes], mode))
    assert found.startswith(said)
    assert found.endswith(": they fit")


MISFITS = [
    # classes, class mode, units, activation, loss -> what is said
    (2, "binary", 2, "softmax", SPARSE.replace("sparse_", ""), ["numbers of classes", "takes one-hot labels"]),
    (2, "binary", 2, "softmax", BINARY, ["one number for each picture", "2 output units", "1 sigmoid unit"]),
    (3, "sparse", 1, "sigmoid", BINARY, ["3 classes", "takes 0 and 1", "3 softmax units"]),
    (3, "categorical", 3, "softmax", SPARSE, ["one-hot labels", "takes numbers", "class_mode='sparse'"]),
    (
        3,
        "sparse",
        3,
        "softmax",
        CATEGORICAL,
        ["numbers of classes", "takes one-hot labels", "class_mode='categorical'"],
    ),
    (3, "categorical", 4, "softmax", CATEGORICAL, ["3 labels for each picture", "4 output units", "with 3 units"]),
    (3, "sparse", 5, "softmax", SPARSE, ["3 classes, and 5 output units", "with 3 units"]),
    (2, "categorical", 1, "sigmoid", BINARY, ["2 labels for each picture", "1 output unit", "class_mode='binary'"]),
    (3, "categorical", 3, "sigmoid", BINARY, ["exclude each other", "take softmax and categorical_crossentropy"]),
    (3, "sparse", 3, "sigmoid", SPARSE, ["exclude each other", "3 sigmoid units", "take softmax"]),
    (3, "categorical", 3, "softmax", BINARY, ["a softmax ties them together", "categorical_crossentropy"]),
    (3, "sparse", 3, None, SPARSE, ["no activation", "softmax, or from_logits=True"]),
    (3, "sparse", 3, "relu", SPARSE, ["the activation relu", "takes probabilities", "softmax"]),
    (2, "binary", 1, "softmax", BINARY, ["a softmax of 1 unit is 1", "take sigmoid"]),
    (2, "sparse", 1, "sigmoid", SPARSE, ["1 output unit tells no classes apart", "2 softmax units"]),
    (2, None, 1, "sigmoid", BINARY, ["class_mode=None gives no labels", "'sparse'"]),
]


@pytest.mark.parametrize(("classes", "mode", "units", "activation", "loss", "said"), MISFITS)
def test_each_mismatch_is_named_with_its_cure(
    folders: dict[int, Path], classes: int, mode: str | None, units: int, activation: str, loss: str, said: list[str]
) -> None:
    with pytest.raises(fg.InputError, match="the model and its labels do not fit") as caught:
        fg.check_labels(model_of(units, activation, loss), flow_of(folders[classes], mode))
    assert [part for part in said if part not in str(caught.value)] == [], str(caught.value)


def test_logits_go_with_no_activation_and_with_none_only(folders: dict[int, Path]) -> None:
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    flow = flow_of(folders[3], "sparse")
    assert "from logits: they fit" in fg.check_labels(model_of(3, None, loss), flow)
    with pytest.raises(fg.InputError, match=r"from_logits=True.*applied twice"):
        fg.check_labels(model_of(3, "softmax", loss), flow)


def test_labels_beyond_the_units_are_counted(folders: dict[int, Path]) -> None:
    pictures, model = np.zeros((24, SIDE, SIDE, 3)), model_of(3, "softmax", SPARSE)
    with pytest.raises(fg.InputError, match="labels up to 23, and there are 3 output units"):
        fg.check_labels(model, (pictures, np.arange(24)))
    with pytest.raises(fg.InputError, match="24 labels for each picture, and there are 3 output units"):
        fg.check_labels(model_of(3, "softmax", CATEGORICAL), (pictures, np.eye(24)))
    with pytest.raises(fg.InputError, match="labels down to -1"):
        fg.check_labels(model, (pictures, np.arange(24) % 3 - 1))
    with pytest.raises(fg.InputError, match="name no classes"):
        fg.check_labels(model, (pictures, np.linspace(0, 1, 24)))
    assert "they fit" in fg.check_labels(model, (pictures, np.arange(24) % 2)), "a class may be missing in an array"


def test_two_mismatches_are_both_told() -> None:
    model = model_of(4, None, CATEGORICAL)
    with pytest.raises(fg.InputError, match="do not fit in 2 ways") as caught:
        fg.check_labels(model, (None, one_hot([0, 1, 2], 3)))
    assert "4 output units" in str(caught.value)
    assert "no activation" in str(caught.value)


def test_classes_that_hold_together_go_with_sigmoid() -> None:
    several = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]])
    assert "several of which may hold" in fg.check_labels(model_of(3, "sigmoid", BINARY), (None, several))
    with pytest.raises(fg.InputError, match="several classes hold at once"):
        fg.check_labels(model_of(3, "softmax", CATEGORICAL), (None, several))
    mixed = np.array([[0.25, 0.75, 0], [0.9, 0.05, 0.05]])
    assert "they fit" in fg.check_labels(model_of(3, "softmax", CATEGORICAL), (None, mixed))


def test_labels_of_every_source(folders: dict[int, Path]) -> None:
    import keras

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> Any:
            return np.zeros((2, SIDE, SIDE, 3)), np.array([0, 7])

    model, pictures = model_of(3, "softmax", SPARSE), np.zeros((6, SIDE, SIDE, 3))
    flow = fg.ImageDataGenerator().flow(pictures, np.arange(6) % 3)
    for data in (flow, (pictures, [0, 1, 2, 0, 1, 2]), fg.Dataset.from_directory(folders[3])):
        assert "labels 0 to 2" in fg.check_labels(model, data)
    for data in (Batches(), flow_of(folders[2], "sparse"), fg.ImageDataGenerator().flow(pictures)):
        with pytest.raises(fg.InputError, match="do not fit"):
            fg.check_labels(model, data)


def test_a_dataset_from_a_folder_tells_its_classes(folders: dict[int, Path]) -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("tf.data comes with TensorFlow")
    dataset = fg.image_dataset_from_directory(folders[3], image_size=(SIDE, SIDE), verbose=False)
    assert "labels 0 to 2 of 3 classes" in fg.check_labels(model_of(3, "softmax", SPARSE), dataset)
    with pytest.raises(fg.InputError, match="3 classes, and 2 output units"):
        fg.check_labels(model_of(2, "softmax", SPARSE), dataset)


def test_what_cannot_be_looked_at_is_refused() -> None:
    import keras

    model = model_of(3, "softmax", SPARSE)
    given = (None, [0, 1, 2])
    with pytest.raises(fg.InputTypeError, match="expected a compiled Keras model"):
        fg.check_labels("model.keras", given)
    with pytest.raises(fg.InputError, match="compile it first"):
        fg.check_labels(keras.Sequential([keras.layers.Dense(3)]), given)
    with pytest.raises(fg.InputTypeError, match="each batch once only"):
        fg.check_labels(model, iter([given]))
    with pytest.raises(fg.InputTypeError, match="expected what fit is given"):
        fg.check_labels(model, "photos")
    with pytest.raises(fg.InputError, match="the labels are text"):
        fg.check_labels(model, (None, ["cat", "dog"]))
    with pytest.raises(fg.InputError, match="several outputs"):
        fg.check_labels(model, (None, {"one": [0], "other": [1]}))


def test_the_ending_is_found_in_models_of_every_make() -> None:
    import keras

    inputs = keras.Input((4,))
    logits = keras.layers.Dense(3)(inputs)
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    endings = (
        keras.Model(inputs, keras.layers.Activation("softmax")(logits)),
        keras.Model(inputs, keras.layers.Softmax()(logits)),
        keras.Model(inputs, keras.ops.softmax(logits)),
        keras.Sequential([keras.Input((4,)), inner]),
    )
    for model in endings:
        model.compile("sgd", keras.losses.sparse_categorical_crossentropy)
        assert "3 softmax units" in fg.check_labels(model, (None, [0, 1, 2]))
