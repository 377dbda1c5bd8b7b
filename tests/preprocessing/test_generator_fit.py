"""Every iterator and class mode in `fit`, `evaluate` and `predict`; and a notebook whose import line is changed."""

# ruff: noqa: NPY002 - the old global generator is what this is about

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import as_keras_does
from pictures import folder_of

import fieldguide as fg

pytestmark = pytest.mark.keras

SIDE, BATCH = 8, 3
MODES = ("categorical", "binary", "sparse", "input", "raw", "multi_output", None)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of five and three small photos."""
    return folder_of(tmp_path_factory.mktemp("photos"), {"cats": 5, "dogs": 3})


def model_for(mode: str | None) -> Any:
    """A small model with the outputs that a class mode is for, which runs without being compiled, so at once."""
    import keras

    pictures = keras.Input((SIDE, SIDE, 3))
    flat = keras.layers.Flatten()(pictures)
    outputs: Any
    if mode == "categorical":
        outputs, loss = keras.layers.Dense(2, "softmax")(flat), "categorical_crossentropy"
    elif mode == "sparse":
        outputs, loss = keras.layers.Dense(2, "softmax")(flat), "sparse_categorical_crossentropy"
    elif mode == "input":
        outputs, loss = keras.layers.Conv2D(3, 1)(pictures), "mse"
    elif mode == "multi_output":
        outputs, loss = [keras.layers.Dense(1)(flat), keras.layers.Dense(1)(flat)], "mse"
    else:
        outputs, loss = keras.layers.Dense(1, "sigmoid" if mode == "binary" else None)(flat), "mse"
    model = keras.Model(pictures, outputs)
    model.compile("sgd", loss, run_eagerly=True)
    return model


def flow_of(photos: Path, kind: str, mode: str | None, weighted: bool = False, **options: Any) -> Any:
    generator = fg.ImageDataGenerator(rescale=1 / 255, rotation_range=20, horizontal_flip=True)
    options = {"batch_size": BATCH, "seed": 1, **options}
    if kind == "directory":
        return generator.flow_from_directory(photos, target_size=(SIDE, SIDE), class_mode=mode, **options)
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.jpg"))
    labels = np.array([name.startswith("dogs") for name in names])
    weights = np.linspace(0.5, 1, len(names)) if weighted else None
    if kind == "arrays":
        x = np.stack([fg.img_to_array(fg.load_img(photos / name, target_size=(SIDE, SIDE))) for name in names])
        y = {"categorical": np.eye(2)[labels.astype(int)], "input": x, None: None}.get(mode, labels.astype(np.float32))
        return generator.flow(x, y, sample_weight=weights, **options)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")
    table = pandas.DataFrame({"filename": names, "class": [name.split("/")[0] for name in names]})
    table["one"], table["two"] = labels * 1.0, np.arange(len(names)) * 1.0
    table["weight"] = np.linspace(0.5, 1, len(names))
    columns: Any = {"raw": "two", "multi_output": ["one", "two"]}.get(mode or "", "class")
    return generator.flow_from_dataframe(
        table,
        photos,
        y_col=columns,
        class_mode=mode,
        weight_col="weight" if weighted else None,
        target_size=(SIDE, SIDE),
        **options,
    )


def cases() -> list[tuple[str, str | None, bool]]:
    whole: list[tuple[str, str | None, bool]] = []
    for mode in MODES:
        if mode not in ("raw", "multi_output"):
            whole.append(("directory", mode, False))
        if mode in ("categorical", "binary", None):
            whole.append(("arrays", mode, False))
        whole.append(("dataframe", mode, False))
    return [*whole, ("arrays", "binary", True), ("dataframe", "categorical", True)]


@pytest.mark.parametrize(("kind", "mode", "weighted"), cases())
def test_it_trains_and_measures_and_predicts(kind: str, mode: str | None, weighted: bool, photos: Path) -> None:
    flow, model = flow_of(photos, kind, mode, weighted), model_for(mode)
    if mode is not None:
        history = model.fit(flow, epochs=1, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        assert np.isfinite(model.evaluate(flow, verbose=0)).all()
    predicted = model.predict(flow, verbose=0)
    for each in predicted if mode == "multi_output" else [predicted]:
        assert len(each) == 8


@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_predictions_follow_the_file_names_where_nothing_is_shuffled(kind: str, photos: Path) -> None:
    model = model_for("binary")
    flow = flow_of(photos, kind, "binary", shuffle=False)
    flow.image_data_generator = fg.ImageDataGenerator(rescale=1 / 255)
    predicted = model.predict(flow, verbose=0)
    for name, value in zip(flow.filenames, predicted, strict=True):
        picture = fg.img_to_array(fg.load_img(photos / name, target_size=(SIDE, SIDE))) / 255
        np.testing.assert_allclose(model.predict(picture[None], verbose=0)[0], value, rtol=1e-4)


def test_weights_of_classes_are_taken(photos: Path) -> None:
    model, losses = model_for("binary"), []
    model.optimizer.learning_rate.assign(0.0)
    for weight in (0.0, 1.0):
        flow = flow_of(photos, "directory", "binary", shuffle=False)
        losses += model.fit(flow, class_weight={0: weight, 1: weight}, verbose=0).history["loss"]
    assert losses[0] == 0 < losses[1]


class Tinted(fg.ImageDataGenerator):
    """Draws by itself too, from NumPy's global generator."""

    def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
        return {**super().get_random_transform(img_shape, seed), "brightness": np.random.uniform(0.5, 1.5)}


