"""What a model file holds of the rules by which a classifier says that it does not know, checked as it is read."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldguide.answers.naming import Naming
from fieldguide.answers.novelty import MOST_BYTES, MOST_FEATURES, RANK, Novelty
from fieldguide.errors import ModelError

LARGEST_SCORE = 10.0  # of two directions at length 1 that lie as far apart as can be it is 4
LARGEST_GAP = 50.0  # logarithm of odds; a float32 tells none apart that are larger than 17


@dataclass(frozen=True)
class Outline:
    """A rule for pictures unlike all that was learnt from, without its arrays: their shapes and its numbers."""

    features: int  # of a picture
    rank: int  # directions that are kept
    references: int  # pictures that are kept
    threshold: float
    false_alarms: float
    n: int  # pictures the threshold rests on

    @classmethod
    def of(cls, novelty: Novelty) -> Outline:
        """That of a rule."""
        (features, rank), references = novelty.basis.shape, len(novelty.references)
        return cls(features, rank, references, float(novelty.threshold), novelty.false_alarms, novelty.n)

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        return 2 * self.rank * (self.features + self.references)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def packed(novelty: Novelty) -> bytes:
    """The arrays of a rule: its basis and then its references, float16, the smaller byte first."""
    return b"".join(np.ascontiguousarray(part, "<f2").tobytes() for part in (novelty.basis, novelty.references))


def unpacked(path: str | Path, content: bytes, outline: Outline) -> Novelty:
    """The rule whose arrays `packed` wrote.

    Args:
        path: of the model file, for the error.
        content: as it was read.
        outline: from the note.

    Raises:
        ModelError: if they are cut off, or no numbers.
    """
    if len(content) != outline.size:
        raise ModelError(
            f"{path} is damaged: what it knows of the pictures it learnt from has {len(content):,} bytes, and "
            f"{outline.size:,} were expected. Copy it again, or train it again."
        )
    values = np.frombuffer(content, "<f2").astype(np.float16)
    if not np.isfinite(values).all():
        raise ModelError(
            f"{path} is damaged: some of what it knows of the pictures it learnt from are no numbers. Copy it again, "
            "or train it again."
        )
    basis, references = np.split(values, [outline.features * outline.rank])
    return Novelty(
        basis.reshape(outline.features, outline.rank),
        references.reshape(outline.references, outline.rank),
        outline.threshold,
        outline.false_alarms,
        outline.n,
    )


def good_rules(fields: dict[str, Any]) -> bool:
    """Whether what a note says of both rules makes sense; before format 5 it says nothing."""
    if fields["format"] < 5:
        return True
    return {"naming", "novelty"} <= {*fields} and _good_naming(fields["naming"]) and _good_outline(fields["novelty"])


def naming_of(fields: dict[str, Any]) -> Naming | None:
    """The rule that names classes, if a good note says of one."""
    found = fields.get("naming") if fields["format"] >= 5 else None
    return None if found is None else Naming.from_dict(found)


def outline_of(fields: dict[str, Any]) -> Outline | None:
    """The outline of the rule for unlike pictures, if a good note says of one."""
    found = fields.get("novelty") if fields["format"] >= 5 else None
    return None if found is None else Outline(**found)


def _good_naming(found: Any) -> bool:
    if found is None:
        return True
    return (
        isinstance(found, dict)
        and {*found} == {"error_rate", "gap", "n"}
        and _share(found["error_rate"])
        and (found["gap"] is None or _within(found["gap"], 0, LARGEST_GAP))
        and _count(found["n"])
    )


def _good_outline(found: Any) -> bool:
    if found is None:
        return True
    return (
        isinstance(found, dict)
        and {*found} == {*Outline.__dataclass_fields__}
        and _count(found["features"], MOST_FEATURES)
        and _count(found["rank"], RANK)
        and _count(found["references"], MOST_BYTES)
        and _within(found["threshold"], -LARGEST_SCORE, LARGEST_SCORE)
        and _share(found["false_alarms"])
        and _count(found["n"])
        and Outline(**found).size <= MOST_BYTES
    )


def _count(value: Any, most: int = 2**53) -> bool:
    return type(value) is int and 1 <= value <= most


def _within(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and least <= value <= most


def _share(value: Any) -> bool:
    return type(value) is float and 0 < value < 1
