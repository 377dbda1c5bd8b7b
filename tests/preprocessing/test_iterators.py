"""A batch depends on the seed, the epoch and its place, and on nothing else: not on threads or the way there."""

# ruff: noqa: NPY002 - the old global generator is what this is about

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import keras_image
from pictures import folder_of, scene

import fieldguide as fg
from fieldguide.augmentation.warp import Warper
from fieldguide.parallel import Crew

COUNT, BATCH = 10, 3
VARIED: dict[str, Any] = {"rotation_range": 40, "zoom_range": 0.2, "brightness_range": (0.5, 1.5)}


def flow_of(seed: int = 7, **options: Any) -> Any:
    x = np.stack([np.asarray(scene(each, 16, 16)) for each in range(COUNT)])
    return fg.ImageDataGenerator(**VARIED).flow(x, np.arange(COUNT), batch_size=BATCH, seed=seed, **options)


def epochs(flow: Any, count: int) -> list[list[Any]]:
    return [[next(flow) for _ in range(len(flow))] for _ in range(count)]


def same(one: Any, other: Any) -> None:
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_batches_in_any_order_are_the_same() -> None:
    expected = epochs(flow_of(), 1)[0]
    flow = flow_of()
    for place in (3, 0, 2, 1, 0, -1):
        same(flow[place], expected[place])


def test_asking_by_several_threads_gives_the_same() -> None:
    expected = epochs(flow_of(), 1)[0]
    flow = flow_of()
    found: dict[int, Any] = {}

    def ask(place: int) -> None:
        found[place] = flow[place]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, batch in enumerate(expected):
        same(found[place], batch)


def test_any_number_of_threads_warps_alike() -> None:
    flows = []
    for threads in (1, 4):
        flow = flow_of()
        flow._warper = Warper(Crew(threads))
        flows.append(epochs(flow, 1)[0])
    for one, other in zip(*flows, strict=True):
        same(one, other)


def test_next_and_places_go_together_epoch_by_epoch() -> None:
    expected = epochs(flow_of(), 3)
    flow = flow_of()
    for batches in expected:
        for place, batch in enumerate(batches):
            same(flow[place], batch)
        flow.on_epoch_end()
    assert not np.array_equal(expected[0][0][1], expected[1][0][1])


def test_a_resumed_iterator_gives_what_was_to_come() -> None:
    expected = epochs(flow_of(), 4)
    flow = flow_of()
    flow.epoch = 2
    assert flow.epoch == 2
    for batches in expected[2:]:
        for batch in batches:
            same(next(flow), batch)
    assert flow.epoch == 4


def test_reset_begins_another_epoch_with_all_pictures() -> None:
    flow = flow_of()
    next(flow)
    flow.reset()
    assert flow.batch_index == 0
    (batches,) = epochs(flow, 1)
    assert sorted(np.concatenate([labels for _, labels in batches])) == list(range(COUNT))
    before = flow.index_array.tolist()
    flow.reset()  # at the beginning of an epoch there is nothing to do
    assert flow.index_array.tolist() == before


def test_the_order_is_one_of_all_pictures_and_anothers_in_each_epoch() -> None:
    flow = flow_of()
    first = flow.index_array.tolist()
    flow.set_index_array()
    second = flow.index_array.tolist()
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second
    assert flow_of(shuffle=False).index_array.tolist() == list(range(COUNT))


def test_length_and_last_batch() -> None:
    flow = flow_of(shuffle=False)
    assert (len(flow), flow.num_batches, flow.n) == (4, 4, COUNT)
    assert len(flow[3][0]) == 1
    assert iter(flow) is flow


@pytest.mark.parametrize("place", [4, 100, -5])
def test_a_place_that_there_is_not(place: int) -> None:
    with pytest.raises(fg.InputError, match=f"batch {place} was asked for, but there are 4"):
        flow_of()[place]


@pytest.mark.parametrize("place", [1.0, "1", True, None])
def test_a_place_that_is_no_number(place: Any) -> None:
    with pytest.raises(fg.InputTypeError, match="expected a whole number"):
        flow_of()[place]


