"""Which heat map shows what a classifier used: the hottest fifth of each picture is blanked out, or alone left.

python benchmarks/heat_maps.py --case NAME RUN PHOTOS LAYER [--case ...] [--count 200] [--results FOLDER]

RUN is a run folder, PHOTOS holds pictures that it has not seen, LAYER is a layer of its network. For each picture the
map is that of the predicted class; pixels are blanked with the picture's mean colour. Rows of each case:

hirescam, gradcam   the two methods
other_picture       the HiResCAM map of another picture: how far looking at the middle of any photo goes
random              smooth noise of the map's resolution

`fall` is how much of the stated probability is lost when the fifth is blanked out (more is better), `changed` the share
of pictures that are then taken for another class, `kept` the probability that is stated when only that fifth is left.
`fall_beyond_...` compare row by row on the same pictures. Intervals are 95%, over pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import measure
import numpy as np

sys.path.insert(0, str(measure.REPOSITORY / "src"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import fieldguide as fg
from fieldguide.evaluation.class_maps import combined, units_and_signs
from fieldguide.evaluation.heatmaps import enlarged
from fieldguide.intervals import Estimate, bootstrap, wilson
from fieldguide.model.gradients import activation_and_gradient, unrolled

SHARE = 0.2  # of the pixels


def main() -> None:
    """Measure and write results/heat_maps.csv."""
    arguments = parse()
    packages = ["tensorflow", "keras", "numpy"]
    machine = {**measure.hardware(), "versions": measure.versions(sys.executable, packages)}
    rows = []
    for name, run, photos, layer in arguments.case:
        for row in rows_of(fg.load(run), Path(photos), layer, arguments.count):
            rows.append({"case": name, "layer": layer, **row, **machine})
            shown = {key: value for key, value in row.items() if not key.endswith(("low", "high"))}
            print(name, layer, ", ".join(f"{key} {value}" for key, value in shown.items()), flush=True)
    measure.write_csv(arguments.results / "heat_maps.csv", rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs=4, action="append", required=True, metavar=("NAME", "RUN", "PHOTOS", "LAYER"))
    parser.add_argument("--count", type=int, default=200, help="pictures of each case, at the most")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    return parser.parse_args()


def rows_of(guide: fg.Classifier, photos: Path, layer: str, count: int) -> list[dict[str, object]]:
    """The figures of each kind of map for one classifier and layer."""
    pixels = read(guide, photos, count)
    stated = guide.probabilities(pixels)
    labels, places = stated.argmax(axis=1), np.arange(len(pixels))
    flat = unrolled(guide.keras_model)
    units, signs = units_and_signs(labels, len(pixels), flat.logits.shape[-1])
    found = activation_and_gradient(flat, pixels, layer=layer, output=units)
    maps = {method: signs[:, None, None] * combined(*found, method=method) for method in ("hirescam", "gradcam")}
    maps["other_picture"] = np.roll(maps["hirescam"], 1, axis=0)  # the order of the pictures is random
    maps["random"] = np.random.default_rng(1).normal(size=maps["hirescam"].shape).astype(np.float32)

    def probabilities(method: str, blank_hottest: bool) -> np.ndarray:
        changed = [blanked(one, heat, blank_hottest) for one, heat in zip(pixels, maps[method], strict=True)]
        return guide.probabilities(np.stack(changed))

    falls, result = {}, []
    for method in maps:
        without, only = probabilities(method, True), probabilities(method, False)
        falls[method] = (stated - without)[places, labels]
        changed = wilson(int((without.argmax(axis=1) != labels).sum()), len(labels))
        figures = {"fall": mean(falls[method]), "changed": changed, "kept": mean(only[places, labels])}
        result.append((method, figures))
    rows: list[dict[str, object]] = []
    for method, figures in result:
        for other in ("gradcam", "random"):
            figures[f"fall_beyond_{other}"] = mean(falls[method] - falls[other])
        row: dict[str, object] = {"map": method, "places": "x".join(map(str, maps[method].shape[1:]))}
        for name, figure in figures.items():
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        rows.append({**row, "pictures": len(pixels)})
    return rows


def read(guide: fg.Classifier, photos: Path, count: int) -> np.ndarray:
    """Pictures drawn with a seed, at the classifier's size: uint8 (n, height, width, 3)."""
    data = fg.Dataset.from_directory(photos)
    rows = np.random.default_rng(0).permutation(len(data))[:count]
    wanted = np.zeros(len(data), bool)
    wanted[rows] = True
    store = fg.PixelStore.build(data.select(wanted), target_size=guide.target_size, resize=guide.resize)
    return store.read(np.random.default_rng(0).permutation(len(store)))


def blanked(pixels: np.ndarray, heat: np.ndarray, hottest: bool) -> np.ndarray:
    """The picture with the hottest fifth of its pixels in its mean colour, or all the others."""
    large = enlarged(heat, pixels.shape[:2])
    inside = large >= np.quantile(large, 1 - SHARE)
    result = pixels.copy()
    result[inside if hottest else ~inside] = pixels.mean(axis=(0, 1)).round()
    return result


def mean(values: np.ndarray) -> Estimate:
    """The mean with its interval."""
    return bootstrap(lambda rows: float(values[rows].mean()), len(values))


if __name__ == "__main__":
    main()