@pytest.mark.parametrize("kind", [fg.ImageDataGenerator, Tinted])
def test_any_number_of_workers_trains_alike(kind: type[fg.ImageDataGenerator], photos: Path) -> None:
    import keras

    results = []
    for count in (1, 3):
        keras.utils.set_random_seed(4)
        flow, model = flow_of(photos, "directory", "binary"), model_for("binary")
        flow.image_data_generator = kind(rescale=1 / 255, rotation_range=20, horizontal_flip=True)
        flow.workers = count
        model.fit(flow, epochs=2, shuffle=False, verbose=0)
        results.append(model.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "torch", reason="this is PyTorch already")
def test_these_tests_pass_on_pytorch() -> None:
    """The layer's too: what the documentation says of PyTorch rests on them."""
    tests = Path(__file__).parent.parent
    files = [Path(__file__), Path(__file__).with_name("test_endless.py"), tests / "augmentation" / "test_layer.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "keras and not long", *map(str, files)]
    done = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "torch"}, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


NOTEBOOK = """
from tensorflow.keras.preprocessing.image import ImageDataGenerator, load_img, img_to_array
import numpy as np

train_datagen = ImageDataGenerator(
    rescale=1./255,
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=0.2,
    shear_range=0.2,
    zoom_range=0.2,
    horizontal_flip=True,
    fill_mode='nearest')
test_datagen = ImageDataGenerator(rescale=1./255)

train_generator = train_datagen.flow_from_directory(
    train_dir, target_size=(150, 150), batch_size=20, class_mode='binary')
validation_generator = test_datagen.flow_from_directory(
    validation_dir, target_size=(150, 150), batch_size=20, class_mode='binary')

for data_batch, labels_batch in train_generator:
    shapes = (data_batch.shape, labels_batch.shape, str(data_batch.dtype), str(labels_batch.dtype))
    break

img = load_img(train_dir + '/cats/0.jpg', target_size=(150, 150))
x = img_to_array(img)
x = x.reshape((1,) + x.shape)
augmented = []
i = 0
for batch in train_datagen.flow(x, batch_size=1):
    augmented.append(batch[0].shape)
    i += 1
    if i % 4 == 0:
        break

indices = train_generator.class_indices
found = (train_generator.samples, train_generator.num_classes, len(train_generator), validation_generator.n)
first = train_generator.next()[0].shape if hasattr(train_generator, 'next') else next(train_generator)[0].shape
names = validation_generator.filenames
steps = train_generator.n // train_generator.batch_size
"""


@pytest.mark.parametrize("place", ["fieldguide.preprocessing.image", "fieldguide"])
def test_a_notebook_runs_with_its_import_line_changed(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow", reason="the notebook imports Keras by way of TensorFlow")
    train = folder_of(tmp_path / "train", {"cats": 12, "dogs": 11})
    validation = folder_of(tmp_path / "validation", {"cats": 3, "dogs": 4}, first_seed=50)
    results = []
    for where in ("tensorflow.keras.preprocessing.image", place):
        names: dict[str, Any] = {"train_dir": str(train), "validation_dir": str(validation)}
        code = NOTEBOOK.replace("tensorflow.keras.preprocessing.image", where)
        if where == place:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", r"shear_range=0\.2 is 0\.2 degrees", UserWarning)
                exec(code, names)
        else:
            with as_keras_does():
                exec(code, names)
        said = re.findall(r"Found .*", capsys.readouterr().out)
        kept = ("shapes", "augmented", "indices", "found", "first", "names", "steps")
        results.append({**{name: names[name] for name in kept}, "said": said})
    assert results[0] == results[1]
    assert results[1]["indices"] == {"cats": 0, "dogs": 1}
