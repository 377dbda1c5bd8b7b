"""What a training began with, pictures and settings, and what of it has changed since, in words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fieldguide.data.pixels import PixelStore
from fieldguide.errors import InputError
from fieldguide.training.checkpoint import changes, plain
from fieldguide.training.scratch_recipe import ScratchRecipe
from fieldguide.training.watching import Watched
from fieldguide.words import counted

MOST_NAMED = 10_000  # pictures whose names go into every checkpoint; of more, only how many there are of each part
SHOWN = 3  # names in a sentence


def origin(store: PixelStore, watched: Watched, recipe: ScratchRecipe, precision: str) -> dict[str, Any]:
    """What must be the same for a training to go on, ready for JSON.

    That is all but the number of epochs, which may grow, and what changes no weight.

    Args:
        store: the pictures of all parts, one after the other.
        watched: which of them are for what.
        recipe: of the training.
        precision: Keras's policy.
    """
    settings = {key: value for key, value in recipe.to_dict().items() if key not in ("epochs", "reasons", "error_rate")}
    settings["net"] = {key: value for key, value in recipe.net.to_dict().items() if key != "mirrored"}
    return {
        "recipe": plain(settings),
        "precision": precision,
        "classes": list(store.dataset.class_names),
        "parts": dict(_parts(store, watched)),
        "rows": [_digest([rows.astype("<i8").tobytes()]) for rows in (watched.fitted, watched.sample, watched.held)],
    }


def refuse_changes(folder: Path | None, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Sees to it that a training goes on with what it began with.

    Args:
        folder: of the run.
        before: what `origin` gave when it began.
        now: what it gives now.

    Raises:
        InputError: something has changed; the message says what.
    """
    found = _changed_pictures(before, now)
    had = {name: before[name] for name in _SETTINGS}
    usual = plain(ScratchRecipe().to_dict())
    # Earlier versions knew of fewer settings, and did as is usual now.
    had["recipe"] = {name: usual[name] for name in now["recipe"] if name not in had["recipe"]} | had["recipe"]
    found += changes(had, {name: now[name] for name in _SETTINGS})
    if not found and before["rows"] != now["rows"]:
        found = ["other pictures of the same parts are learnt from or looked at after each epoch"]
    if found:
        raise InputError(
            f"the run in {folder} cannot be resumed, since it began otherwise: {'; '.join(found)}. Give the same "
            "pictures and settings, or train in a new folder."
        )


def other_threads(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is to be said where a training goes on with other threads than those before; "" where it does not.

    Sums are taken in another order then and rounded otherwise, from which everything else follows.

    Args:
        before: what the checkpoint was written with.
        now: likewise, of this process.

    Example:
        >>> other_threads({"threads": 2}, {"threads": 1})
        'the run was trained on 2 threads and goes on with 1: its weights will not be those of ...'
        >>> other_threads({"threads": 2}, {"threads": 2}), other_threads({}, {"threads": 2})  # of an earlier version
        ('', '')
    """
    had, has = before.get("threads"), now.get("threads")
    if had is None or has is None or had == has:
        return ""
    return (
        f"the run was trained on {counted(had, 'thread')} and goes on with {has}: its weights will not be those of "
        "an uninterrupted one."
    )


_SETTINGS = ("recipe", "precision")


def _parts(store: PixelStore, watched: Watched) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each part by name: how many pictures, a digest of them and their labels in order, and the mark of each file."""
    names = [os.fsencode(name) for name in store.dataset.class_names]
    first, named = 0, len(store) <= MOST_NAMED
    for part, count in watched.sizes or (("the folder", len(store)),):
        rows = range(first, first + count)
        entries = (store.digests[row] + names[store.dataset.labels[row]] for row in rows)
        files = {store.dataset.name(row): store.digests[row][:8].hex() for row in rows} if named else {}
        yield part, {"pictures": count, "digest": _digest(entries), "files": files}
        first += count


def _digest(entries: Sequence[bytes] | Iterator[bytes]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for entry in entries:
        found.update(len(entry).to_bytes(8, "little") + entry)
    return found.hexdigest()


def _changed_pictures(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One clause if the parts do not hold the same pictures in the same order, with what explains it.

    What they are called changes nothing by itself.
    """
    if before["classes"] != now["classes"]:
        return [f"the classes were {', '.join(before['classes'])} and are {', '.join(now['classes'])}"]
    had, has = before["parts"], now["parts"]
    names = [*had, *(name for name in has if name not in had)]
    differ = [name for name in names if had.get(name, {}).get("digest") != has.get(name, {}).get("digest")]
    if not differ:
        return []
    counts = [(name, _count(has, name) - _count(had, name)) for name in names]
    found = [f"{name} has {counted(abs(more), 'picture')} {'more' if more > 0 else 'fewer'}" for name, more in counts]
    found = [clause for clause, (_, more) in zip(found, counts, strict=True) if more]
    found += _changed_files(_files(had), _files(has))
    if not found:
        found = [f"{' and '.join(differ)}: other pictures, other labels or another order"]
    return [f"the pictures or their classes are not the same ({'; '.join(found)})"]


def _changed_files(had: Mapping[str, tuple[str, str]], has: Mapping[str, tuple[str, str]]) -> list[str]:
    """What became of files, each a pair of its part and its mark; empty where either side has no names.

    Where pictures are lost or new the others may be divided anew, which follows from it and is left out.
    """
    if not (had and has):
        return []
    lost, new = [name for name in had if name not in has], [name for name in has if name not in had]
    called = {has[name][1]: name for name in new}
    renamed = {name: called[had[name][1]] for name in lost if had[name][1] in called}
    kinds = {
        "gone": [name for name in lost if name not in renamed],
        "new": [name for name in new if name not in renamed.values()],
        "renamed": [f"{name} to {other}" for name, other in renamed.items()],
        "altered": [name for name in had if name in has and had[name][1] != has[name][1]],
    }
    if not any(kinds.values()):
        moved = [name for name in had if had[name][0] != has[name][0]]
        kinds["moved"] = [f"{name} from {had[name][0]} to {has[name][0]}" for name in moved]
    return [f"{kind}: {_first(names)}" for kind, names in kinds.items() if names]


def _count(parts: Mapping[str, Any], name: str) -> int:
    return int(parts[name]["pictures"]) if name in parts else 0


def _files(parts: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {name: (part, mark) for part, each in parts.items() for name, mark in each["files"].items()}


def _first(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
