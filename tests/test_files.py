"""Files that are whole or not there, and disk errors in plain words."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fieldguide import files
from fieldguide.errors import FieldguideError, FileError

LONG = "x" * 300  # longer than a file name may be


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "card.json"
    with files.atomic(target) as temporary:
        temporary.write_text("{}")
        assert temporary.parent == target.parent
        assert temporary.suffix == ".json"
        assert not target.exists()
    assert target.read_text() == "{}"
    assert [path.name for path in target.parent.iterdir()] == ["card.json"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "card.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), files.atomic(target) as temporary:
        temporary.write_text("half of the ne")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "card.json"
    target.write_text("old")
    code = (
        "import sys, time; from pathlib import Path; from fieldguide import files\n"
        "with files.atomic(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); print('begun', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        writer.send_signal(signal.SIGKILL)
    assert target.read_text() == "old"


def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path: Path) -> None:
    name = "é" * 125 + ".json"  # 255 bytes
    files.write_text(tmp_path / name, "whole")
    assert (tmp_path / name).read_text() == "whole"


def test_text_is_utf_8_with_unix_lines_and_odd_bytes_as_escapes(tmp_path: Path) -> None:
    files.write_text(tmp_path / "list.csv", "höhe\nb" + os.fsdecode(b"\xff") + "d\n")
    assert (tmp_path / "list.csv").read_bytes() == "höhe\nb\\udcffd\n".encode()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (LONG, "the name is too long: choose a shorter one"),
        ("file/note.txt", "a file stands where a folder was expected: name another place"),
        ("file/below/note.txt", "a part of the path is a file, not a folder: check the spelling"),
        ("loop/below/note.txt", "it is a loop of symbolic links: name the real folder"),
        ("folder", "it is a folder, and a file was expected"),
    ],
)
def test_what_cannot_be_written_is_named_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileError) as caught:
        files.write_text(tmp_path / name, "text")
    assert str(caught.value) == f"cannot write {tmp_path / name}: {reason}."
    with pytest.raises(FileError, match=f"^cannot write {tmp_path / name}: "):
        files.require_file(tmp_path / name)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, FieldguideError)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["new.svg", "deep/down/new.svg", "old.svg", "link.svg"])
def test_a_file_that_can_be_written_is_tried_without_a_trace(tmp_path: Path, name: str) -> None:
    (tmp_path / "old.svg").write_text("old")
    (tmp_path / "link.svg").symlink_to("old.svg")
    before = sorted(tmp_path.iterdir())
    assert files.require_file(tmp_path / name) == tmp_path / name
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "old.svg").read_text() == "old"


@pytest.mark.usefixtures("bound_by_permissions")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="permission is denied: change the permissions"):
        files.write_text(tmp_path / "note.txt", "text")
    for check in (files.require_writable, files.require_file):
        with pytest.raises(FileError, match="permission is denied"):
            check(tmp_path / "deep" / "down")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_called_full() -> None:
    with (
        pytest.raises(FileError, match=r"cannot write /dev/full: the disk is full: free some space"),
        files.explained("/dev/full", "write"),
        Path("/dev/full").open("wb") as handle,
    ):
        handle.write(b"some")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.ENOSPC])
def test_reasons_say_what_to_do_and_name_no_number(number: int) -> None:
    reason = files.plain_reason(OSError(number, os.strerror(number)))
    assert ": " in reason
    assert "rrno" not in reason


def test_other_reasons_are_the_systems_own() -> None:
    assert files.plain_reason(OSError(errno.EIO, "Input/output error")) == "input/output error"
    assert files.plain_reason(OSError("odd")) == "odd"


def test_an_error_that_is_explained_already_is_left_as_it_is() -> None:
    with pytest.raises(FileError, match=r"^the reason$"), files.explained("here", "write"):
        raise FileError("the reason")


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert files.require_writable(folder, 1000) == folder
    assert list(folder.iterdir()) == []


def test_a_file_is_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"file is a file; a folder was expected: name another place\.$"):
        files.require_writable(tmp_path / "file")
    with pytest.raises(FileError, match=r"cannot use the folder .*a part of the path is a file"):
        files.require_writable(tmp_path / "file" / "below")


def test_too_little_room_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"has .* free and 1000000000\.0 GB are needed: free some space"):
        files.require_writable(tmp_path, 10**18)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a disk that takes no files on Linux only")
def test_a_disk_that_takes_no_files_is_named() -> None:
    with pytest.raises(FileError, match="cannot use the folder /proc"):
        files.require_writable("/proc")


def test_the_cache_is_where_it_is_said_to_be(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.cache_folder() == own_cache
    monkeypatch.delenv("FIELDGUIDE_CACHE")
    assert "fieldguide" in str(files.cache_folder())
    assert files.cache_folder().is_absolute()


def test_the_bytes_of_a_folder_are_those_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(bytes(1000))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(24))
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    assert files.folder_bytes(tmp_path) == 1024
    assert files.folder_bytes(tmp_path / "missing") == 0


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (13_400_000, "13.4 MB"),
        (999_940, "999.9 kB"), (999_960, "1.0 MB"), (999_970_000, "1.0 GB"), (2_500_000_000_000, "2500.0 GB"),
    ],
)  # fmt: skip
def test_sizes_are_said_as_people_say_them(count: int, text: str) -> None:
    assert files.size_text(count) == text


def test_a_temporary_file_of_another_process_may_vanish_meanwhile(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; folder = Path(sys.argv[1])\n"
        "while True:\n"
        "    for n in range(50): (folder / str(n)).touch()\n"
        "    for n in range(50): (folder / str(n)).unlink()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as churn:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            assert files.folder_bytes(tmp_path) == 0
        churn.kill()