@pytest.mark.parametrize("cache", [False, True])
def test_batches_of_files_are_the_same_in_any_order_kept_or_not(cache: bool, tmp_path: Path) -> None:
    folder_of(tmp_path, {"cats": 5, "dogs": 4})

    def flow() -> Any:
        generator = fg.ImageDataGenerator(**VARIED)
        return generator.flow_from_directory(tmp_path, target_size=(16, 16), batch_size=2, seed=1, cache=cache)

    expected = epochs(flow(), 2)
    other = flow()
    for place in (4, 2, 0, 1, 3):
        same(other[place], expected[0][place])
    other.on_epoch_end()
    for place in (1, 4, 3, 0, 2):
        same(other[place], expected[1][place])


def test_saved_pictures_are_what_the_batch_holds(tmp_path: Path) -> None:
    x = np.stack([np.asarray(scene(each, 16, 16)) for each in range(4)])
    flow = fg.ImageDataGenerator().flow(x, batch_size=4, shuffle=False, seed=1, save_to_dir=tmp_path / "new" / "seen")
    next(flow)
    saved = sorted((tmp_path / "new" / "seen").iterdir())
    assert [path.name.split("_")[1] for path in saved] == ["0", "1", "2", "3"]
    for path, picture in zip(saved, x, strict=True):
        stretched = picture - picture.min(initial=255).astype(np.float32)
        stretched = stretched / stretched.max() * 255
        np.testing.assert_allclose(np.asarray(fg.load_img(path)), stretched, atol=1)


def test_pictures_of_the_next_batch_as_wrappers_ask_for_them() -> None:
    expected = epochs(flow_of(), 1)[0]
    flow = flow_of()
    for batch in expected:
        with flow.lock:
            rows = next(flow.index_generator)
        same(flow._get_batches_of_transformed_samples(rows), batch)
    before = flow.index_array
    flow._set_index_array()
    assert sorted(flow.index_array.tolist()) == list(range(COUNT))
    assert flow.index_array.tolist() != before.tolist()
    flow.index_array = np.arange(COUNT)[::-1]
    assert next(flow)[1].tolist() == list(range(COUNT))[::-1][:BATCH]


def test_shuffle_and_seed_may_be_changed() -> None:
    flow = flow_of()
    flow[0]
    flow.shuffle = False
    assert next(flow)[1].tolist() == list(range(BATCH))
    flow = flow_of(seed=1)
    flow[0]
    flow.seed = 7
    same(flow[0], epochs(flow_of(), 1)[0][0])


class TestReplacedMethods:
    def pictures(self) -> np.ndarray:
        return np.stack([np.asarray(scene(each, 16, 16)) for each in range(4)])

    def test_of_a_subclass(self) -> None:
        class Sevens(fg.ImageDataGenerator):
            def standardize(self, x: np.ndarray) -> np.ndarray:
                return np.full_like(x, 7)

        assert (next(Sevens().flow(self.pictures(), batch_size=4)) == 7).all()

    def test_of_an_object(self) -> None:
        generator: Any = fg.ImageDataGenerator(rotation_range=40)
        generator.apply_transform = lambda x, given: x * 0 + given["theta"]
        found = next(generator.flow(self.pictures(), batch_size=4, seed=3, shuffle=False))
        thetas = [each[0, 0, 0] for each in found]
        assert len(set(map(float, thetas))) == 4
        assert all(-40 <= theta <= 40 for theta in thetas)

    def test_the_other_methods_are_as_ever(self) -> None:
        class Same(fg.ImageDataGenerator):
            def standardize(self, x: np.ndarray) -> np.ndarray:
                return super().standardize(x)

        options: dict[str, Any] = {"batch_size": 4, "seed": 3}
        expected = next(fg.ImageDataGenerator(**VARIED).flow(self.pictures(), **options))
        found = next(Same(**VARIED).flow(self.pictures(), **options))
        np.testing.assert_allclose(found, expected, atol=1e-4)


