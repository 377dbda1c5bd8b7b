"""What cannot be used is refused as Keras refuses it, in words that name the argument, what came, what is allowed."""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from oracle import as_keras_does, keras_image
from pictures import folder_of, put

import fieldguide as fg
from fieldguide.preprocessing.array_iterators import NumpyArrayIterator

X = np.zeros((6, 8, 8, 3), np.float32)


def kind_of(error: BaseException) -> type[Exception] | None:
    """The kinds that code written for Keras catches."""
    for kind in (TypeError, OSError, KeyError, ValueError):
        if isinstance(error, kind):
            return kind
    return None


def refused(call: Any, message: str, keras_raises: type[Exception] | None) -> None:
    """Ours refuses in these words, as an error of the kind that Keras raises; None: Keras lets it pass."""
    with pytest.raises(fg.FieldguideError, match=message) as ours:
        call(fg.ImageDataGenerator)
    if keras_raises is None:
        with as_keras_does():
            call(keras_image.ImageDataGenerator)
        return
    assert isinstance(ours.value, keras_raises)
    with pytest.raises(keras_raises) as keras, as_keras_does():
        call(keras_image.ImageDataGenerator)
    assert kind_of(keras.value) == keras_raises


@pytest.mark.parametrize(
    ("options", "message", "keras_raises"),
    [
        ({"zoom_range": (1, 2, 3)}, r"^zoom_range is \(1, 2, 3\); it should be a float, or .* two floats", ValueError),
        ({"zoom_range": ["a", "b"]}, r"^zoom_range is \['a', 'b'\]; it should be a float", ValueError),
        ({"zoom_range": None}, r"^zoom_range is None; it should be", TypeError),
        ({"brightness_range": 0.2}, r"^brightness_range is 0\.2; it should be a tuple or list of two", ValueError),
        ({"brightness_range": (1, 2, 3)}, r"^brightness_range is \(1, 2, 3\)", ValueError),
        ({"data_format": "last"}, r'^data_format is \'last\'; it should be "channels_last" or', ValueError),
        ({"validation_split": 1.0}, r"^validation_split is 1\.0; it must be strictly between 0 and 1", ValueError),
        ({"validation_split": -0.1}, r"^validation_split is -0\.1; it must be strictly between", ValueError),
        ({"validation_split": 20}, r"^validation_split is 20; it must be strictly between", ValueError),
        ({"fill_mode": "edge"}, r"^fill_mode is 'edge'; expected one of nearest, constant, reflect, wrap", None),
        ({"interpolation_order": 6}, r"^interpolation_order is 6; expected 0 .*, 1 .* or 2 to 5", None),
        ({"interpolation_order": "linear"}, r"^interpolation_order is 'linear'; expected", None),
        ({"preprocessing_function": "rescale"}, r"^preprocessing_function is 'rescale'; expected a function", None),
        ({"rotation_range": "40"}, r"^rotation_range is '40'; expected a number, or None", None),
        ({"rotation_range": float("nan")}, r"^rotation_range is nan; expected a finite number", None),
        ({"shear_range": [10, 20]}, r"^shear_range is \[10, 20\]; expected a number", None),
        ({"channel_shift_range": None}, r"^channel_shift_range is None; expected a number\.", None),
        ({"cval": "black"}, r"^cval is 'black'; expected a number\.", None),
        ({"cval": float("inf")}, r"^cval is inf; expected a finite number", None),
        ({"width_shift_range": "0.2"}, r"^width_shift_range is '0\.2'; expected a share such as 0\.2", None),
        ({"width_shift_range": -3}, r"^width_shift_range is -3; whole numbers are pixels to either side: give 3", None),
        ({"width_shift_range": float("nan")}, r"^width_shift_range is nan; expected finite numbers", None),
        ({"height_shift_range": []}, r"^height_shift_range is \[\]; expected a share", None),
        ({"height_shift_range": [1, "2"]}, r"^height_shift_range is \[1, '2'\]; expected a share", None),
        ({"height_shift_range": [[1], [2, 3]]}, r"^height_shift_range is \[\[1\], \[2, 3\]\]; expected a share", None),
        ({"height_shift_range": [[1, 2]]}, r"^height_shift_range is \[\[1, 2\]\]; expected a share", None),
        ({"brightness_range": ("a", 1)}, r"^brightness_range is \('a', 1\); it should be", None),
        ({"brightness_range": (-0.5, 1)}, r"^brightness_range is \(-0\.5, 1\); .* none below 0", None),
        ({"zoom_range": float("nan")}, r"^zoom_range is nan; it should be", None),
        ({"dtype": "float33"}, r"^dtype is 'float33'; expected a type of numbers", None),
        ({"dtype": str}, r"^dtype is <class 'str'>; expected a type of numbers", None),
        ({"horizontal_flip": "no"}, r"^horizontal_flip is 'no'; expected True or False", None),
        ({"vertical_flip": "False"}, r"^vertical_flip is 'False'; expected True or False", None),
        ({"featurewise_center": "no"}, r"^featurewise_center is 'no'; expected True or False", None),
        ({"rescale": "1/255"}, r"^rescale is '1/255'; expected a number, such as 1/255, or None", None),
        ({"rescale": float("nan")}, r"^rescale is nan; expected a finite number", None),
        ({"rescale": float("inf")}, r"^rescale is inf; expected a finite number", None),
        ({"zca_epsilon": "x"}, r"^zca_epsilon is 'x'; expected a number\.", None),
        ({"zca_epsilon": float("nan")}, r"^zca_epsilon is nan; expected a finite number", None),
    ],
)
def test_settings(options: dict[str, Any], message: str, keras_raises: type[Exception] | None) -> None:
    refused(lambda generator: generator(**options), message, keras_raises)


