"""What it saves that the runs of a comparison go at once, each on a core, and not one after the other on all cores.

python benchmarks/runs_at_once.py [--rounds 3]

As many trainings as there are cores, of small classic networks on the sample pictures, are timed both ways, in turns.
What is timed is the trainings alone: every process first trains for an epoch, untimed, and all begin together. Then the
whole of `fieldguide compare --complexity` with one worker and with one for each core, from the start of the command to
its end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

EPOCHS = 5
SEEDS = 3  # of a comparison
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
GO = "go\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is timed, in turns (default 3)")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "small"], help="of the network (default tiny small)")
    parser.add_argument("--side", type=int, default=64, help="pixels of its input (default 64)")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    parser.add_argument("--worker", nargs=4, metavar=("PHOTOS", "SIZE", "RUNS", "CORE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        photos, size, runs, core = arguments.worker
        work(Path(photos), size, arguments.side, int(runs), int(core))
        return
    from fieldguide.data import samples

    cores = sorted(os.sched_getaffinity(0))
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, ["tensorflow", "keras"])}
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FIELDGUIDE_CACHE"] = str(Path(folder) / "cache")
        photos = samples.unpack("horses_or_humans", Path(folder))
        for round_number in range(1, arguments.rounds + 1):
            for size in arguments.sizes:
                for how, workers in (
                    ("one after the other", [(len(cores), -1)]),
                    ("at once", [(1, core) for core in cores]),
                ):
                    seconds, cpu_seconds = timed(photos, size, arguments.side, workers)
                    print(f"{round_number}  {size:<8}{how:<22}{seconds:>8.1f} s{cpu_seconds:>8.1f} s of processor")
                    row = {"size": size, "side": arguments.side, "runs": len(cores), "epochs": EPOCHS, "how": how}
                    rows.append(
                        {**row, "round": round_number, "seconds": seconds, "cpu_seconds": cpu_seconds, **machine}
                    )
            for count in (1, len(cores)):
                how = f"compare with {count} worker{'s' if count > 1 else ''}"
                seconds, cpu_seconds = compared(photos, arguments.side, count, Path(folder) / f"{round_number}-{count}")
                print(f"{round_number}  {'all':<8}{how:<22}{seconds:>8.1f} s{cpu_seconds:>8.1f} s of processor")
                row = {"size": "tiny to large", "side": arguments.side, "runs": 4 * SEEDS, "epochs": EPOCHS, "how": how}
                rows.append({**row, "round": round_number, "seconds": seconds, "cpu_seconds": cpu_seconds, **machine})
    measure.write_csv(arguments.results / "runs_at_once.csv", rows)


def compared(photos: Path, side: int, workers: int, output: Path) -> tuple[float, float]:
    """Seconds that `fieldguide compare --complexity` takes, and its processor seconds with all of its processes."""
    words = ["compare", str(photos), "--complexity", "--side", str(side), "--epochs", str(EPOCHS)]
    words += ["--seeds", str(SEEDS), "--workers", str(workers), "--output", str(output)]
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*measure.fieldguide_command(), *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begin, used


def timed(photos: Path, size: str, side: int, workers: list[tuple[int, int]]) -> tuple[float, float]:
    """Seconds until the last of some processes is done, and their processor seconds together.

    Args:
        photos: to train on.
        size: of the network.
        side: pixels of its input.
        workers: (runs, core) of each process; -1 is all cores.
    """
    processes = []
    for runs, core in workers:
        command = [sys.executable, __file__, "--side", str(side), "--worker", str(photos), size, str(runs), str(core)]
        source = {"PYTHONPATH": str(measure.REPOSITORY / "src")}
        environment = {**os.environ, **source, **(ONE_THREAD if core >= 0 else {})}
        processes.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                text=True,
            )
        )
    for process in processes:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("a training failed before it was timed")
    begin = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(GO)
        process.stdin.flush()
    cpu_seconds = 0.0
    for process in processes:
        assert process.stdout is not None
        cpu_seconds += float(json.loads(process.stdout.readline()))
    seconds = time.perf_counter() - begin
    for process in processes:
        process.communicate()
    return seconds, cpu_seconds


def work(photos: Path, size: str, side: int, runs: int, core: int) -> None:
    """Trains once untimed, says so, waits, trains `runs` times and says how many processor seconds it took."""
    if core >= 0:
        os.sched_setaffinity(0, {core})
    import fieldguide as fg

    parts = fg.split(fg.Dataset.from_directory(photos))
    recipe = fg.ScratchRecipe(net=fg.Net("classic", size, target_size=(side, side)), epochs=1)
    fg.train(parts, recipe=recipe)
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    for seed in range(runs):
        fg.train(parts, recipe=recipe.with_(epochs=EPOCHS, seed=seed))
    print(json.dumps(time.process_time() - before), flush=True)


if __name__ == "__main__":
    main()