def asking(kind: Any) -> Any:
    """A generator whose own `get_random_transform` and `apply_transform` draw too, from NumPy's global generator."""

    class Tinted(kind):
        def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
            return {**super().get_random_transform(img_shape, seed), "tint": np.random.uniform(0, 50)}

        def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
            return super().apply_transform(x, transform_parameters) + transform_parameters["tint"] + np.random.rand()

    return Tinted(horizontal_flip=True, channel_shift_range=20)


class TestOthersDraws:
    """Methods of subclasses and functions of other people draw from NumPy's global generator."""

    x = np.stack([np.asarray(scene(each, 16, 16)) for each in range(COUNT)])

    def flow(self, generator: Any, **options: Any) -> Any:
        return generator.flow(self.x, batch_size=BATCH, seed=3, **options)

    def test_a_subclass_that_only_passes_on_draws_as_ever(self) -> None:
        class Asks(fg.ImageDataGenerator):
            def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
                return super().get_random_transform(img_shape, seed)

        flow, expected = (self.flow(kind(**VARIED)) for kind in (Asks, fg.ImageDataGenerator))
        for place in (2, 0, 3, 1, 2):
            np.testing.assert_allclose(flow[place], expected[place], atol=1e-3)

    def test_a_subclass_draws_what_it_draws_in_keras(self) -> None:
        ours, keras = (self.flow(asking(kind)) for kind in (fg.ImageDataGenerator, keras_image.ImageDataGenerator))
        for _ in range(2 * len(ours)):
            np.testing.assert_allclose(next(ours), next(keras), atol=1e-3)

    def test_its_pictures_are_saved_under_keras_names(self, tmp_path: Path) -> None:
        for name, kind in (("ours", fg.ImageDataGenerator), ("keras", keras_image.ImageDataGenerator)):
            (tmp_path / name).mkdir()
            next(self.flow(asking(kind), save_to_dir=tmp_path / name))
        names = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("ours", "keras")]
        assert names[0] == names[1] and len(names[0]) == BATCH

    def test_its_statistics_are_those_of_keras(self) -> None:
        generators = [asking(kind) for kind in (fg.ImageDataGenerator, keras_image.ImageDataGenerator)]
        for generator in generators:
            generator.featurewise_center = True
            generator.fit(self.x, augment=True, rounds=2, seed=4)
        np.testing.assert_allclose(generators[0].mean, generators[1].mean, rtol=1e-5)

    def test_the_statistics_of_one_that_only_applies_by_itself_repeat_themselves(self) -> None:
        class Applies(fg.ImageDataGenerator):
            def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
                return super().apply_transform(x, transform_parameters) + np.random.uniform(0, 50)

        means = []
        for _ in range(2):
            generator = Applies(featurewise_center=True, rotation_range=20)
            generator.fit(self.x, augment=True, seed=4)
            means.append(generator.mean)
        np.testing.assert_array_equal(*means)

    def test_a_preprocessing_function_that_draws_repeats_itself(self) -> None:
        def erased(picture: np.ndarray) -> np.ndarray:
            picture[np.random.randint(16), np.random.randint(16)] = 0
            return picture * np.random.uniform(0.5, 1)

        def batches() -> list[np.ndarray]:
            flow = self.flow(fg.ImageDataGenerator(**VARIED, preprocessing_function=erased))
            found = [flow[place] for place in (2, 0, 1, 3)]
            same(flow[2], found[0])
            return found

        first = batches()
        np.random.random(7)
        same(first, batches())
        assert not np.array_equal(first[0][0], first[0][1])

    def test_numpys_global_state_is_as_it_was(self) -> None:
        def function(picture: np.ndarray) -> Any:
            return picture * np.random.rand()

        for generator in (asking(fg.ImageDataGenerator), fg.ImageDataGenerator(preprocessing_function=function)):
            flow = self.flow(generator)
            np.random.seed(5)
            expected = np.random.random()
            np.random.seed(5)
            flow[1]
            assert np.random.random() == expected

    def test_several_threads_give_the_same(self) -> None:
        def slow(picture: np.ndarray) -> Any:
            level = np.random.rand()
            time.sleep(0.002)
            return picture * level * np.random.rand()

        for make in (
            lambda: asking(fg.ImageDataGenerator),
            lambda: fg.ImageDataGenerator(preprocessing_function=slow),
        ):
            flow, expected = self.flow(make()), self.flow(make())
            found: dict[int, Any] = {}

            def ask(place: int, flow: Any = flow, found: dict[int, Any] = found) -> None:
                found[place] = flow[place]

            threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for place in range(4):
                same(found[place], expected[place])

    def test_what_has_another_shape_than_the_batch_is_refused(self) -> None:
        def cut(kind: Any, whole: bool = False) -> Any:
            class Cut(kind):
                def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
                    return x[:8, :8]

                def standardize(self, x: np.ndarray) -> np.ndarray:
                    return np.tile(x, (2, 2, 1)) if whole else super().standardize(x)

            return Cut()

        with pytest.raises(ValueError, match="could not broadcast"):
            next(self.flow(cut(keras_image.ImageDataGenerator)))
        message = r"^apply_transform returned a ndarray of shape \(8, 8, 3\); expected a picture of shape \(16, 16, 3\)"
        with pytest.raises(fg.InputTypeError, match=message):
            next(self.flow(cut(fg.ImageDataGenerator)))
        found, expected = (
            next(self.flow(cut(kind, True))) for kind in (fg.ImageDataGenerator, keras_image.ImageDataGenerator)
        )
        np.testing.assert_array_equal(found, expected)  # what is whole again in the end is as good

    def test_what_fit_cannot_take_is_refused(self) -> None:
        class Cut(fg.ImageDataGenerator):
            def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
                return x[:8, :8]

        with pytest.raises(fg.InputTypeError, match=r"^random_transform returned a ndarray of shape \(8, 8, 3\)"):
            Cut(featurewise_center=True).fit(self.x, augment=True)


