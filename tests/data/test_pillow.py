"""Pictures as Keras gives them: byte for byte what `keras.utils.load_img` returns, but upright, and with reasons."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pictures import scene
from PIL import Image, ImageOps

from fieldguide.data import pillow
from fieldguide.errors import InputError, InputTypeError, PictureError

HEIGHT, WIDTH = 45, 64


@pytest.fixture(scope="module")
def keras_load() -> Callable[..., Image.Image]:
    from keras.utils import load_img

    return load_img


def photo(mode: str = "RGB") -> Image.Image:
    return scene(1, HEIGHT, WIDTH).convert(mode)


def translucent() -> Image.Image:
    picture = photo("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8) * 4, (HEIGHT, 1))))
    return picture


def ramp(dtype: Any, factor: float = 1) -> np.ndarray:
    return (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * factor).astype(dtype)


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def deep_png() -> bytes:
    """16 bits a colour and one colour transparent, which Pillow reads but does not write."""
    rows = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(">u2")
    rows[:20, :20] = (258, 772, 1286)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"tRNS", struct.pack(">HHH", 258, 772, 1286)), (b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in (*parts, (b"IEND", b"")))


def with_wrong_checksum(content: bytes) -> bytes:
    """A PNG whose pixels' checksum is wrong while the pixels are right: Pillow, and so Keras, reads it."""
    end = content.index(b"IDAT") + 4 + int.from_bytes(content[content.index(b"IDAT") - 4 :][:4], "big")
    return content[:end] + bytes(4) + content[end + 4 :]


def without_end(content: bytes) -> bytes:
    return content[: content.index(b"IEND") - 4]


FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: encode(photo(), "JPEG", quality=92),
    "jpeg 4:4:4 progressive": lambda: encode(photo(), "JPEG", subsampling=0, progressive=True),
    "jpeg grey": lambda: encode(photo("L"), "JPEG"),
    "jpeg CMYK": lambda: encode(photo("CMYK"), "JPEG"),
    "jpeg with restarts": lambda: encode(photo(), "JPEG", restart_marker_rows=1),
    "jpeg of several pictures": lambda: encode(photo(), "MPO", save_all=True, append_images=[scene(2, HEIGHT, WIDTH)]),
    "png": lambda: encode(photo(), "PNG"),
    "png RGBA": lambda: encode(translucent(), "PNG"),
    "png grey": lambda: encode(photo("L"), "PNG"),
    "png grey and alpha": lambda: encode(translucent().convert("LA"), "PNG"),
    "png palette": lambda: encode(photo("P"), "PNG"),
    "png palette, one colour transparent": lambda: encode(photo("P"), "PNG", transparency=3),
    "png palette, several transparent": lambda: encode(photo("P"), "PNG", transparency=bytes(range(0, 250, 3))),
    "png RGB, one colour transparent": lambda: encode(photo(), "PNG", transparency=photo().getpixel((5, 5))),
    "png black and white": lambda: encode(photo("1"), "PNG"),
    "png 16 bits": lambda: encode(Image.fromarray(ramp(np.uint16, 20)), "PNG"),
    "png 16 bits a colour": deep_png,
    "png animated": lambda: encode(photo(), "PNG", save_all=True, append_images=[scene(2, HEIGHT, WIDTH)]),
    "png animated beside a picture": lambda: encode(
        photo(), "PNG", save_all=True, default_image=True, append_images=[scene(2, HEIGHT, WIDTH)]
    ),
    "png with a wrong checksum": lambda: with_wrong_checksum(encode(photo(), "PNG")),
    "png without its end": lambda: without_end(encode(photo(), "PNG")),
    "gif": lambda: encode(photo("P"), "GIF"),
    "gif grey": lambda: encode(photo("L"), "GIF"),
    "gif, one colour transparent": lambda: encode(photo("P"), "GIF", transparency=3),
    "gif animated": lambda: encode(photo(), "GIF", save_all=True, append_images=[scene(2, HEIGHT, WIDTH)]),
    "webp": lambda: encode(photo(), "WEBP", quality=80),
    "webp RGBA": lambda: encode(translucent(), "WEBP", lossless=True),
    "bmp": lambda: encode(photo(), "BMP"),
    "bmp RGBA": lambda: encode(translucent(), "BMP"),
    "bmp palette": lambda: encode(photo("P"), "BMP"),
    "bmp black and white": lambda: encode(photo("1"), "BMP"),
    "tiff": lambda: encode(photo(), "TIFF"),
    "tiff LZW": lambda: encode(photo(), "TIFF", compression="tiff_lzw"),
    "tiff with JPEG": lambda: encode(photo(), "TIFF", compression="jpeg"),
    "tiff RGBA": lambda: encode(translucent(), "TIFF"),
    "tiff CMYK": lambda: encode(photo("CMYK"), "TIFF"),
    "tiff palette": lambda: encode(photo("P"), "TIFF"),
    "tiff 16 bits": lambda: encode(Image.fromarray(ramp(np.uint16, 20)), "TIFF"),
    "tiff 32 bits": lambda: encode(Image.fromarray(ramp(np.int32, 3)), "TIFF"),
    "tiff of numbers": lambda: encode(Image.fromarray(ramp(np.float32, 0.1)), "TIFF"),
    "ppm": lambda: encode(photo(), "PPM"),
    "pgm": lambda: encode(photo("L"), "PPM"),
    "pgm 16 bits": lambda: b"P5 %d %d 65535\n" % (WIDTH, HEIGHT) + ramp(">u2", 20).tobytes(),
    "avif": lambda: encode(photo(), "AVIF", quality=80),
    "avif RGBA": lambda: encode(translucent(), "AVIF", quality=80),
    "icon": lambda: encode(translucent(), "ICO", sizes=[(32, 32), (16, 16)]),
    "icon, old": lambda: encode(photo("RGBA"), "ICO", sizes=[(32, 32)], bitmap_format="bmp"),
}


