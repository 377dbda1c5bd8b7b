"""The arithmetic that a training computes in: half precision where the hardware gains by it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from fieldguide.parallel import core_count

POLICIES: Mapping[str, str] = MappingProxyType(
    {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
)
# Processors with one of these multiply bfloat16 at about twice the rate of float32; others emulate it, slowly.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
# By which each backend is told how many threads it has. That OMP_NUM_THREADS changes nothing in TensorFlow and JAX was
# measured: the same weights to the last bit.
_THREADS: Mapping[str, str] = MappingProxyType(
    {"tensorflow": "TF_NUM_INTRAOP_THREADS", "jax": "NPROC", "torch": "OMP_NUM_THREADS"}
)
_PROCESSOR = Path("/proc/cpuinfo")


def chosen_precision(asked: str) -> str:
    """Keras's name of the policy for a recipe's precision.

    Args:
        asked: "auto", "float32", "bfloat16" or "float16". With "auto" it is bfloat16, which has the range of float32,
            on accelerators and, with TensorFlow, on processors that have instructions for it; elsewhere float32.
    """
    if asked != "auto":
        return POLICIES[asked]
    import keras

    if accelerated() or (keras.backend.backend() == "tensorflow" and has_instructions()):
        return POLICIES["bfloat16"]
    return POLICIES["float32"]


def accelerated() -> bool:
    """Whether Keras computes on something quicker than the processor."""
    import keras

    return any(not device.lower().startswith("cpu") for device in keras.distribution.list_devices())


def threads() -> int | None:
    """The threads that Keras computes on: as many as there are processors, unless its backend was told otherwise.

    None where it computes on something quicker than the processor.
    """
    if accelerated():
        return None
    import keras

    told = os.environ.get(_THREADS.get(keras.backend.backend(), ""), "")
    return int(told) if told.isdecimal() and int(told) else core_count()


def has_instructions(description: Path = _PROCESSOR) -> bool:
    """Whether the processor has instructions for bfloat16, as far as the system says; only Linux does.

    Args:
        description: the system's, with a line of flags.
    """
    try:
        lines = description.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    return any(name in flags for name in INSTRUCTIONS)
