"""Heat maps over photos: the photo in grey, in amber what spoke for the class, and a line around half of it.

Grey and amber differ along the axis from blue to yellow and in lightness, which nearly everybody sees; the photo stays
recognisable, and no colour of its own can be taken for heat. Steps of the scale look alike: it is a straight line in
Oklab.

Source: B. Ottosson (2020), "A perceptual color space for image processing" (Oklab), the author's web page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldguide.errors import InputError
from fieldguide.evaluation.focus import focus
from fieldguide.evaluation.heatmaps import Heat
from fieldguide.reporting.markup import escape
from fieldguide.reporting.pictures import data_url

HOTTEST = (0.76, 0.055, 0.155)  # amber in Oklab: lightness, green to red, blue to yellow
COVER = 0.7  # of the photo where the map is hottest: what is below still shows
ENCLOSED = 0.5  # share of the weight inside the line
SIDE = 336  # pixels of an overlay's longer side at the least: lines and steps would be coarse on small pictures
STEPS = 24  # of the scale in the legend
_LINE = 3.0  # pixels; its dark edges come on top
_INSIDE, _EDGE = (255, 255, 255), (20, 20, 20)  # a light line with dark edges shows on light and on dark
_GREY = 0.62  # lightness of the photo that the legend stands for


def overlay(pixels: np.ndarray, heat: Heat, *, side: int = SIDE) -> np.ndarray:
    """A photo in grey with the heat map over it: uint8 (height, width, 3), enlarged where it is smaller than `side`.

    Amber grows from the photo's grey in proportion to the map; what speaks against the class stays grey. A line runs
    around the hottest places that hold half of the weight.

    Args:
        pixels: the photo, uint8 (h, w, 3) in 0..255, as the classifier took it.
        heat: its map.
        side: pixels that the longer side has at the least; the line is as thick as it is apt for that.

    Raises:
        InputError: if the pixels are of another kind.

    Example:
        >>> heat = Heat(np.eye(7, dtype=np.float32), 0, "top_activation", "hirescam")
        >>> overlay(np.zeros((224, 224, 3), np.uint8), heat).shape
        (336, 336, 3)
    """
    import cv2

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(f"the photo is {pixels.dtype} {pixels.shape}; expected uint8 (height, width, 3).")
    factor = max(1.0, side / max(pixels.shape[:2]))
    size = (round(pixels.shape[0] * factor), round(pixels.shape[1] * factor))
    if factor > 1:
        pixels = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_CUBIC)
    weights = np.maximum(heat.enlarged(size), 0)
    hottest = float(weights.max())
    strengths = weights / hottest if hottest > 0 else weights
    tinted = scale(strengths, _lightness(pixels))
    return _outlined(tinted, weights, side / SIDE) if hottest > 0 else tinted


def picture(pixels: np.ndarray, heat: Heat) -> str:
    """An overlay as a data URL, "data:image/jpeg;base64,...", for a page without files beside it.

    Args:
        pixels: as for `overlay`.
        heat: as for `overlay`.

    Raises:
        InputError: as `overlay` does.
    """
    return data_url(overlay(pixels, heat))


def alternative(heat: Heat, class_name: str) -> str:
    """What an overlay shows, in words: the text for those who do not see it; not escaped.

    Args:
        heat: the map.
        class_name: of the class that it explains.

    Example:
        >>> values = np.zeros((7, 7), np.float32)
        >>> values[1, 1], values[5, 5] = 3, 1
        >>> alternative(Heat(values, 0, "top_activation", "hirescam"), "cats")
        'For cats it looks at the upper left: 75% of the weight lies in that quarter of the picture.'
    """
    return f"For {class_name} it {focus(heat)}."


def legend(class_name: str) -> str:
    """The key to overlays, as markup: the scale from nothing to the most, and what the line means.

    Args:
        class_name: of the class that they explain, or words such as "the predicted class".
    """
    # Steps, not a gradient, which would need an id.
    steps = scale(np.linspace(0, 1, STEPS, dtype=np.float32), np.full(STEPS, _GREY, np.float32))
    drawn = "".join(
        f'<rect x="{120 // STEPS * place}" width="{120 // STEPS}" height="12" fill="#{_hexadecimal(step)}"/>'
        for place, step in enumerate(steps.tolist())
    )
    bar = (
        '<svg class="plot" viewBox="0 0 120 12" width="120" shape-rendering="crispEdges" aria-hidden="true">'
        f"{drawn}</svg>"
    )
    line = (
        '<svg class="plot" viewBox="0 0 30 12" width="30" aria-hidden="true"><g fill="none" stroke-linecap="round">'
        f'<path d="M3 6H27" stroke="#{_hexadecimal(_EDGE)}" stroke-width="5"/>'
        f'<path d="M3 6H27" stroke="#{_hexadecimal(_INSIDE)}" stroke-width="2.5"/></g></svg>'
    )
    return (
        f'<p class="legend heat"><span>nothing {bar} most, of what speaks for {escape(class_name)}</span>'
        f"<span>{line}half of it lies inside</span></p>"
    )


def scale(strengths: np.ndarray, lightness: np.ndarray) -> np.ndarray:
    """Colours from grey to amber: uint8 (..., 3), sRGB.

    Args:
        strengths: float32, 0 for grey to 1 for the hottest.
        lightness: of the grey, float32 of the same shape, 0..1 in Oklab.
    """
    cover = (COVER * strengths)[..., None]
    grey = np.stack([lightness, np.zeros_like(lightness), np.zeros_like(lightness)], axis=-1)
    return _srgb((1 - cover) * grey + cover * np.array(HOTTEST, np.float32))


def _outlined(picture: np.ndarray, weights: np.ndarray, thickness: float) -> np.ndarray:
    """The picture with a line around the hottest places that hold half of the weight, drawn at four times the size.

    Args:
        picture: uint8 (height, width, 3).
        weights: float32 (height, width).
        thickness: of the line, as a share of the usual one.
    """
    import cv2

    ordered = np.sort(weights, axis=None)[::-1]
    level = ordered[np.searchsorted(ordered.cumsum(dtype=np.float64), ENCLOSED * ordered.sum(dtype=np.float64))]
    times, margin = 4, 8
    large = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST)
    fine = cv2.resize(weights, large.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    # Beyond the edges the map goes on, so that no line runs along them.
    inside = np.pad(fine >= level, margin * times, mode="edge").astype(np.uint8)
    lines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    lines = [line - margin * times for line in lines]
    for colour, width in ((_EDGE, _LINE + 2), (_INSIDE, _LINE - 1)):
        cv2.drawContours(large, lines, -1, colour, round(width * thickness * times), cv2.LINE_AA)
    return cv2.resize(large, picture.shape[1::-1], interpolation=cv2.INTER_AREA)


def _lightness(pixels: np.ndarray) -> np.ndarray:
    """How light each pixel is, as a grey of Oklab: float32 (h, w) in 0..1."""
    shares = pixels.astype(np.float32) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)).astype(np.float32)


def _srgb(oklab: np.ndarray) -> np.ndarray:
    """uint8 (..., 3) from Oklab (..., 3); colours that no screen shows are clipped."""
    roots = oklab @ np.array(
        [[1, 1, 1], [0.3963377774, -0.1055613458, -0.0894841775], [0.2158037573, -0.0638541728, -1.2914855480]]
    )
    linear = roots**3 @ np.array(
        [
            [4.0767416621, -1.2684380046, -0.0041960863],
            [-3.3077115913, 2.6097574011, -0.7034186147],
            [0.2309699292, -0.3413193965, 1.7076147010],
        ]
    )
    linear = np.clip(linear, 0, 1)
    shares = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * shares).round().astype(np.uint8)


def _hexadecimal(colour: Sequence[int]) -> str:
    return "".join(f"{part:02x}" for part in colour)
