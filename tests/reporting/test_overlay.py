"""An overlay is grey where nothing was seen and amber where much was, in even steps, with a line around half of it."""

from __future__ import annotations

import base64
import re

import cv2
import numpy as np
import pytest

from fieldguide.errors import InputError
from fieldguide.evaluation.heatmaps import Heat
from fieldguide.reporting.overlay import SIDE, STEPS, _lightness, alternative, legend, overlay, picture, scale

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (112, 168, 3)).astype(np.uint8)


def heat(values: np.ndarray) -> Heat:
    return Heat(np.asarray(values, np.float32), 0, "top_activation", "hirescam")


def lab(pixels: np.ndarray) -> np.ndarray:
    """CIELAB, by OpenCV: another space than the one in which the scale is made."""
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def colourfulness(pixels: np.ndarray) -> np.ndarray:
    """How far from grey each pixel is."""
    return np.asarray(np.hypot(*np.moveaxis(lab(pixels)[..., 1:], -1, 0)))


CORNER = np.zeros((7, 7))
CORNER[1, 1] = 1
CORNER[5, 5] = -3


def test_amber_is_where_the_weight_is_and_all_else_is_grey() -> None:
    drawn = overlay(PHOTO, heat(CORNER))
    assert drawn.dtype == np.uint8
    assert drawn.shape == (224, SIDE, 3)  # enlarged, and of the same proportions
    colour = colourfulness(drawn)
    assert colour[48, 72] > 30  # the middle of the second place, down and across
    assert colour[112:, 168:].max() < 2  # what speaks against the class is not shown
    assert np.unravel_index(cv2.GaussianBlur(colour, (0, 0), 8).argmax(), colour.shape)[0] < 80


def test_the_photo_keeps_its_lightness_where_it_is_grey() -> None:
    nothing = overlay(PHOTO, heat(-np.ones((7, 7))))
    assert colourfulness(nothing).max() < 2
    large = cv2.resize(PHOTO, (SIDE, 224), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(_lightness(nothing), _lightness(large), atol=0.01)


def test_a_large_photo_keeps_its_size() -> None:
    assert overlay(np.zeros((400, 300, 3), np.uint8), heat(CORNER)).shape == (400, 300, 3)


def test_half_of_the_weight_lies_inside_the_line() -> None:
    """The line is told by its dark edges on a light photo; what it encloses is filled and weighed."""
    rows, columns = np.mgrid[:14, :14]
    found = heat(np.exp(-((rows - 6) ** 2 + (columns - 8) ** 2) / 10))
    drawn = overlay(np.full((448, 448, 3), 235, np.uint8), found)
    dark = (drawn.max(axis=-1) < 90).astype(np.uint8)
    assert dark.any()
    lines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert len(lines) == 1
    inside = np.zeros(dark.shape, np.uint8)
    cv2.drawContours(inside, lines, -1, 1, cv2.FILLED)
    weights = np.maximum(found.enlarged((448, 448)), 0)
    assert weights[inside == 1].sum() / weights.sum() == pytest.approx(0.5, abs=0.05)


def test_no_line_runs_along_an_edge() -> None:
    left = np.zeros((7, 7))
    left[:, 0] = 1
    drawn = overlay(np.full((336, 336, 3), 235, np.uint8), heat(left))
    assert drawn[:, :10].min(axis=(0, 1)).max() > 90  # the left edge has no dark pixel
    assert (drawn[:, 10:100].max(axis=-1) < 90).any()


def test_steps_of_the_scale_look_alike() -> None:
    """By CIELAB's distance, of grey in three lightnesses."""
    for lightness in (0.3, 0.6, 0.9):
        colours = scale(np.linspace(0, 1, 9, dtype=np.float32)[None], np.full((1, 9), lightness, np.float32))
        steps = np.linalg.norm(np.diff(lab(colours)[0], axis=0), axis=-1)
        assert steps.min() > 3
        assert steps.max() / steps.min() < 2


def test_grey_and_amber_differ_for_those_who_see_no_red_or_green() -> None:
    """Dichromats still see lightness and the axis from blue to yellow (b of CIELAB)."""
    for lightness in (0.2, 0.5, 0.8, 0.95):
        ends = scale(np.array([[0, 1]], np.float32), np.full((1, 2), lightness, np.float32))
        blue_to_yellow = lab(ends)[0, :, 2]
        assert blue_to_yellow[1] - blue_to_yellow[0] > 25


def test_a_picture_is_a_small_jpeg_inside_the_page() -> None:
    url = picture(PHOTO, heat(CORNER))
    head, content = url.split(",")
    assert head == "data:image/jpeg;base64"
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (224, SIDE, 3)
    difference = np.abs(decoded[..., ::-1].astype(int) - overlay(PHOTO, heat(CORNER)))
    assert difference.mean() < 12


def test_words_stand_for_the_picture() -> None:
    assert alternative(heat(CORNER), "cats") == (
        "For cats it looks at the upper left: 100% of the weight lies in that quarter of the picture."
    )
    assert "nothing in the picture" in alternative(heat(-CORNER * 0), "cats")


def test_the_legend_shows_the_scale_and_the_line_without_ids() -> None:
    drawn = legend("<cats>")
    assert "&lt;cats&gt;" in drawn
    assert "id=" not in drawn
    fills = re.findall(r'<rect [^>]*fill="#([0-9a-f]{6})"', drawn)
    assert len(set(fills)) == len(fills) == STEPS
    first, last = (tuple(bytes.fromhex(fill)) for fill in (fills[0], fills[-1]))
    assert max(first) - min(first) < 3  # grey
    assert last[0] - last[2] > 80  # amber


@pytest.mark.parametrize("photo", [PHOTO.astype(np.float32), PHOTO[..., 0], PHOTO[None]])
def test_what_is_no_photo_is_refused(photo: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected uint8 \(height, width, 3\)"):
        overlay(photo, heat(CORNER))