def expected(load: Callable[..., Image.Image], content: bytes, **options: Any) -> Image.Image:
    with warnings.catch_warnings():  # what Pillow says of a palette's transparency, ours does not
        warnings.simplefilter("ignore", UserWarning)
        picture = load(io.BytesIO(content), **options)
        picture.load()
    return picture


def assert_same(load: Callable[..., Image.Image], content: bytes, **options: Any) -> None:
    wanted = expected(load, content, **options)
    given = pillow.open_picture(io.BytesIO(content), **options)
    assert (given.mode, given.size) == (wanted.mode, wanted.size)
    assert given.tobytes() == wanted.tobytes()
    array = np.asarray(wanted)
    found = pillow.pixels(content, **options)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array.reshape(*array.shape[:2], -1))


@pytest.mark.parametrize("color_mode", pillow.COLOR_MODES)
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_what_keras_gives(
    name: str, color_mode: str, keras_load: Callable[..., Image.Image]
) -> None:
    content = FILES[name]()
    try:
        expected(keras_load, content, color_mode=color_mode)
    except ValueError:  # a kind of numbers that Pillow does not convert
        with pytest.raises(PictureError):
            pillow.open_picture(io.BytesIO(content), color_mode=color_mode)
        return
    assert_same(keras_load, content, color_mode=color_mode)
    assert_same(keras_load, content, color_mode=color_mode, target_size=(30, 50), interpolation="bilinear")


@given(
    name=st.sampled_from(sorted(FILES)),
    color_mode=st.sampled_from(pillow.COLOR_MODES),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    interpolation=st.sampled_from(pillow.INTERPOLATIONS),
    keep_aspect_ratio=st.booleans(),
)
@example("jpeg", "rgb", (1, 65), "bilinear", True)  # cut to nothing
@example("jpeg", "rgb", (90, 1), "nearest", True)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_every_size_and_rule_gives_what_keras_gives(
    name: str, color_mode: str, size: tuple[int, int], interpolation: str, keep_aspect_ratio: bool
) -> None:
    from keras.utils import load_img

    options: dict[str, Any] = {
        "color_mode": color_mode,
        "target_size": size,
        "interpolation": interpolation,
        "keep_aspect_ratio": keep_aspect_ratio,
    }
    content = FILES[name]()
    try:
        expected(load_img, content, **options)
    except ValueError:  # a kind of numbers that Pillow does not convert or resize so
        with pytest.raises(PictureError):
            pillow.pixels(content, **options)
        return
    assert_same(load_img, content, **options)