def test_settings_of_a_wrong_kind_are_type_errors_and_wrong_values_are_not() -> None:
    kinds: list[Any] = [("rotation_range", "40"), ("width_shift_range", "0.2"), ("dtype", str), ("vertical_flip", "no")]
    kinds += [("dtype", "float33")]
    for name, value in kinds:
        with pytest.raises(fg.InputTypeError):
            fg.ImageDataGenerator(**{name: value})
    values: list[Any] = [("rotation_range", float("inf")), ("width_shift_range", -1)]
    for name, value in values:
        with pytest.raises(fg.InputError) as error:
            fg.ImageDataGenerator(**{name: value})
        assert not isinstance(error.value, TypeError)


@pytest.mark.parametrize(
    "options",
    [
        {"rotation_range": None, "shear_range": None, "width_shift_range": None, "height_shift_range": None},
        {"rotation_range": -20, "shear_range": False, "width_shift_range": False, "horizontal_flip": 1},
        {"width_shift_range": range(-2, 3), "height_shift_range": (1, 2), "brightness_range": [0, 1]},
        {"width_shift_range": np.array([0.1, 0.2]), "height_shift_range": np.float32(0.25), "dtype": np.float64},
    ],
)
def test_what_keras_bears_is_borne_and_stays_as_it_was_given(options: dict[str, Any]) -> None:
    generator = fg.ImageDataGenerator(**options)
    assert all(getattr(generator, name) is value for name, value in options.items())
    assert next(generator.flow(X, batch_size=6, seed=1)).shape == X.shape
    keras = keras_image.ImageDataGenerator(**{name: value for name, value in options.items() if np.ndim(value) == 0})
    with as_keras_does():
        next(keras.flow(X, seed=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shear_range": 0.2}, r"^shear_range=0\.2 is 0\.2 degrees, which nobody sees"),
        ({"rotation_range": 0.5}, r"^rotation_range=0\.5 is 0\.5 degrees, which nobody sees"),
        ({"width_shift_range": 0.005}, r"^width_shift_range=0\.005 moves pictures by less"),
        ({"zoom_range": 0.005}, r"^zoom_range=0\.005 changes sizes by 1% or less"),
        ({"brightness_range": [0.99, 1]}, r"^brightness_range=\(0\.99, 1\) changes levels by 1% or less"),
        ({"cval": 255}, r"^cval=255 does nothing with fill_mode='nearest'"),
    ],
)
def test_settings_that_do_next_to_nothing_are_warned_of_once(options: dict[str, Any], message: str) -> None:
    with pytest.warns(UserWarning, match=message) as said:
        generator = fg.ImageDataGenerator(**options)
        generator.flow(X, seed=1)[0]
    assert [each.filename for each in said] == [__file__]


