"""Differences and names as they stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from fieldguide.intervals import Estimate


def in_points(difference: Estimate) -> str:
    """A difference of shares in points of percent: "4.1 points (95% CI 1.0 to 7.2)".

    Example:
        >>> in_points(Estimate(0.041, 0.01, 0.072, 200))
        '4.1 points (95% CI 1.0 to 7.2)'
    """
    return f"{100 * difference.value:.1f} points (95% CI {100 * difference.low:.1f} to {100 * difference.high:.1f})"


def within(difference: Estimate) -> str:
    """The same where it stands in brackets already: "-4.1 points, 95% CI -9.0 to 0.8".

    Example:
        >>> within(Estimate(-0.041, -0.09, 0.008, 200))
        '-4.1 points, 95% CI -9.0 to 0.8'
    """
    return in_points(difference).replace(" (", ", ").removesuffix(")")


def listed(names: Sequence[str]) -> str:
    """Names as a person lists them.

    Example:
        >>> listed(["tiny", "small", "medium"])
        'tiny, small and medium'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
