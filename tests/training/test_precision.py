"""Half precision is taken where the hardware gains by it, and what was asked for is taken as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldguide.parallel import core_count
from fieldguide.training.precision import accelerated, chosen_precision, has_instructions, threads


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 sse", True),
        ("flags : amx_bf16", True),
        ("flags : avx512f avx512_vnni", False),
        ("model name : avx512_bf16 is only its name\nflags : avx2", False),
        ("", False),
    ],
)
def test_the_processors_flags_are_read(tmp_path: Path, flags: str, expected: bool) -> None:
    description = tmp_path / "cpuinfo"
    description.write_text(f"processor : 0\n{flags}\n", encoding="utf-8")
    assert has_instructions(description) is expected


def test_a_system_that_does_not_say_has_none(tmp_path: Path) -> None:
    assert not has_instructions(tmp_path / "none")


@pytest.mark.parametrize(
    ("asked", "policy"),
    [("float32", "float32"), ("bfloat16", "mixed_bfloat16"), ("float16", "mixed_float16")],
)
def test_what_is_asked_for_is_taken(asked: str, policy: str) -> None:
    assert chosen_precision(asked) == policy


@pytest.mark.keras
def test_on_a_processor_auto_depends_on_backend_and_instructions() -> None:
    import keras

    quick = keras.backend.backend() == "tensorflow" and has_instructions()
    assert chosen_precision("auto") == ("mixed_bfloat16" if quick else "float32")


@pytest.mark.keras
def test_the_threads_are_those_that_the_backend_was_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    if accelerated():
        assert threads() is None
        return
    told = {"tensorflow": "TF_NUM_INTRAOP_THREADS", "jax": "NPROC", "torch": "OMP_NUM_THREADS"}
    for name in told.values():
        monkeypatch.delenv(name, raising=False)
    assert threads() == core_count()
    for name in told.values():
        monkeypatch.setenv(name, "5")
        assert threads() == (5 if told[keras.backend.backend()] == name else core_count())
        monkeypatch.delenv(name)
    for text in ("0", "", "many"):
        monkeypatch.setenv(told[keras.backend.backend()], text)
        assert threads() == core_count()