def test_real_photos_give_what_keras_gives(keras_load: Callable[..., Image.Image], shared_data: Path) -> None:
    paths = [*sorted((shared_data / "cats_vs_dogs").rglob("*.jpg"))[::150]]
    paths += sorted((shared_data / "caltech_50").rglob("*.jpg"))[::100]
    assert len(paths) > 30
    for number, path in enumerate(paths):
        color_mode = pillow.COLOR_MODES[number % 3]
        assert_same(keras_load, path.read_bytes(), color_mode=color_mode)
        assert_same(keras_load, path.read_bytes(), target_size=(150, 150), interpolation="nearest")


def test_paths_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(FILES["jpeg"]())
    wanted = pillow.open_picture(io.BytesIO(path.read_bytes())).tobytes()
    stream = io.BytesIO(path.read_bytes())
    stream.seek(100)  # Keras reads from the start too
    assert [pillow.open_picture(each).tobytes() for each in (path, str(path), bytes(path), stream)] == [wanted] * 4


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright_before_they_are_resized(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    content = encode(photo(), form, exif=exif, **options)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    assert upright.size == ((WIDTH, HEIGHT) if orientation < 5 else (HEIGHT, WIDTH))
    assert pillow.open_picture(io.BytesIO(content)).tobytes() == upright.tobytes()
    small = upright.resize((20, 30), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(
        pillow.pixels(content, target_size=(30, 20), interpolation="bilinear"), np.asarray(small)
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_a_file_that_was_cut_short_is_refused(form: str) -> None:
    content = encode(photo(), form)
    for share in (0.3, 0.6, 0.95):
        with pytest.raises(PictureError):
            pillow.open_picture(io.BytesIO(content[: int(len(content) * share)]))
        with pytest.raises(PictureError):
            pillow.pixels(content[: int(len(content) * share)])


def test_a_jpeg_closed_too_early_is_refused() -> None:
    content = FILES["jpeg"]()
    with pytest.raises(PictureError, match="truncated"):
        pillow.pixels(content[: len(content) * 2 // 3] + b"\xff\xd9")


@pytest.mark.parametrize("content", [b"", b"some notes\n" * 9, b"\x89PNG\r\n\x1a\n", b"BM" + bytes(60)])
def test_what_is_no_picture_has_a_plain_reason(content: bytes) -> None:
    with pytest.raises(PictureError, match=r"picture|truncated"):
        pillow.pixels(content)


@given(st.sampled_from(["jpeg", "png palette", "gif", "webp", "bmp", "tiff LZW", "icon, old"]), st.data())
@settings(max_examples=120, deadline=None, derandomize=True, database=None)
def test_damage_gives_pixels_or_a_reason(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name]())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 600) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert pillow.pixels(bytes(content), target_size=(8, 8)).shape == (8, 8, 3)
    except PictureError as error:
        assert str(error)


def test_bad_arguments_are_named() -> None:
    stream = io.BytesIO(FILES["png"]())
    with pytest.raises(InputError, match=r"color_mode is 'grey'; color_mode must be .grayscale., .rgb., or .rgba."):
        pillow.open_picture(stream, color_mode="grey")
    with pytest.raises(InputError, match="interpolation is 'cubic', which is invalid: supported methods are nearest,"):
        pillow.open_picture(stream, target_size=(9, 9), interpolation="cubic")
    for size in (9, (9,), "99", (9.5, 9)):
        with pytest.raises(InputTypeError, match=r"target_size is .* expected \(height, width\)"):
            pillow.open_picture(stream, target_size=size)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="target_size"):
        pillow.open_picture(stream, target_size=(0, 9))
    with pytest.raises(TypeError, match="path is of type int; expected a path or"):
        pillow.open_picture(7)  # type: ignore[arg-type]


def test_the_shape_of_a_model_s_input_is_a_size_too(keras_load: Callable[..., Image.Image]) -> None:
    assert_same(keras_load, FILES["jpeg"](), target_size=(20, 30, 3))
    assert_same(keras_load, FILES["jpeg"](), target_size=np.array([20, 30]))


def test_threads_give_the_same() -> None:
    content = FILES["jpeg"]()
    wanted = pillow.pixels(content, target_size=(30, 30))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: pillow.pixels(content, target_size=(30, 30)), range(60)):
            np.testing.assert_array_equal(found, wanted)
