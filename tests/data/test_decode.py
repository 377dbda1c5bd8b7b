"""Every kind of picture file: the right colours, or a plain reason, and never a word on stderr."""

from __future__ import annotations

import io
import os
import signal
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldguide.data import decode, phash
from fieldguide.errors import InputError, PictureError

HEIGHT, WIDTH = 24, 32
SIZE = (HEIGHT, WIDTH)


@pytest.fixture(autouse=True)
def silence(capfd: pytest.CaptureFixture[str]) -> object:
    """No test here may leave a word on stdout or stderr, C libraries included."""
    yield
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def colours() -> np.ndarray:
    """Four quarters, red, green, blue and yellow, so that a wrong channel or a wrong turn shows: uint8 (24, 32, 3)."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (220, 30, 30)
    pixels[: HEIGHT // 2, WIDTH // 2 :] = (30, 200, 40)
    pixels[HEIGHT // 2 :, : WIDTH // 2] = (40, 50, 210)
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = (230, 210, 40)
    return pixels


def scene(height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    """Something like a photo: smooth shapes of random colours: uint8 (height, width, 3)."""
    rng = np.random.default_rng((seed, 7))
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def encode(image: Image.Image | np.ndarray, form: str, **options: Any) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def centres(pixels: np.ndarray) -> np.ndarray:
    """The colours in the middle of the four quarters: (4, channels), reading order."""
    height, width = pixels.shape[:2]
    return np.array([pixels[height * y // 4, width * x // 4] for y in (1, 3) for x in (1, 3)]).astype(int)


def same(content: bytes, expected: np.ndarray, tolerance: int = 0) -> decode.Picture:
    picture = decode.decode(content, (expected.shape[0], expected.shape[1]))
    difference = np.abs(picture.pixels.astype(int) - expected.astype(int)).max()
    assert difference <= tolerance, f"off by {difference}"
    assert (picture.height, picture.width) == expected.shape[:2]
    assert picture.pixels.dtype == np.uint8
    return picture


def reason(content: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        decode.decode(content, SIZE)
    return str(caught.value)


# ------------------------------------------------------------------ formats and how they store colours


def skip_without(form: str) -> None:
    """Skip where this Pillow cannot write the format."""
    Image.init()
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow was built without {form}")


@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate", "big_endian": True}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 25),
        ("PPM", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "subsampling": 0}, 12),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 12),
        ("JPEG", {"quality": 95, "subsampling": 0, "restart_marker_blocks": 2}, 12),
        ("JPEG", {"quality": 95, "subsampling": 0, "keep_rgb": True}, 12),
        ("GIF", {}, 0),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 12),
        ("ICO", {"sizes": [(WIDTH, HEIGHT)]}, 0),
        ("ICO", {"sizes": [(WIDTH, HEIGHT)], "bitmap_format": "bmp"}, 0),
    ],
)
def test_rgb_of_each_format(form: str, options: dict[str, Any], tolerance: int) -> None:
    image = Image.fromarray(colours())
    skip_without(form)
    picture = decode.decode(encode(image, form, **options), SIZE)
    assert np.abs(centres(picture.pixels) - centres(colours())).max() <= tolerance
    if tolerance == 0:
        np.testing.assert_array_equal(picture.pixels, colours())
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert picture.format == form


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP", "PPM", "WEBP"])
def test_grey(form: str) -> None:
    grey = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    choices: dict[str, dict[str, Any]] = {"JPEG": {"quality": 98}, "WEBP": {"lossless": True}}
    options = choices.get(form, {})
    picture = same(encode(grey, form, **options), np.repeat(grey[..., None], 3, 2), 6 if form == "JPEG" else 0)
    assert picture.mode == ("RGB" if form == "WEBP" else "L")


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit(form: str) -> None:
    black = np.zeros(SIZE, bool)
    black[:, 5:9] = True
    expected = np.repeat((black * np.uint8(255))[..., None], 3, 2)
    same(encode(Image.fromarray(black), form), expected)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(form: str) -> None:
    options: dict[str, Any] = {"quality": 98} if form == "JPEG" else {}
    inks = Image.fromarray(colours()).convert("CMYK")
    picture = decode.decode(encode(inks, form, **options), SIZE)
    assert np.abs(centres(picture.pixels) - centres(colours())).max() <= 6
    assert picture.mode == "CMYK"


def test_ycck_jpeg_as_photoshop_writes_it() -> None:
    """The same samples, declared as YCCK by the Adobe marker: libjpeg must turn YCC into inks, then we invert."""
    inks = 255 - np.asarray(Image.fromarray(colours()).convert("CMYK")).astype(float)  # Adobe stores them inverted
    # The decoder returns 255 - RGB(YCC) as ink, so YCC must be that of the file's inverted inks, inverted.
    ycc = np.asarray(Image.fromarray((255 - inks[..., :3]).astype(np.uint8)).convert("YCbCr"))
    stored = np.dstack([ycc, inks[..., 3].astype(np.uint8)])
    content = encode(Image.fromarray(255 - stored, "CMYK"), "JPEG", quality=98)  # Pillow inverts what it writes
    at = content.index(b"Adobe")
    declared = content[: at + 11] + b"\x02" + content[at + 12 :]
    picture = decode.decode(declared, SIZE)
    assert np.abs(centres(picture.pixels) - centres(colours())).max() <= 6


def test_palette() -> None:
    picture = same(encode(Image.fromarray(colours()).quantize(16), "PNG"), colours(), 4)
    assert picture.mode == "P"


def png(header: bytes, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    parts = [chunk(b"IHDR", header), *(chunk(*each) for each in extra), chunk(b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def test_16_bit_grey_png_keeps_its_range() -> None:
    levels = np.linspace(0, 65535, WIDTH).astype(">u2")
    rows = b"".join(b"\0" + levels.tobytes() for _ in range(HEIGHT))
    content = png(struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 0, 0, 0, 0), rows)
    expected = np.broadcast_to((levels >> 8).astype(np.uint8)[None, :, None], (HEIGHT, WIDTH, 3))
    same(content, expected)


def test_16_bit_rgb_png_with_a_transparent_colour() -> None:
    wide = (colours().astype(np.uint16) * 256 + 7).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    same(png(head, rows), colours())
    expected = colours()
    expected[: HEIGHT // 2, : WIDTH // 2] = 255
    same(png(head, rows, (b"tRNS", wide[0, 0].tobytes())), expected)


def test_16_bit_tiff() -> None:
    wide = np.tile(np.linspace(0, 65535, WIDTH).astype(np.uint16), (HEIGHT, 1))
    expected = np.repeat((wide >> 8).astype(np.uint8)[..., None], 3, 2)
    same(encode(Image.fromarray(wide), "TIFF"), expected)
    big = encode(Image.fromarray(wide.astype(">u2")), "TIFF")
    same(big, expected)


def test_samples_without_a_range_have_a_reason() -> None:
    floats = encode(Image.fromarray(np.ones(SIZE, np.float32)), "TIFF")
    assert "floating-point" in reason(floats)
    whole = encode(Image.fromarray(np.ones(SIZE, np.int32)), "TIFF")
    assert "32-bit" in reason(whole)


def test_interlaced_png() -> None:
    """Adam7 by hand: seven passes over a picture of one row and column a pass at 1 x 1 is just one pixel."""
    pixels = scene(8, 8)
    rows = b""
    for y, x, down, across in [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]:
        rows += b"".join(b"\0" + row.tobytes() for row in pixels[y::down, x::across])
    same(png(struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 1), rows), pixels)


# ------------------------------------------------------------------ transparency, frames, orientation


def on_white(rgba: np.ndarray) -> np.ndarray:
    alpha = rgba[..., 3:].astype(float) / 255
    return np.rint(rgba[..., :3] * alpha + np.array(decode.BACKGROUND) * (1 - alpha)).astype(np.uint8)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "ICO"])
def test_transparency_is_laid_on_white(form: str) -> None:
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    rgba = np.dstack([colours(), alpha])
    choices: dict[str, dict[str, Any]] = {
        "WEBP": {"lossless": True, "exact": True},
        "ICO": {"sizes": [(WIDTH, HEIGHT)]},
    }
    options = choices.get(form, {})
    same(encode(rgba, form, **options), on_white(rgba), 1)


def test_grey_with_alpha() -> None:
    pair = np.dstack([np.full(SIZE, 100, np.uint8), np.tile(np.arange(WIDTH, dtype=np.uint8) * 8, (HEIGHT, 1))])
    same(encode(Image.fromarray(pair, "LA"), "PNG"), on_white(pair[..., [0, 0, 0, 1]]), 1)


def test_palette_with_one_transparent_colour() -> None:
    index = np.zeros(SIZE, np.uint8)
    index[:, WIDTH // 2 :] = 1
    image = Image.fromarray(index, "P")
    image.putpalette([200, 10, 20, 1, 2, 3])
    expected = np.full((*SIZE, 3), (200, 10, 20), np.uint8)
    expected[:, WIDTH // 2 :] = 255
    for form in ("PNG", "GIF"):
        same(encode(image, form, transparency=1), expected)
    half = encode(image, "PNG", transparency=bytes([255, 0]))
    same(half, expected)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_frame_counts(form: str) -> None:
    first, second = Image.fromarray(colours()), Image.new("RGB", (WIDTH, HEIGHT), (1, 2, 3))
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    same(encode(first, form, save_all=True, append_images=[second], **options), colours())


def test_mpo_is_read_as_its_first_picture() -> None:
    content = encode(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (160, 120))])
    assert decode.decode(content, (120, 160)).format == "JPEG"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(form: str, orientation: int) -> None:
    skip_without(form)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # stored a quarter to the left: shown by a quarter to the right
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    shown = Image.fromarray(scene())
    stored = shown.transpose(turns[orientation]) if orientation in turns else shown
    exif = Image.Exif()
    exif[0x0112] = orientation
    choices: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 98},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    options = choices.get(form, {})
    off = 12 if form in ("JPEG", "AVIF") else 0
    picture = same(encode(stored, form, exif=exif, **options), np.asarray(shown), off)
    assert picture.hash == decode.decode(encode(shown, form, **options), (120, 160)).hash


@pytest.mark.parametrize("value", [0, 9, 200])
def test_orientations_that_do_not_exist_are_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    same(encode(scene(), "PNG", exif=exif), scene())


def test_damaged_metadata_is_no_reason_to_refuse() -> None:
    content = encode(scene(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x00garbage" + bytes(40))
    plain = encode(scene(), "JPEG", quality=95)
    np.testing.assert_array_equal(decode.decode(content, (64, 64)).pixels, decode.decode(plain, (64, 64)).pixels)


# ------------------------------------------------------------------ what is no picture, or not all of one


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC pictures are not supported: convert to JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC pictures are not supported: convert to JPEG"),
        (b"8BPS\0\1" + bytes(30), "Photoshop (PSD) pictures are not supported: convert to PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawings are not supported: convert to PNG"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<svg>", "SVG drawings are not supported: convert to PNG"),
        (b"%PDF-1.7\n", "PDF documents are not supported: convert to PNG"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "not a picture: video"),
        (b"RIFF\0\0\0\0AVI LIST", "not a picture: video"),
        (b"PK\x03\x04" + bytes(20), "not a picture: an archive"),
        (b"<!DOCTYPE html><html>", "not a picture: an HTML page, perhaps from a failed download"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not a picture: a Git LFS pointer"),
        ("Grüße, Welt".encode() * 300, "not a picture: text"),
        (b"label,file\ncat,1.jpg\n", "not a picture: text"),
        (bytes(3000), "not a picture: only zero bytes"),
        (b"\x01\x02\x03\xfe\xff" * 10, "not a picture: an unknown format that starts with 01 02 03 fe"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(20), "camera raw pictures are not supported: convert to JPEG"),
    ],
)
def test_what_is_no_picture_is_named(content: bytes, expected: str, tmp_path: Path) -> None:
    assert reason(content).startswith(expected)
    (tmp_path / "cat.jpg").write_bytes(content + bytes(5000) if content[0] == 0 else content)
    with pytest.raises(PictureError, match=expected.split(",")[0].replace("(", r"\(").replace(")", r"\)")):
        decode.load_bytes(tmp_path / "cat.jpg")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.98])
def test_a_cut_file_is_never_half_a_picture(form: str, part: float) -> None:
    content = encode(scene(), form)
    assert decode.decode(content, SIZE).format == form
    found = reason(content[: int(len(content) * part)])
    assert "truncated" in found or form == "AVIF", found


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_a_cut_jpeg_with_an_end_marker_put_back(progressive: bool, grey: bool) -> None:
    """Libraries decode these without complaint, the lower part in grey."""
    image = Image.fromarray(scene(480, 640, 3)).convert("L" if grey else "RGB")
    content = encode(image, "JPEG", quality=90, progressive=progressive)
    start = content.index(b"\xff\xda")
    # A progressive one is cut in its first scan; later scans only sharpen.
    end = content.index(b"\xff\xc4", start) if progressive else len(content)
    for part in (0.2, 0.5, 0.9):
        cut = content[: start + int((end - start) * part)].rstrip(b"\xff")
        for size in (SIZE, (300, 400)):  # decoded small and large
            with pytest.raises(PictureError, match="truncated"):
                decode.decode(cut + b"\xff\xd9", size)
    with pytest.raises(PictureError, match="truncated"):
        decode.decode(content[: len(content) // 2] + bytes(len(content) // 2), SIZE)


def test_a_picture_that_is_grey_itself_is_whole() -> None:
    grey = np.full((120, 160, 3), 128, np.uint8)
    grey[:60] = scene()[:60]
    same(encode(grey, "JPEG", quality=95, subsampling=0), grey, 16)


def test_a_damaged_png_is_refused() -> None:
    content = bytearray(encode(scene(), "PNG"))
    content[len(content) // 2] ^= 1
    assert reason(bytes(content)) == "damaged: the checksum of its IDAT data is wrong"


@pytest.mark.parametrize(("tag", "value", "said"), [(279, 0, "strips make no sense"), (273, 10**6, "truncated")])
def test_tiff_strips_that_are_not_there(tag: int, value: int, said: str) -> None:
    """Seen before libtiff sees them, which would write to stderr."""
    content = bytearray(encode(scene(20, 30), "TIFF", compression="tiff_lzw"))
    at = next(at for at in range(0, len(content), 2) if content[at : at + 8] == struct.pack("<HHI", tag, 4, 1))
    content[at + 8 : at + 12] = struct.pack("<I", value)
    assert said in reason(bytes(content))


@contextmanager
def no_hang() -> Iterator[None]:
    """Ends what goes on for more than 20 seconds of processor time."""

    def end(*_: object) -> None:
        raise TimeoutError("this would have gone on")

    former = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, 20)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, former)


def test_a_tiff_of_nothing_but_orientations_takes_no_time() -> None:
    content = encode(scene(20, 30), "TIFF", compression="raw")
    (at,) = struct.unpack("<I", content[4:8])
    (count,) = struct.unpack("<H", content[at : at + 2])
    entries = [content[at + 2 + 12 * number :][:12] for number in range(count)]
    more = [struct.pack("<HHIHxx", 274, 3, 1, 6)] * 20_000  # read again for each, they took minutes
    order = sorted(entries + more, key=lambda entry: struct.unpack("<H", entry[:2]))
    start = len(content) + len(content) % 2
    directory = struct.pack("<H", len(order)) + b"".join(order) + bytes(4)
    odd = content[:4] + struct.pack("<I", start) + content[8:].ljust(start - 8, b"\0") + directory
    with no_hang():
        assert decode.decode(odd, SIZE).width == 20  # turned by a quarter


def test_a_jpeg_of_stray_bytes_takes_no_time() -> None:
    for filling in (bytes(400_000_000), b"\xff" * 400_000_000):
        with no_hang():
            assert "truncated" in reason(b"\xff\xd8\xff\xe0\0\x02" + filling)


def test_bytes_after_and_before_markers_are_forgiven() -> None:
    content = encode(scene(), "JPEG", quality=95)
    expected = decode.decode(content, SIZE).pixels
    for odd in (content + b"more" * 9, content[:-2] + b"\x01\x02\xff\xd9", content[:2] + b"\xff\xff" + content[2:]):
        np.testing.assert_array_equal(decode.decode(odd, SIZE).pixels, expected)


def test_bombs_are_refused_by_their_header() -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    assert reason(png(header, b"")) == "too large: 30000 x 30000 is 900 megapixels, the limit is 200"
    gif = bytearray(encode(Image.fromarray(colours()), "GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    assert reason(bytes(gif)).startswith("too large")
    jpeg = bytearray(encode(scene(), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    assert reason(bytes(jpeg)).startswith("too large")


def test_a_large_picture_is_decoded_in_bands() -> None:
    """30 megapixels of palette, which would be 120 MB as RGB and another 120 as RGBA."""
    index = np.zeros((5000, 6000), np.uint8)
    index[:, 3000:] = 1
    image = Image.fromarray(index, "P")
    image.putpalette([200, 10, 20, 30, 40, 50])
    pixels = decode.decode(encode(image, "PNG", compress_level=1), (64, 64), "squash").pixels
    np.testing.assert_array_equal(pixels[:, :30], np.broadcast_to(np.array([200, 10, 20], np.uint8), (64, 30, 3)))
    np.testing.assert_array_equal(pixels[:, 34:], np.broadcast_to(np.array([30, 40, 50], np.uint8), (64, 30, 3)))


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(changed)))
        what = rng.integers(0, 4)
        if what == 0:
            changed[at] = int(rng.integers(0, 256))
        elif what == 1:
            changed[at : at + int(rng.integers(1, 30))] = b""
        elif what == 2:
            changed[at:at] = rng.bytes(int(rng.integers(1, 30)))
        else:
            changed[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def test_random_damage_gives_a_picture_or_a_reason() -> None:
    rng = np.random.default_rng((0, 2024))
    small, rgba = Image.fromarray(scene(20, 30)), Image.fromarray(np.dstack([scene(20, 30), scene(20, 30)[..., 0]]))
    exif = Image.Exif()
    exif[0x0112] = 6
    seeds = [
        encode(small, "JPEG", exif=exif),
        encode(small, "JPEG", progressive=True),
        encode(small.convert("CMYK"), "JPEG"),
        encode(rgba, "PNG", exif=exif),
        encode(small.quantize(8), "PNG", transparency=1),
        encode(small, "GIF"),
        encode(rgba, "WEBP", exif=exif),
        encode(small, "WEBP", lossless=True),
        encode(small, "BMP"),
        encode(small, "TIFF"),
        encode(rgba, "ICO", sizes=[(16, 16), (30, 20)]),
        encode(rgba, "ICO", sizes=[(16, 16)], bitmap_format="bmp"),
        encode(small, "PPM"),
    ]
    outcomes = {True: 0, False: 0}
    for seed in seeds:
        for _ in range(60):
            try:
                picture = decode.decode(mutated(seed, rng), (16, 16))
                assert picture.pixels.shape == (16, 16, 3)
                outcomes[True] += 1
            except PictureError as error:
                assert str(error)
                assert "\n" not in str(error)
                outcomes[False] += 1
    assert min(outcomes.values()) > 100, outcomes


def test_random_damage_in_compressed_tiff(capfd: pytest.CaptureFixture[str]) -> None:
    """As above, but libtiff has its own way of saying what it dislikes, straight to stderr: a known limit."""
    rng = np.random.default_rng((1, 2024))
    for compression in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        seed = encode(scene(20, 30), "TIFF", compression=compression)
        for _ in range(50):
            try:
                assert decode.decode(mutated(seed, rng), (16, 16)).pixels.shape == (16, 16, 3)
            except PictureError as error:
                assert str(error)
    assert capfd.readouterr().out == ""


# ------------------------------------------------------------------ files


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(colours(), "PNG"))
    picture = decode.read(path, SIZE)
    assert picture.format == "PNG"
    np.testing.assert_array_equal(picture.pixels, colours())


def test_what_cannot_be_opened_has_a_reason(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(PictureError) as caught:
            decode.load_bytes(path)
        return str(caught.value)

    assert refused(tmp_path / "none.jpg") == "gone: moved or deleted"
    assert refused(tmp_path) == "not a file: a folder"
    (tmp_path / "empty.jpg").touch()
    assert refused(tmp_path / "empty.jpg") == "an empty file"
    (tmp_path / "huge.jpg").touch()
    os.truncate(tmp_path / "huge.jpg", decode.MAX_FILE_BYTES + 1)
    assert refused(tmp_path / "huge.jpg").startswith("too large: 512 MiB")
    assert refused(tmp_path / ("x" * 300)).startswith("cannot be read: ")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "none.jpg")
    assert refused(tmp_path / "link.jpg") == "a link to a file that does not exist"
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert refused(tmp_path / "loop.jpg") == "a link that leads back to itself"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PictureError, match="not a file: a named pipe"):
        decode.load_bytes(tmp_path / "pipe.jpg")
    with pytest.raises(PictureError, match="not a file: a device"):
        decode.load_bytes("/dev/null")


@pytest.mark.usefixtures("bound_by_permissions")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(encode(colours(), "PNG"))
    path.chmod(0)
    with pytest.raises(PictureError, match="no permission to read it"):
        decode.load_bytes(path)


def test_a_video_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    os.truncate(path, decode.MAX_FILE_BYTES)  # sparse: reading it all would take noticeably long and 512 MiB
    with pytest.raises(PictureError, match="not a picture: video"):
        decode.load_bytes(path)


def test_digest_is_of_the_content() -> None:
    assert len(decode.digest(b"a")) == 32
    assert decode.digest(b"a") == decode.digest(bytes([97])) != decode.digest(b"b")


# ------------------------------------------------------------------ geometry and quality


@pytest.mark.parametrize("bad", [(0, 5), (5,), (-1, 4)])
def test_sizes_that_make_no_sense(bad: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="target_size"):
        decode.decode(encode(colours(), "PNG"), bad)


def test_unknown_rule() -> None:
    with pytest.raises(InputError, match="expected one of crop, squash, pad"):
        decode.decode(encode(colours(), "PNG"), SIZE, "stretch")


def test_crop_takes_the_exact_centre() -> None:
    pixels = scene(40, 70)
    np.testing.assert_array_equal(decode.decode(encode(pixels, "PNG"), (40, 40)).pixels, pixels[:, 15:55])
    tall = scene(90, 30)
    np.testing.assert_array_equal(decode.decode(encode(tall, "PNG"), (20, 30)).pixels, tall[35:55])


def test_pad_keeps_all_and_fills_with_the_background() -> None:
    pixels = scene(20, 60)
    padded = decode.decode(encode(pixels, "PNG"), (60, 60), "pad").pixels
    np.testing.assert_array_equal(padded[20:40], pixels)
    assert (padded[:20] == 255).all()
    assert (padded[40:] == 255).all()


def test_squash_stretches_each_side() -> None:
    pixels = np.zeros((60, 120, 3), np.uint8)
    pixels[:, 60:] = 200
    squashed = decode.decode(encode(pixels, "PNG"), (60, 40), "squash").pixels
    assert (squashed[:, :18] == 0).all()
    assert (squashed[:, 22:] == 200).all()


@pytest.mark.parametrize("resize", decode.RESIZE_RULES)
@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (3, 2), (7, 5000)])
def test_extreme_shapes(resize: str, size: tuple[int, int]) -> None:
    for form in ("PNG", "JPEG"):
        content = encode(np.full((*size, 3), (10, 120, 230), np.uint8), form, quality=95)
        picture = decode.decode(content, (32, 48), resize)
        assert (picture.height, picture.width) == size
        painted = picture.pixels[(picture.pixels != 255).any(axis=2)].astype(int)
        assert len(painted) > 0
        assert np.abs(painted - (10, 120, 230)).max() <= 4
        assert len(painted) == 32 * 48 or resize == "pad"


def ideal(pixels: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, int]) -> np.ndarray:
    """Lanczos-3 of the box in float64: the reference for quality."""

    def weights(total: int, start: int, length: int, count: int) -> np.ndarray:
        step = length / count
        centres = start + (np.arange(count) + 0.5) * step
        x = (np.arange(total) + 0.5 - centres[:, None]) / max(step, 1)
        kernel = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
        return kernel / kernel.sum(axis=1, keepdims=True)

    down = weights(pixels.shape[0], box[0], box[2], size[0])
    across = weights(pixels.shape[1], box[1], box[3], size[1])
    return np.clip(np.einsum("yh,hwc,xw->yxc", down, pixels.astype(float), across, optimize=True), 0, 255)


@pytest.mark.parametrize(("side", "floor"), [(200, 33), (120, 32), (60, 31)])
def test_reduced_pictures_are_close_to_an_ideal_reduction(shared_data: Path, side: int, floor: float) -> None:
    for path in sorted((shared_data / "horses_or_humans/validation").glob("*/*"))[::16]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        height, width = pixels.shape[:2]
        expected = ideal(pixels, (0, 0, height, width), (side, side))
        error = decode.decode(encode(pixels, "PNG"), (side, side)).pixels - expected
        assert 10 * np.log10(255**2 / np.mean(error**2)) > floor, path.name


def test_fine_stripes_do_not_alias() -> None:
    """One-pixel stripes are finer than the target: they must come out as one grey, not as bands."""
    stripes = np.zeros((300, 300, 3), np.uint8)
    stripes[:, ::2] = 255
    for side in (150, 130, 100, 60):
        inner = decode.decode(encode(stripes, "PNG"), (side, side)).pixels[5:-5, 5:-5].astype(int)
        assert inner.max() - inner.min() < 40, side


def test_jpeg_reduced_by_its_decoder_looks_the_same() -> None:
    pixels = scene(1600, 2000)
    small = decode.decode(encode(pixels, "JPEG", quality=95), (64, 64)).pixels.astype(int)
    exact = decode.decode(encode(pixels, "PNG"), (64, 64)).pixels.astype(int)
    assert np.abs(small - exact).max() <= 10
    assert np.abs(small - exact).mean() <= 1.5


# ------------------------------------------------------------------ the hash, and threads


def bits(first: int, second: int) -> int:
    return bin(first ^ second).count("1")


def test_versions_of_a_picture_have_near_hashes_and_others_far(shared_data: Path) -> None:
    hashes = []
    for path in sorted((shared_data / "rock_paper_scissors_places").glob("*/*"))[::60]:
        original = decode.read(path, (96, 96))
        image = Image.open(path).convert("RGB")
        smaller = image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS)
        for version in (encode(image, "JPEG", quality=40), encode(smaller, "PNG"), encode(smaller, "WEBP", quality=50)):
            assert bits(decode.decode(version, (96, 96)).hash, original.hash) <= 8
        assert bits(original.hash, decode.read(path, (48, 48)).hash) <= 3
        hashes.append(original.hash)
    distances = [bits(one, other) for at, one in enumerate(hashes) for other in hashes[:at]]
    assert np.median(distances) > 24


def test_the_hash_is_near_whatever_the_target(shared_data: Path) -> None:
    photo = sorted((shared_data / "trashnet/glass").glob("*"))[0]
    content = encode(Image.open(photo).convert("RGB").resize((2000, 1500)), "JPEG", quality=90)
    hashes = [decode.decode(content, (side, side)).hash for side in (32, 64, 150, 224, 600)]
    assert max(bits(hashes[0], each) for each in hashes) <= 3


def test_a_flat_picture() -> None:
    picture = decode.decode(encode(np.full((50, 70, 3), 90, np.uint8), "PNG"), SIZE)
    assert (picture.hash, picture.mean, picture.contrast) == (0, 90, 0)


def test_mean_and_contrast() -> None:
    halves = np.zeros((64, 64), np.uint8)
    halves[:, 32:] = 200
    assert phash.describe(halves)[1:] == (100, 100)


def test_threads_change_nothing() -> None:
    contents = [encode(scene(200 + seed, 300, seed), form) for seed in range(6) for form in ("JPEG", "PNG", "WEBP")]
    alone = [decode.decode(content, (64, 64)) for content in contents]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda content: decode.decode(content, (64, 64)), contents * 3))
    for one, other in zip(alone * 3, together, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.hash == other.hash