@pytest.mark.parametrize(
    "options",
    [
        {"width_shift_range": 1, "height_shift_range": [0.001, 4], "channel_shift_range": 0.1},
        {"cval": 255, "fill_mode": "constant"},
        {"cval": 255, "fill_mode": "grid-constant"},
        {"rotation_range": 270, "shear_range": 100, "zoom_range": (1.2, 0.8), "brightness_range": (1.2, 0.8)},
    ],
)
def test_settings_that_do_something_are_not(options: dict[str, Any]) -> None:
    fg.ImageDataGenerator(**options)


@pytest.mark.parametrize(
    ("arrays", "options", "message", "keras_raises"),
    [
        ((X, np.zeros(5)), {}, r"^x and y should have the same length; found 6 and 5", ValueError),
        ((X,), {"sample_weight": np.ones(4)}, r"^x and sample_weight should have the same length", ValueError),
        (((X, np.zeros(5)),), {}, r"^x and x\[1\]\[0\] should have the same length", ValueError),
        (((X, [np.zeros(6), np.zeros(2)]),), {}, r"^x and x\[1\]\[1\] should have the same length", ValueError),
        ((X[0],), {}, r"^x has shape \(8, 8, 3\); it should have rank 4", ValueError),
        ((X[..., 0],), {}, r"^x has shape \(6, 8, 8\); it should have rank 4", ValueError),
        ((X,), {"subset": "test"}, r"^subset is 'test'; expected \"training\" or \"validation\"", ValueError),
        (
            (X,),
            {"subset": "training"},
            r"^subset='training' was given, but .* validation_split is 0: make it with",
            None,
        ),
        (
            (X,),
            {"save_format": "xyz", "save_to_dir": "seen"},
            r"^save_format is 'xyz', which cannot be written",
            ValueError,
        ),
        ((X, 5), {}, r"^y is 5; expected an array with an entry for each of the 6 pictures", TypeError),
        ((X,), {"sample_weight": 0.5}, r"^sample_weight is 0\.5; expected an array", TypeError),
        ((X, [[1], [1, 2]] * 3), {}, r"^the entries of y differ in shape", ValueError),
        (("photos",), {}, r"^x is 'photos'; expected an array .* for flow_from_directory", ValueError),
        ((5,), {}, r"^x is 5; expected an array", ValueError),
        ((X,), {"batch_size": 2.5}, r"^batch_size is 2\.5 \(float\); expected a whole number", TypeError),
        ((X,), {"batch_size": "32"}, r"^batch_size is '32' \(str\); expected", TypeError),
        ((X,), {"batch_size": 0}, r"^batch_size is 0; expected a whole number, 1 or larger", None),
        ((X,), {"seed": -1}, r"^seed is -1; expected a whole number from 0 to", ValueError),
        ((X,), {"seed": "one"}, r"^seed is 'one'; expected a whole number or None", TypeError),
    ],
)
def test_arrays(arrays: Any, options: dict[str, Any], message: str, keras_raises: type[Exception] | None) -> None:
    refused(lambda generator: next(generator().flow(*arrays, **options)), message, keras_raises)


def test_subsets_of_arrays_without_all_classes() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    message = r"different classes .*: training has none of 0; validation has none of 1; .* shuffle them first"
    refused(lambda generator: generator(validation_split=0.5).flow(X, labels, subset="training"), message, ValueError)
    for generator in (fg.ImageDataGenerator, keras_image.ImageDataGenerator):
        flow = generator(validation_split=0.5).flow(X, labels, subset="training", ignore_class_split=True)
        assert flow.n == 3
    names = ["a", "b", "c", "a", "b", "b"]
    message = r"different classes after the split: training has none of 'c'; if the arrays"
    refused(lambda generator: generator(validation_split=0.5).flow(X, names, subset="validation"), message, ValueError)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (
            [X[0], X[0, :4]],
            r"^x is a list of 2 pictures, whose sizes differ \(\(8, 8, 3\), \(4, 8, 3\)\); expected one",
        ),
        ((X[0], X[0, :4], X[0]), r"^x is a tuple of 3 pictures, whose sizes differ .*: resize them to one size"),
        ([X[0], X[0]], r"^x is a list of 2 pictures; expected one array .*: numpy\.stack\(x\) makes it"),
    ],
)
def test_lists_of_pictures(pictures: Any, message: str) -> None:
    refused(lambda generator: generator().flow(pictures), message, ValueError)


class Endless(NumpyArrayIterator):
    """A flow that says when batches are gathered from it."""

    def __next__(self) -> Any:
        if self.total_batches_seen > 50:
            raise RuntimeError("batch after batch was asked for")
        return super().__next__()


