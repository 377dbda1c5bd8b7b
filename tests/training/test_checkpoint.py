"""A checkpoint is whole or not there, gives back what was written, and says what is wrong with it."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldguide import files
from fieldguide.errors import FileError, ModelError
from fieldguide.training.checkpoint import FOLDER, LAST, Checkpoint, changes, read, room, tidy, write
from fieldguide.training.record import Epoch, Schedule
from fieldguide.training.stopping import Progress


def checkpoint(epoch: int = 2) -> Checkpoint:
    rng = np.random.default_rng(epoch)
    done = [
        Epoch("scratch", n, 0.5, 0.7, 0.6, 0.65, n=200, val_n=50, fitted_loss=0.8, rate=1e-3)
        for n in range(1, epoch + 1)
    ]
    arrays = {"weights/0": rng.normal(size=(3, 3)).astype(np.float32), "steps": np.array(14 * epoch)}
    return Checkpoint(
        epochs=tuple(done),
        schedules=(Schedule(0, 5), Schedule(1, 3)),
        progress=Progress(best=0.6, best_epoch=1, waited=1),
        ended="",
        seconds=1.25,
        settings={"recipe": {"seed": 3, "net": {"size": "tiny"}}, "pictures": "ab12"},
        arrays=arrays,
        kept={"weights/0": arrays["weights/0"] + 1},
    )


def same(one: Checkpoint, other: Checkpoint) -> bool:
    plain = all(
        getattr(one, name) == getattr(other, name)
        for name in ("epochs", "schedules", "progress", "ended", "seconds", "settings")
    )
    arrays = all(
        set(mine) == set(theirs) and all(np.array_equal(mine[name], theirs[name]) for name in mine)
        for mine, theirs in ((one.arrays, other.arrays), (one.kept, other.kept))
    )
    return plain and arrays


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    write(tmp_path, checkpoint())
    assert same(read(tmp_path), checkpoint())
    assert read(tmp_path).epoch == 2


def test_the_next_one_takes_its_place_and_leaves_nothing_else(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        write(tmp_path, checkpoint(epoch))
    assert read(tmp_path).epoch == 3
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [LAST]


def test_a_write_that_fails_half_way_leaves_the_last_one_whole(tmp_path: Path) -> None:
    write(tmp_path, checkpoint(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # bytes, beyond which no file may grow
    try:
        with pytest.raises(FileError, match="cannot write"):
            write(tmp_path, checkpoint(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert same(read(tmp_path), checkpoint(1))
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [LAST]


def test_no_checkpoint_is_an_error_that_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no checkpoint to go on from"):
        read(tmp_path)


@pytest.mark.parametrize("kept", [0, 1, 0.5, 0.9, 0.999])
def test_one_that_is_cut_off_is_named_as_damaged(tmp_path: Path, kept: float) -> None:
    path = write(tmp_path, checkpoint())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept) if kept >= 1 else int(kept * len(content))])
    with pytest.raises(ModelError, match="is damaged: train again in a new folder"):
        read(tmp_path)


def test_flipped_bytes_do_not_pass_for_weights(tmp_path: Path) -> None:
    path = write(tmp_path, checkpoint())
    content = bytearray(path.read_bytes())
    place = content.index(checkpoint().arrays["weights/0"].tobytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged"):
        read(tmp_path)


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, checkpoint())
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    state = json.loads(arrays["state"].tobytes())
    state["format"] = 99
    arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    with files.atomic(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **arrays)
    with pytest.raises(ModelError, match="has format 99"):
        read(tmp_path)


def test_an_older_format_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, checkpoint())
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["state"] = np.frombuffer(json.dumps({"format": 1, "settings": {"pictures": "ab12"}}).encode(), np.uint8)
    with path.open("wb") as handle:
        np.savez(handle, **arrays)
    with pytest.raises(ModelError, match="has format 1; this version reads format 3: train again in a new folder"):
        read(tmp_path)


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    tidy(tmp_path)  # where nothing was written yet, there is nothing to do
    path = write(tmp_path, checkpoint())
    with pytest.raises(KeyboardInterrupt), files.atomic(path) as temporary:
        left = path.with_name(temporary.name)
        left.write_bytes(b"half")
        raise KeyboardInterrupt
    left.write_bytes(b"half")  # as if nothing could have been removed
    (tmp_path / FOLDER / ".notes.npz").write_bytes(b"somebody else's")
    tidy(tmp_path)
    assert sorted(each.name for each in (tmp_path / FOLDER).iterdir()) == [".notes.npz", LAST]
    assert same(read(tmp_path), checkpoint())


def test_room_is_asked_for_by_the_size_of_the_network(tmp_path: Path) -> None:
    parameters = 1_000_000
    many = {f"weights/{place}": np.zeros(parameters, np.float32) for place in range(4)}
    path = write(tmp_path, replace(checkpoint(), arrays=many, kept={"weights/0": many["weights/0"]}))
    assert 2 * path.stat().st_size < room(parameters) < 3 * path.stat().st_size


def test_what_changed_is_named_however_deep_it_lies() -> None:
    before = {"seed": 0, "net": {"size": "tiny", "l2": 0.0}, "gone": 1}
    now = {"seed": 1, "net": {"size": "small", "l2": 0.0}, "new": 2}
    assert changes(before, now) == [
        "gone was 1 and is None",
        "net: size was 'tiny' and is 'small'",
        "new was None and is 2",
        "seed was 0 and is 1",
    ]
    assert changes(before, before) == []
