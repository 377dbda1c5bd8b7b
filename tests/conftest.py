"""What every test shares: a cache of its own, the network off, and the folder of real pictures when there is one."""

from __future__ import annotations

import os
import shutil
import socket
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import privileges
import pytest
from sharing import processes

from fieldguide.memory import memory_left
from fieldguide.parallel import core_count

if TYPE_CHECKING:
    from fieldguide.job import Outcome

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` stands for. Each process has fixtures, temporary folders and caches of its own."""
    return processes(core_count(), memory_left())


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real picture sets named by FIELDGUIDE_TEST_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get("FIELDGUIDE_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real pictures at {folder}: set FIELDGUIDE_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def sample_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample pictures inside the package, unpacked: `train/` and `validation/` above two class folders."""
    from fieldguide.data import samples

    return samples.unpack("horses_or_humans", tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def small_photos(sample_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two class folders with 30 real pictures each, and beside them a file that is cut short."""
    folder = tmp_path_factory.mktemp("small") / "photos"
    for name in ("horses", "humans"):
        (folder / name).mkdir(parents=True)
        whole = sorted(path for path in (sample_photos / "train" / name).iterdir() if path.stem[-1].isdigit())[::5][:30]
        for path in whole:
            shutil.copy2(path, folder / name)
    shutil.copy2(sample_photos / "train" / "horses" / "horse-truncated.jpg", folder / "horses")
    return folder


@pytest.fixture(scope="session")
def small_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache that `small_job` has filled; a test may set FIELDGUIDE_CACHE to it."""
    return tmp_path_factory.mktemp("small-cache")


@pytest.fixture(scope="session")
def small_job(small_photos: Path, small_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The main job, done once on `small_photos` for all tests that look at what it left."""
    from fieldguide.job import run_job

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        patch.setenv("FIELDGUIDE_CACHE", str(small_cache))
        return run_job(small_photos, folder=tmp_path_factory.mktemp("job") / "run", test=0.25)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder for this test alone, so that no test sees what another one kept."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FIELDGUIDE_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to open a connection to another machine fails the test."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: object) -> None:
        if self.family == socket.AF_UNIX or (isinstance(address, tuple) and address[0] in {"127.0.0.1", "::1"}):
            connect(self, address)  # type: ignore[arg-type]
            return
        raise AssertionError(f"a test tried to reach the network: {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def bound_by_permissions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Permissions bind the test, also where the superuser runs it; skips where they cannot."""
    path = tmp_path_factory.mktemp("permissions") / "closed"
    path.touch(mode=0)
    with privileges.bound():
        with suppress(PermissionError):
            path.read_bytes()  # os.access asks for the real user
            pytest.skip("permissions do not bind this user, and its privileges cannot be laid down")
        yield
