"""The house around the package: files of a readable size, pins without registries, a wheel that is complete."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from sharing import EACH, processes

from fieldguide.parallel import core_count

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted((REPOSITORY / "src").rglob("*.py"))
LOCKS = (REPOSITORY / "requirements.lock", REPOSITORY / "requirements-dev.lock")
LONGEST_FILE = 400  # lines; most are far shorter
WHEEL_BYTES = 20_000_000


def pins(lock: Path) -> dict[str, str]:
    """`name ; marker` -> version."""
    found = re.findall(r"^([a-z0-9-]+)==(\S+)( ;[^\\]*)?", lock.read_text(), flags=re.MULTILINE)
    return {name + marker.rstrip(): version for name, version, marker in found}


def test_no_source_file_is_too_long() -> None:
    lines = {path.name: path.read_text().count("\n") for path in SOURCES}
    assert lines, "no sources found"
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_nothing_is_marked_unfinished() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [path.name for path in SOURCES if unfinished.search(path.read_text())] == []


def test_no_source_names_a_place_on_a_machine() -> None:
    places = re.compile(r"""["'\s(](/(home|root|Users|work|opt|tmp)/|[A-Z]:\\)""")
    assert places.search('open("/home/ada/photos")'), "the pattern finds nothing"
    texts = [*SOURCES, *(REPOSITORY / "scripts").rglob("*"), REPOSITORY / "Makefile"]
    assert [
        path.name for path in texts if path.is_file() and path.suffix != ".pyc" and places.search(path.read_text())
    ] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_registry_and_hashes_every_pin(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|--(index|extra-index|find-links|trusted)|\.(com|org|net|io)\b|[/\\]\w+/", text)
    requirements = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(requirements) > 40
    assert [entry.splitlines()[0] for entry in requirements if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_development_lock_holds_the_other() -> None:
    assert pins(LOCKS[0]).items() <= pins(LOCKS[1]).items()


def test_every_dependency_is_pinned() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, flags=re.MULTILINE | re.DOTALL)
    assert block
    names = re.findall(r'^  "([A-Za-z0-9-]+)', block.group(1), flags=re.MULTILINE)
    pinned = {re.split(r"[ ;]", name)[0] for name in pins(LOCKS[0])}
    assert names
    assert set(names) <= pinned


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return folder


def test_the_wheel_is_small_and_complete(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.stat().st_size < WHEEL_BYTES
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        notice = next(name for name in names if name.endswith(".dist-info/licenses/NOTICE"))
        assert file.read(notice) == (REPOSITORY / "NOTICE").read_bytes()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {"fieldguide/py.typed", "fieldguide/data/archives/horses_or_humans.zip"} <= names
    assert "fieldguide/model/weights/lite0.npz" in names
    sources = {path.relative_to(REPOSITORY / "src").as_posix() for path in SOURCES}
    assert sources <= names
    assert {name for name in names if not name.startswith("fieldguide")} == set()


def test_the_source_archive_can_be_tested_and_built(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.split("/", 1)[1] for name in file.getnames()}
    needed = {"Makefile", "requirements.lock", "requirements-dev.lock", "scripts/make_venv.py", "tests/conftest.py"}
    assert needed | {"pyproject.toml", "NOTICE", "LICENSE", "src/fieldguide/__init__.py"} <= names


@pytest.mark.parametrize(
    ("cores", "memory", "expected"),
    [
        (2, 100 * EACH, 2),
        (16, 3 * EACH + 1, 3),
        (4, EACH - 1, 1),
        (1, 100 * EACH, 1),
        (64, 100 * EACH, 8),
        (1, None, 1),
        (16, None, 2),
    ],
)
def test_the_tests_are_shared_out_by_cores_and_memory(cores: int, memory: int | None, expected: int) -> None:
    assert processes(cores, memory) == expected


def test_auto_stands_for_that_many(pytestconfig: pytest.Config) -> None:
    if not pytestconfig.pluginmanager.hasplugin("xdist"):
        pytest.skip("pytest-xdist is switched off")
    found = pytestconfig.hook.pytest_xdist_auto_num_workers(config=pytestconfig)
    assert processes(core_count(), 0) <= found <= processes(core_count(), 100 * EACH)
