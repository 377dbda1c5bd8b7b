"""How light fieldguide is to start and to install: `import fieldguide`, `fieldguide --help`, the wheel's size.

python benchmarks/startup.py [--runs 21]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import measure

HEAVY = ("keras", "tensorflow", "jax", "matplotlib", "scipy", "cv2", "ai_edge_litert")
LOADED = f"import sys, fieldguide; print(*(name for name in {HEAVY!r} if name in sys.modules))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21, help="how often each command runs, interleaved (default 21)")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    arguments = parser.parse_args()
    environment = {"PYTHONPATH": str(measure.REPOSITORY / "src")}
    commands = {
        "bare python": [sys.executable, "-c", "pass"],
        "import fieldguide": [sys.executable, "-c", "import fieldguide"],
        "fieldguide --help": [*measure.fieldguide_command(), "--help"],
    }
    limits = {"import fieldguide": 0.2, "fieldguide --help": 0.5}
    with tempfile.TemporaryDirectory() as folder:
        costs = time_commands(commands, arguments.runs, environment, log=Path(folder) / "log.txt")
        wheel_mb = build_wheel(Path(folder))
    loaded = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True)
    rows: list[dict[str, object]] = []
    for name, runs in costs.items():
        cpu = statistics.median(cost.cpu_seconds for cost in runs)
        wall = statistics.median(cost.seconds for cost in runs)
        rows.append(row(f"{name}: CPU seconds", cpu, limits.get(name), len(runs)))
        rows.append(row(f"{name}: seconds", wall, None, len(runs)))
    rows.append(row("wheel: MB", wheel_mb, 20.0, 1))
    rows.append(row("heavy modules loaded by import fieldguide", float(len(loaded.stdout.split())), 1.0, 1))
    for each in rows:
        print(f"{each['what']:<44}{each['value']:>8.3f}  {each['met']}")
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, ["fieldguide"])}
    measure.write_csv(arguments.results / "startup.csv", [{**each, **machine} for each in rows])


def row(what: str, value: float, limit: float | None, runs: int) -> dict[str, object]:
    """One line of the results; `limit` is what the value has to stay below."""
    met = "" if limit is None else "yes" if value < limit else "no"
    return {"what": what, "value": value, "below": limit, "met": met, "runs": runs}


def time_commands(
    commands: dict[str, list[str]], runs: int, environment: dict[str, str], *, log: Path
) -> dict[str, list[measure.Cost]]:
    """The costs of every command, run in turns after one untimed turn that compiles and reads everything once."""
    costs: dict[str, list[measure.Cost]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            cost = measure.run(command, log=log, environment=environment)
            if cost.returncode != 0:
                raise SystemExit(f"{name} ended with exit code {cost.returncode}:\n{measure.tail(log)}")
            if number:
                costs[name].append(cost)
    return costs


def build_wheel(folder: Path) -> float:
    """The size in MB of the wheel built from this checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=measure.REPOSITORY, check=True, capture_output=True)
    return next(folder.glob("*.whl")).stat().st_size / 1e6


if __name__ == "__main__":
    main()
