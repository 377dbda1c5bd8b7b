"""Makes the virtual environment that `make` works in, with the standard library only.

    python3 scripts/make_venv.py run    what running fieldguide needs
    python3 scripts/make_venv.py dev    and what its tests and checks need

Installs the pinned, hashed requirements and then this checkout, editable. A fingerprint of what was installed lies
in the environment, so a second call returns at once and a changed lock, pyproject.toml or moved checkout is noticed.
Its syntax is that of Python 3.6, so that an old python3 hears what is missing, not a SyntaxError.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}  # each holds all of the one before
OLDEST, NEWEST = (3, 10), (3, 13)
NEEDED_BYTES = {"run": 3_000_000_000, "dev": 3_500_000_000}  # the environment and pip's own copies while it installs


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the virtual environment that `make` works in.")
    parser.add_argument("level", choices=tuple(LOCKS))
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    options = parser.parse_args()
    folder = options.venv.absolute()
    try:
        if installed(folder).get(options.level) != fingerprint(options.level):
            make(folder, options.level)
    except SetupError as error:
        print(f"\nsetup: {error}", file=sys.stderr)
        return 2
    return 0


class SetupError(Exception):
    """Why the environment cannot be made, and what to do about it."""


def fingerprint(level: str) -> str:
    """What the environment is made from: the pins, the package's metadata, and where the checkout lies."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in (LOCKS[level], "pyproject.toml", "src/fieldguide/version.py"):
        digest.update(b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()


def installed(folder: Path) -> dict:
    """The fingerprints that an earlier call left, by level; none where the environment does not start."""
    try:
        record = json.loads((folder / "made-from.json").read_text())
    except (OSError, ValueError):
        return {}
    return record if version_of(python_in(folder)) else {}


def make(folder: Path, level: str) -> None:
    """Create the environment where there is none, install the pins, then this checkout."""
    refuse_what_cannot_work(folder, level)
    began = time.monotonic()
    python = python_in(folder)
    record = folder / "made-from.json"
    if not usable(version_of(python)):
        chosen = find_python()
        print(f"Making {folder.name} with Python {version_of(chosen)} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted call or another Python left
        folder.mkdir(parents=True)
        record.write_text("{}\n")
        call([chosen, "-m", "venv", str(folder)], "the virtual environment could not be made (see above).")

    lock = ROOT / LOCKS[level]
    count = lock.read_text().count("==")
    print(f"Installing about {count} pinned packages (TensorFlow is the large one; the first time takes minutes) ...")
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    call(
        [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)],
        "installing failed (see above). If the network broke off, run the same command again.",
    )
    print("Installing fieldguide itself ...", flush=True)
    call(
        [*pip, "--quiet", "--no-index", "--no-build-isolation", "--editable", str(ROOT)],
        "installing this checkout failed (see above).",
    )

    levels = list(LOCKS)[: list(LOCKS).index(level) + 1]
    record.write_text(json.dumps({name: fingerprint(name) for name in levels}, indent=2) + "\n")
    print(f"Ready after {time.monotonic() - began:.0f} s: {folder}", flush=True)


def refuse_what_cannot_work(folder: Path, level: str) -> None:
    """Say what is wrong with this machine before anything slow begins."""
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise SetupError("TensorFlow publishes no build for Intel Macs any more; use Apple silicon or Linux.")
    if folder.exists() and not (folder / "made-from.json").exists():
        raise SetupError(f"{folder} is there and not made by this script: delete it, or set VENV=another-folder.")
    parent = next(place for place in folder.parents if place.exists())
    free = shutil.disk_usage(parent).free
    if not folder.exists() and free < NEEDED_BYTES[level]:
        raise SetupError(
            f"{parent} has {free / 1e9:.1f} GB free, setting up needs {NEEDED_BYTES[level] / 1e9:.1f} GB. "
            "Free some space, or set VENV=/another/disk/venv."
        )


def find_python() -> str:
    """The first interpreter with a version that fits: the one running this, else python3.13 to python3.10 on PATH."""
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = [sys.executable, *filter(None, map(shutil.which, names))]
    fitting = [python for python in found if usable(version_of(python))]
    if not fitting:
        raise SetupError(
            f"this is Python {platform.python_version()}, fieldguide needs 3.{OLDEST[1]} to 3.{NEWEST[1]}. "
            "Install one of them, or name it: make PYTHON=/path/to/python3.12 ..."
        )
    for python in fitting:
        complete = subprocess.run([python, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL, check=False)
        if complete.returncode == 0:
            return python
    short = ".".join(version_of(fitting[0]).split(".")[:2])
    raise SetupError(
        f"Python {short} comes without its venv module. On Debian and Ubuntu: "
        f"sudo apt install python{short}-venv; then run the same command again."
    )


def usable(version: str) -> bool:
    return bool(version) and OLDEST <= tuple(map(int, version.split(".")[:2])) <= NEWEST


def version_of(python: str) -> str:
    """The version of an interpreter, such as 3.12.1; empty where it does not start."""
    code = "import platform; print(platform.python_version())"
    try:
        answer = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.decode().strip()


def python_in(folder: Path) -> str:
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def call(command: list, trouble: str) -> None:
    if subprocess.run(command, cwd=str(ROOT), check=False).returncode != 0:
        raise SetupError(trouble)


if __name__ == "__main__":
    sys.exit(main())
