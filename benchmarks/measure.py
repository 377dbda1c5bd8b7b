"""What a command cost (seconds, processor seconds, memory), on which machine, and how sure an accuracy is.

Shared by the benchmarks of whole runs. Standard library only: what measures must not weigh on what is measured.
"""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """What one command took, its child processes included.

    `peak_rss_mb` is the largest process's resident memory, pages of mapped files included (from `wait4`).
    `peak_private_mb` is the largest sum over the process tree of memory that is no file's (sampled; Linux only): the
    figure that says whether a machine with less memory could do it, because mapped file pages can be given back.
    Pages that forked workers share count once per process, so for those it is an upper bound.
    """

    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    peak_private_mb: float | None
    returncode: int


def run(command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """The cost of `command`, from starting its process to its end; what it prints goes to the file `log`.

    `environment` is laid over this process's own. Bytecode caches are on, as they are for people.
    """
    merged = {**os.environ, **(environment or {})}
    merged.pop("PYTHONDONTWRITEBYTECODE", None)
    with log.open("wb") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=merged)
        sampler = _MemorySampler(process.pid)
        sampler.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            raise
        finally:
            sampler.stop()
        seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return Cost(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_rss_mb=usage.ru_maxrss * unit / 1e6,
        peak_private_mb=sampler.peak_mb,
        returncode=process.returncode,
    )


class _MemorySampler(threading.Thread):
    """Sums the private memory of a process and its descendants a few times a second, from /proc."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._stopped = threading.Event()
        self.peak_mb: float | None = None

    def run(self) -> None:
        while not self._stopped.wait(0.2):
            kib = _private_kib(self._pid)
            if kib:
                self.peak_mb = max(self.peak_mb or 0.0, kib * 1024 / 1e6)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _private_kib(pid: int) -> int:
    """RssAnon + RssShmem of the process `pid` and all below it, in KiB; 0 where /proc does not say."""
    total = 0
    waiting = [pid]
    while waiting:
        folder = Path("/proc") / str(waiting.pop())
        try:
            status = (folder / "status").read_text()
            for thread in (folder / "task").iterdir():
                waiting += [int(child) for child in (thread / "children").read_text().split()]
        except (OSError, ValueError):  # it ended meanwhile, or this is no Linux
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))
    return total


def wilson(correct: int, count: int) -> tuple[float, float]:
    """The 95% interval of a proportion (Wilson, 1927); kept apart from the package's own, as a check of it."""
    z = 1.959963984540054
    share = correct / count
    centre = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - reach) / (1 + z * z / count), (centre + reach) / (1 + z * z / count)


def fieldguide_command(python: str = sys.executable) -> list[str]:
    """How to start `fieldguide`: the installed script beside `python`, or this checkout's sources."""
    script = Path(python).with_name("fieldguide")
    if script.exists():
        return [str(script)]
    return ["env", f"PYTHONPATH={REPOSITORY / 'src'}", python, "-m", "fieldguide.cli"]


def read_accuracy(run_folder: Path) -> tuple[int, int]:
    """How many of how many pictures the run that `fieldguide train` left in `run_folder` got right.

    Counted from `predictions.csv` and the folders the pictures lie in, so that it does not rest on the package's own
    scoring.
    """
    with (run_folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        right = [Path(row["file"]).parent.name == row["predicted"] for row in csv.DictReader(file)]
    return sum(right), len(right)


def read_stages(run_folder: Path) -> dict[str, float]:
    """The seconds of each stage, by the card of a run."""
    return dict(json.loads((run_folder / "card.json").read_text())["seconds"])


def hardware() -> dict[str, str]:
    """The columns that say what machine it was."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), processor)
    elif sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        processor = asked.stdout.strip() or processor
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": processor, "cores": str(cores), "ram_gib": f"{memory:.0f}", "system": platform.system()}


def versions(python: str, packages: Sequence[str]) -> str:
    """`python 3.11.9, keras 3.15.1, ...` as installed beside the interpreter `python`; absent packages are left out."""
    code = (
        "import importlib.metadata as m, json, platform, sys\n"
        "found = {d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}\n"
        "found.setdefault('tensorflow', found.get('tensorflow-cpu'))  # the same without CUDA\n"
        "named = [[name, found[name]] for name in sys.argv[1:] if found.get(name)]\n"
        "print(json.dumps([['python', platform.python_version()], *named]))"
    )
    asked = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=True)
    return ", ".join(f"{name} {version}" for name, version in json.loads(asked.stdout))


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write `rows` (all with the same keys) to `path`, whole or not at all; floats keep three decimals."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()})
    partial.replace(path)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines a command printed, to show when it failed."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