def test_a_preprocessing_function_must_return_a_picture() -> None:
    flow = fg.ImageDataGenerator(preprocessing_function=lambda x: None).flow(np.zeros((2, 4, 4, 3)))
    with pytest.raises(
        fg.InputTypeError, match=r"preprocessing_function returned nothing; expected a picture of shape"
    ):
        flow[0]


class OneByOne(fg.ImageDataGenerator):
    """Replaces a method, so that pictures are made one by one."""

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        return super().apply_transform(x, transform_parameters)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_preprocessing_function_may_return_what_fills_a_picture_as_in_keras(data_format: str) -> None:
    axis = 2 if data_format == "channels_last" else 0

    def grey(picture: np.ndarray) -> Any:
        return picture.mean(axis=axis, keepdims=True)

    x = np.random.default_rng(1).uniform(0, 255, (4, 6, 6, 3)).astype(np.float32)
    if data_format == "channels_first":
        x = np.moveaxis(x, 3, 1)
    functions: list[Any] = [grey, lambda picture: 7, lambda picture: picture[None]]
    for function in functions:
        options: dict[str, Any] = {"preprocessing_function": function, "rescale": 0.5, "data_format": data_format}
        given: dict[str, Any] = {"batch_size": 4, "shuffle": False, "seed": 1}
        expected = next(keras_image.ImageDataGenerator(**options).flow(x, **given))
        for generator in (fg.ImageDataGenerator(**options), OneByOne(**options)):
            np.testing.assert_allclose(next(generator.flow(x, **given)), expected, rtol=1e-6)
    wrong = fg.ImageDataGenerator(preprocessing_function=lambda x: x[:2, :2], data_format=data_format).flow(x)
    with pytest.raises(
        fg.InputTypeError, match=r"returned a ndarray of shape \(2, 2, .\); expected a picture of shape"
    ):
        wrong[0]


def test_statistics_set_by_hand_count() -> None:
    generator = fg.ImageDataGenerator(featurewise_center=True)
    generator.mean = [123.0, 116.0, 103.0]
    assert next(generator.flow(np.zeros((2, 4, 4, 3))))[0, 0, 0].tolist() == [-123.0, -116.0, -103.0]