class Unending:
    """Pictures of somebody's own that begin again when all were given."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, place: int) -> np.ndarray:
        return np.full((8, 8, 3), place % 6, np.float32)

    def __iter__(self) -> Any:
        for place in range(60):
            yield self[place]
        raise RuntimeError("picture after picture was asked for")


def test_a_flow_is_no_array() -> None:
    generator = fg.ImageDataGenerator()
    endless = Endless(X, None, generator)
    message = r"^x is a flow of batches \(Endless\) in fit, which takes an array \(n, height, .* from next\(x\)"
    with pytest.raises(fg.InputTypeError, match=message):
        generator.fit(endless)
    with pytest.raises(fg.InputTypeError, match=r"^x is a flow of batches \(Endless\) in flow, which takes an array"):
        generator.flow(endless)
    assert endless.total_batches_seen == 0
    with pytest.raises(fg.InputTypeError, match=r"^x is a flow of batches \(generator\) in fit"):
        generator.fit(X for _ in itertools.count())  # type: ignore[arg-type]
    with pytest.raises(fg.InputTypeError, match=r"^x is a flow of batches \(NumpyArrayIterator\) in fit"):
        generator.fit(keras_image.ImageDataGenerator().flow(X))


def test_a_sequence_is_read_to_its_length() -> None:
    flow = fg.ImageDataGenerator().flow(Unending(), batch_size=6, shuffle=False)
    assert next(flow)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("photos"), {"cats": 2, "dogs": 2})


@pytest.mark.parametrize(
    ("options", "message", "keras_raises"),
    [
        ({"class_mode": "one-hot"}, r"^class_mode is 'one-hot'; expected one of: 'categorical', 'binary'", ValueError),
        ({"class_mode": "raw"}, r"^class_mode is 'raw'; expected one of", ValueError),
        ({"color_mode": "bgr"}, r"^color_mode is 'bgr'; expected one of: 'grayscale', 'rgb', 'rgba'", ValueError),
        ({"interpolation": "cubic"}, r"^interpolation is 'cubic'; expected one of: 'nearest'", ValueError),
        ({"subset": "test"}, r"^subset is 'test'; expected", ValueError),
        ({"subset": "validation"}, r"^subset='validation' was given, but .* validation_split is 0", None),
        ({"save_format": "xyz", "save_to_dir": "seen"}, r"^save_format is 'xyz', which cannot be written", ValueError),
        ({"batch_size": 16.5}, r"^batch_size is 16\.5 \(float\)", TypeError),
        ({"target_size": 150}, r"^target_size is 150; expected \(height, width\)", TypeError),
        ({"target_size": (150, 150, 3)}, r"^target_size is \(150, 150, 3\); expected \(height, width\)", ValueError),
        ({"target_size": (8.5, 8)}, r"^target_size is \(8\.5, 8\); expected two whole numbers", TypeError),
        ({"target_size": (0, 8)}, r"^target_size is \(0, 8\); expected two numbers, 1 or larger", ValueError),
        ({"classes": ["cats", "birds"]}, r"^classes names 'birds', but .* has no such folder; it has 'cats'", None),
        ({"classes": "cats"}, r"^classes is 'cats'; expected a list of names", None),
    ],
)
def test_folders(options: dict[str, Any], message: str, keras_raises: type[Exception] | None, photos: Path) -> None:
    given = {"target_size": (8, 8), **options}
    refused(lambda generator: next(generator().flow_from_directory(str(photos), **given)), message, keras_raises)


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    (empty / "cats").mkdir(parents=True)
    call = "flow_from_directory"
    refused(lambda generator: getattr(generator(), call)(str(missing)), r"missing: it does not exist", OSError)
    refused(lambda generator: getattr(generator(), call)(str(empty)), r"^no picture was found in 'cats' of", None)
    put(tmp_path / "flat" / "0.jpg", 1)
    refused(
        lambda generator: getattr(generator(), call)(str(tmp_path / "flat")),
        r"holds no class folders but 1 picture: put them into a folder for each class",
        None,
    )


@pytest.mark.parametrize(
    ("options", "message", "keras_raises"),
    [
        ({"class_mode": "one-hot"}, r"^class_mode is 'one-hot'; expected one of", ValueError),
        ({"color_mode": "bgr"}, r"^color_mode is 'bgr'; expected one of", ValueError),
        ({"x_col": "file"}, r"^x_col is 'file', but the dataframe has no such column; it has 'filename'", KeyError),
        ({"y_col": "label"}, r"^y_col is 'label', but the dataframe has no such column", KeyError),
        ({"weight_col": "weight"}, r"^weight_col is 'weight', but the dataframe has no such column", KeyError),
        ({"y_col": ["class", "a"], "class_mode": "raw"}, r"^y_col is 'a', but the dataframe has no such", KeyError),
        ({"y_col": ["class", "a"], "class_mode": "multi_output"}, r"^y_col is 'a', but the dataframe has no", KeyError),
        ({"weight_col": "class"}, r"^column weight_col='class' holds .*; expected numbers", TypeError),
        ({"class_mode": "multi_output"}, r"^y_col is 'class'; class_mode='multi_output' takes a list", TypeError),
        ({"y_col": "number", "class_mode": "sparse"}, r"class_mode='sparse' takes strings: use", TypeError),
        ({"y_col": "lists", "class_mode": "binary"}, r"is \['a'\]; .* lists of labels use class_mode='cat", TypeError),
        ({"y_col": "many", "class_mode": "binary"}, r"^class_mode='binary' takes 2 classes, and .* has 4", ValueError),
        ({"directory": "nowhere"}, r"^none of the 4 files of column x_col='filename' was found", None),
        ({"batch_size": 2.0}, r"^batch_size is 2\.0 \(float\)", TypeError),
    ],
)
def test_dataframes(options: dict[str, Any], message: str, keras_raises: type[Exception] | None, photos: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.jpg"))
    table = pandas.DataFrame({"filename": names, "class": list("abab"), "number": range(4), "many": list("abcd")})
    table["lists"] = [["a"], ["b"], ["a", "b"], ["b"]]
    given = {"directory": str(photos), "target_size": (8, 8), **options}
    refused(lambda generator: next(generator().flow_from_dataframe(table, **given)), message, keras_raises)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("labels.csv", r"^dataframe is 'labels\.csv'; expected a pandas DataFrame: pandas\.read_csv\('labels\.csv'\)"),
        ({"filename": ["1.jpg"]}, r"^dataframe is a dict; expected a pandas DataFrame: pandas\.DataFrame\(\.\.\.\)"),
        (None, r"^dataframe is None; expected a pandas DataFrame"),
    ],
)
def test_what_is_no_dataframe(given: Any, message: str) -> None:
    with pytest.raises(fg.InputTypeError, match=message) as error:
        fg.ImageDataGenerator().flow_from_dataframe(given)
    assert ("pip install pandas" in str(error.value)) == (importlib.util.find_spec("pandas") is None)


def test_more_than_two_classes_in_binary_mode_are_warned_of(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 1, "dogs": 1, "owls": 1})
    message = r"^class_mode='binary' takes 2 classes, and there are 3: cats, dogs, owls\. .* up to 2: use class_mode="
    options: dict[str, Any] = {"target_size": (8, 8), "class_mode": "binary"}
    with pytest.warns(UserWarning, match=message):
        flow = fg.ImageDataGenerator().flow_from_directory(tmp_path, **options)
    assert sorted(next(flow)[1].tolist()) == [0, 1, 2]
    fg.ImageDataGenerator().flow_from_directory(tmp_path, classes=["owls", "cats"], **options)


UPRIGHT: dict[str, Any] = {"vertical_flip": True, "rotation_range": 180}
TURNS = r"^rotation_range=180 can make the same picture of 6 and 9: 10 to 15 is usual\.$"


def test_settings_that_make_one_class_of_another_are_warned_of_once(tmp_path: Path) -> None:
    folder_of(tmp_path, {"1": 2, "6": 2, "9": 2})
    for class_mode in ("categorical", "sparse"):
        with pytest.warns(UserWarning, match=r"6, 9|6 and 9") as said:
            flow = fg.ImageDataGenerator(**UPRIGHT).flow_from_directory(
                tmp_path, target_size=(8, 8), class_mode=class_mode
            )
            next(flow)
        assert len(said) == 2
        assert str(said[0].message).startswith("vertical_flip turns 6, 9 upside down: if these are written")
        assert re.search(TURNS, str(said[1].message))
    changed = fg.ImageDataGenerator()
    changed.horizontal_flip = True
    with pytest.warns(UserWarning, match="^horizontal_flip mirrors 6, 9: if these are written"):
        changed.flow_from_directory(tmp_path, target_size=(8, 8))


def test_they_are_not_where_nothing_is_labelled_or_varied(tmp_path: Path) -> None:
    folder_of(tmp_path / "digits", {"1": 2, "6": 2, "9": 2})
    generator = fg.ImageDataGenerator(validation_split=0.5, horizontal_flip=True, **UPRIGHT)
    options: dict[str, Any]
    for options in ({"class_mode": None}, {"class_mode": "input"}, {"subset": "validation"}):
        generator.flow_from_directory(tmp_path / "digits", target_size=(8, 8), **options)
    fg.ImageDataGenerator(rotation_range=15).flow_from_directory(tmp_path / "digits", target_size=(8, 8))
    for names in (("cats", "dogs"), ("horses", "humans"), ("paper", "rock", "scissors")):
        folder = folder_of(tmp_path / "-".join(names), dict.fromkeys(names, 1))
        fg.ImageDataGenerator(horizontal_flip=True, **UPRIGHT).flow_from_directory(folder, target_size=(8, 8))


def test_settings_that_make_one_label_of_another_in_a_dataframe(photos: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")
    table = pandas.DataFrame({"filename": ["cats/0.jpg", "dogs/0.jpg"], "class": ["6", "9"], "age": [1, 2]})
    generator = fg.ImageDataGenerator(rotation_range=270)
    with pytest.warns(UserWarning, match=TURNS):
        generator.flow_from_dataframe(table, photos, target_size=(8, 8), class_mode="binary")
    generator.flow_from_dataframe(table, photos, target_size=(8, 8), y_col="age", class_mode="raw")


def test_missing_files_of_a_dataframe_are_counted_and_named(photos: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")
    table = pandas.DataFrame({"filename": ["cats/0.jpg", "lost.jpg", "dogs/0.jpg"], "class": list("aab")})
    with pytest.warns(UserWarning, match=r"^1 file of .* is left out: lost\.jpg \(no such file\)\.$"):
        flow = fg.ImageDataGenerator().flow_from_dataframe(table, photos, target_size=(8, 8))
    assert flow.filenames == ["cats/0.jpg", "dogs/0.jpg"]


@pytest.mark.parametrize("name", ["has_ext", "sort", "drop_duplicates"])
def test_arguments_of_the_past_are_warned_of(name: str, photos: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: it is the user's, not fieldguide's")
    table = pandas.DataFrame({"filename": ["cats/0.jpg"], "class": ["a"]})
    for generator in (fg.ImageDataGenerator(), keras_image.ImageDataGenerator()):
        with pytest.warns(DeprecationWarning, match=name):
            outdated: dict[str, Any] = {name: True}
            generator.flow_from_dataframe(table, photos, target_size=(8, 8), **outdated)
    with pytest.warns(DeprecationWarning, match="has_exit does nothing: flow_from_dataframe has no such argument"):
        fg.ImageDataGenerator().flow_from_dataframe(table, photos, has_exit=True)
    with pytest.warns(DeprecationWarning, match='class_mode="other" is deprecated'):
        assert fg.ImageDataGenerator().flow_from_dataframe(table, photos, class_mode="other").class_mode == "raw"


def test_a_single_picture_must_be_an_array_of_levels() -> None:
    picture = r"expected an array of levels: img_to_array makes one of a picture"
    refused(lambda each: each().standardize("a"), rf"^x is 'a'; {picture}", None)
    refused(lambda each: each(rescale=2).standardize(None), rf"^x is None; {picture}", TypeError)
    refused(lambda each: each(rescale=0.5).standardize([1.0]), rf"^x is a list; {picture}", TypeError)
    message = r"^x holds uint8, and rescale makes levels that are no whole numbers; .* x\.astype\('float32'\)"
    refused(lambda each: each(rescale=0.5).standardize(X[0].astype(np.uint8)), message, TypeError)
    with pytest.raises(fg.InputTypeError, match=r"^x holds <U1; expected levels"):
        fg.ImageDataGenerator().standardize(np.array(["a"]))
    assert fg.ImageDataGenerator(rescale=2).standardize(X[0].astype(np.uint8)).dtype == np.uint8


def test_a_transformation_must_be_a_dictionary_of_numbers() -> None:
    with pytest.raises(fg.InputTypeError, match=r"^transform_parameters is None; expected a dictionary, such as"):
        fg.ImageDataGenerator().apply_transform(X[0], None)  # type: ignore[arg-type]
    for name in ("theta", "brightness"):
        message = rf"^{name} is 'x'; expected a number"
        refused(lambda each, name=name: each().apply_transform(X[0], {name: "x"}), message, TypeError)
    tensor = keras.ops.convert_to_tensor(90.0)  # one number is a number
    turned = fg.ImageDataGenerator().apply_transform(np.eye(8)[..., None], {"theta": tensor, "brightness": None})
    np.testing.assert_allclose(turned[..., 0], np.eye(8)[::-1], atol=1e-3)


@pytest.mark.parametrize(
    ("setting", "fitted", "given", "statistic"),
    [
        ("featurewise_center", (8, 8, 3), (8, 8, 1), r"mean, of shape \(1, 1, 3\)"),
        ("zca_whitening", (4, 4, 3), (5, 5, 3), r"zca_whitening_matrix, of shape \(48, 48\)"),
        ("zca_whitening", (4, 4, 3), (2, 4, 3), r"zca_whitening_matrix, of shape \(48, 48\)"),  # two of which make one
    ],
)
@pytest.mark.filterwarnings("ignore:.*zca_whitening.*featurewise_center:UserWarning")
def test_statistics_are_those_of_pictures_of_one_shape(
    setting: str, fitted: tuple[int, ...], given: tuple[int, ...], statistic: str
) -> None:
    def batch(kind: Any) -> None:
        generator = kind(**{setting: True})
        generator.fit(np.ones((4, *fitted), np.float32))
        next(generator.flow(np.ones((4, *given), np.float32)))

    shape = str(given).replace("(", r"\(").replace(")", r"\)")
    message = rf"^pictures of shape {shape} were given, and the generator's {statistic}, is that of others: call fit"
    refused(batch, message, ValueError)


def test_fit_and_single_pictures() -> None:
    refused(lambda each: each().fit(X[0]), r"^x has shape \(8, 8, 3\) in fit; it should have rank 4", ValueError)
    refused(lambda each: each().fit([]), r"^x has shape \(0,\) in fit; it should have rank 4", ValueError)
    refused(lambda each: each().fit(X[:0]), r"^x has shape \(0, 8, 8, 3\) in fit, and so no levels", None)
    refused(lambda each: each().fit("photos"), r"^x is 'photos' in fit; expected an array", ValueError)
    message = r"^x is no array of numbers in fit; expected .* one size"
    refused(lambda each: each().fit([X[0], X[0, :3]]), message, ValueError)
    message = r"^x has shape \(8, 8\); expected one picture with three axes"
    refused(lambda each: each(rotation_range=20).random_transform(X[0, ..., 0]), message, ValueError)


@pytest.mark.parametrize(
    ("options", "message", "keras_raises"),
    [
        ({"rounds": 0}, r"^rounds is 0; expected a whole number, 1 or larger, such as 1", None),
        ({"rounds": 1.5}, r"^rounds is 1\.5 \(float\); expected a whole number, 1 or larger", TypeError),
        ({"seed": -1}, r"^seed is -1; expected a whole number from 0 to 4294967295, or None", ValueError),
        ({"seed": "one"}, r"^seed is 'one'; expected a whole number from 0", TypeError),
    ],
)
def test_rounds_and_seeds_of_fit(options: dict[str, Any], message: str, keras_raises: type[Exception] | None) -> None:
    refused(lambda each: each(rotation_range=20).fit(X, augment=True, **options), message, keras_raises)
    if "seed" in options:
        refused(lambda each: each().get_random_transform((8, 8, 3), **options), message, keras_raises)
    else:
        fg.ImageDataGenerator().fit(X, **options)  # of no matter where nothing is varied


@pytest.mark.parametrize("dtype", ["uint8", np.int32])
@pytest.mark.parametrize(
    "name", ["rescale", "samplewise_center", "samplewise_std_normalization", "featurewise_center", "zca_whitening"]
)
def test_whole_numbers_do_not_go_with_settings_that_make_fractions(name: str, dtype: Any) -> None:
    options: dict[str, Any] = {"dtype": dtype, name: 1 / 255 if name == "rescale" else True}

    def batch(kind: Any) -> None:
        generator = kind(**options)
        if name in ("featurewise_center", "zca_whitening"):
            generator.fit(X)
        next(generator.flow(X))

    message = r"^dtype is .*(uint8|int32).*, and (rescale|zca_\w+|\w+_center|\w+_std_\w+) makes levels that are no"
    refused(batch, message, TypeError)


def test_whole_numbers_go_with_settings_that_make_none() -> None:
    given = np.arange(6 * 8 * 8 * 3, dtype=np.int32).reshape(X.shape) % 256
    options: dict[str, Any] = {"dtype": "int32", "rescale": 2, "horizontal_flip": True}
    expected = next(keras_image.ImageDataGenerator(**options).flow(given, seed=1))
    found = next(fg.ImageDataGenerator(**options).flow(given, seed=1))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype == np.int32
    assert next(fg.ImageDataGenerator(dtype="uint8", rescale=2).flow(X + 200))[0, 0, 0, 0] == 255
    with as_keras_does():  # it begins again at the other end of the type
        assert next(keras_image.ImageDataGenerator(dtype="uint8", rescale=2).flow(X + 200))[0, 0, 0, 0] == 400 - 256


@pytest.mark.parametrize("change", [{"channel_shift_range": 20}, {"brightness_range": (0.5, 1.5)}, {}])
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_whole_levels_of_arrays_are_one_apart_where_fractions_were_cut_off(dtype: str, change: dict[str, Any]) -> None:
    given = np.random.default_rng(3).integers(0, 256, (6, 16, 16, 3)).astype(np.uint8)
    options: dict[str, Any] = {"dtype": dtype, "rotation_range": 30, **change}
    with as_keras_does():
        expected = next(keras_image.ImageDataGenerator(**options).flow(given, seed=1))
    apart = np.abs(next(fg.ImageDataGenerator(**options).flow(given, seed=1)).astype(int) - expected)
    assert apart.max() <= (2 if "brightness_range" in change else 1)
    assert (0.2 < apart.mean() < 0.6) if change else apart.mean() < 0.001


def test_a_column_that_is_not_there_shows_its_message_as_other_errors_do() -> None:
    error = fg.InputKeyError("x_col is 'file'.")
    assert str(error) == "x_col is 'file'."
    assert isinstance(error, KeyError) and isinstance(error, ValueError)


def test_what_no_picture_is_transformed_by_is_refused() -> None:
    message = r"^transform_parameters names 'thet'; expected only theta, tx, ty, shear"
    refused(lambda each: each().apply_transform(X[0], {"thet": 30}), message, None)

    class Tinted(fg.ImageDataGenerator):
        def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
            return {**super().get_random_transform(img_shape, seed), "tint": 5}

        def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
            return super().apply_transform(x, transform_parameters) + transform_parameters["tint"]

    assert (next(Tinted().flow(X)) == 5).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"featurewise_std_normalization": True}, "featurewise_std_normalization=True sets featurewise_center=True"),
        ({"samplewise_std_normalization": True}, "samplewise_std_normalization=True sets samplewise_center=True"),
        ({"zca_whitening": True}, "zca_whitening=True sets featurewise_center=True"),
    ],
)
def test_settings_that_ask_for_others_are_warned_of_as_in_keras(options: dict[str, Any], message: str) -> None:
    with pytest.warns(UserWarning, match=message) as said:
        ours = fg.ImageDataGenerator(**options)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="overrides setting"):
        keras = keras_image.ImageDataGenerator(**options)
    for name in ("featurewise_center", "featurewise_std_normalization", "samplewise_center"):
        assert getattr(ours, name) == getattr(keras, name)


def test_a_generator_that_was_not_fitted_is_warned_of_as_in_keras() -> None:
    for generator in (fg.ImageDataGenerator, keras_image.ImageDataGenerator):
        with pytest.warns(UserWarning, match="hasn't been fit on any|Call .fit"):
            generator(featurewise_center=True).standardize(X[0].copy())


@pytest.mark.parametrize("channels", [2, 5])
def test_strange_numbers_of_channels_are_warned_of_as_in_keras(channels: int) -> None:
    x = np.zeros((2, 8, 8, channels), np.float32)
    for generator in (fg.ImageDataGenerator, keras_image.ImageDataGenerator):
        with pytest.warns(UserWarning, match=f"{channels} channels"):
            flow = generator(rotation_range=10).flow(x, seed=1)
        with as_keras_does():
            assert next(flow).shape == x.shape
        with pytest.warns(UserWarning, match=f"{channels} channels"):
            generator().fit(x)
