"""The model file: what Keras writes is read back without Keras, and what is damaged or foreign is refused by name."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import changed

from fieldguide.data import decode
from fieldguide.errors import FieldguideError, FileError, ModelError
from fieldguide.job import Outcome
from fieldguide.model import archive
from fieldguide.model.lite0 import read_weights as bundled_weights
from fieldguide.model.loading import load
from fieldguide.model.nets import Net
from fieldguide.model.note import FORMAT, checked
from fieldguide.model.trunk import Trunk

# Keras 3.15 reads its variables in a way that NumPy 2.4 warns of; only Keras can mend that.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

GOOD: dict[str, Any] = {
    "format": FORMAT,
    "class_names": ["cats", "dogs"],
    "target_size": [224, 224],
    "resize": "crop",
    "trunk": Trunk().to_dict(),
    "net": None,
    "tuned": False,
    "temperature": 1.25,
    "decoder": decode.DECODER_VERSION,
    "fieldguide": "0.1.0",
    "naming": None,
    "novelty": None,
}


def noted(path: Path, fields: object) -> Path:
    """A model file that holds a note only, which is all that reading the note looks at."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(archive.NOTE, fields if isinstance(fields, (str, bytes)) else json.dumps(fields))
    return path


@pytest.fixture
def model(small_job: Outcome) -> Path:
    return small_job.folder / "model.keras"


# Whole files


def test_the_note_says_what_the_classifier_is(small_job: Outcome, model: Path) -> None:
    note = archive.read_note(model)
    classifier = small_job.run.classifier
    assert note.class_names == classifier.class_names == ("horses", "humans")
    assert note.target_size == classifier.target_size
    assert note.temperature == classifier.temperature
    assert (note.resize, note.trunk, note.tuned) == ("crop", classifier.trunk, False)


@pytest.mark.keras
def test_weights_are_those_that_keras_reads(model: Path) -> None:
    import keras

    loaded = keras.models.load_model(model)
    found = archive.read_weights(model)
    seen = 0
    for layer in loaded.layers:
        ours = [value for name, value in found.items() if name.split("/")[0] == layer.name]
        assert len(ours) == len(layer.get_weights()), layer.name
        for mine, theirs in zip(ours, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
            seen += 1
    assert seen == len(found) > 100


@pytest.mark.keras
def test_a_copy_that_keras_saved_again_is_no_longer_ours_and_says_so(model: Path, tmp_path: Path) -> None:
    import keras

    copy = tmp_path / "copy.keras"
    keras.models.load_model(model).save(copy)
    with pytest.raises(ModelError, match=r"copy\.keras was not written by fieldguide \(it holds no fieldguide\.json\)"):
        load(copy)


@pytest.mark.keras
def test_a_model_of_plain_keras_is_refused(tmp_path: Path) -> None:
    import keras

    foreign = tmp_path / "foreign.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(foreign)
    with pytest.raises(ModelError, match=r"foreign\.keras was not written by fieldguide"):
        load(foreign)


def test_reading_a_model_loads_no_keras(model: Path) -> None:
    code = (
        "import sys\nfrom fieldguide.model import archive\n"
        f"archive.read_note({str(model)!r}); archive.read_weights({str(model)!r})\n"
        "print([name for name in ('keras', 'tensorflow', 'jax', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Notes that are not


def test_a_good_note_is_taken(tmp_path: Path) -> None:
    assert archive.read_note(noted(tmp_path / "good.keras", GOOD)).class_names == ("cats", "dogs")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("class_names", None),
        ("class_names", "cats"),
        ("class_names", ["cats"]),
        ("class_names", ["cats", 3]),
        ("class_names", ["cats", "cats"]),
        ("target_size", None),
        ("target_size", 224),
        ("target_size", [224]),
        ("target_size", [224, 224, 3]),
        ("target_size", [224.0, 224]),
        ("target_size", [31, 224]),
        ("target_size", [224, 1_000_000]),
        ("target_size", ["224", 224]),
        ("target_size", [True, True]),
        ("resize", None),
        ("resize", "stretch"),
        ("resize", ["crop"]),
        ("resize", {}),
        ("trunk", None),
        ("trunk", "efficientnet_lite0"),
        ("trunk", {**Trunk().to_dict(), "backbone": "resnet9"}),
        ("trunk", {**Trunk().to_dict(), "backbone": ["efficientnet_lite0"]}),
        ("trunk", {**Trunk().to_dict(), "cut": "block9"}),
        ("trunk", {**Trunk().to_dict(), "cut": 5}),
        ("trunk", {**Trunk().to_dict(), "taps": ["block5c_add", "block3b_add"]}),
        ("trunk", {**Trunk().to_dict(), "taps": "block5c_add"}),
        ("trunk", {**Trunk().to_dict(), "pooling": None}),
        ("net", {}),
        ("net", "classic"),
        ("net", Net("classic", target_size=(224, 224)).to_dict()),  # there can be only one network
        ("tuned", None),
        ("tuned", "no"),
        ("temperature", None),
        ("temperature", "1"),
        ("temperature", 0.0),
        ("temperature", -1.5),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", 10**400),
        ("temperature", True),
        ("decoder", None),
        ("decoder", "one"),
    ],
)
def test_a_note_that_makes_no_sense_is_refused(field: str, value: object, tmp_path: Path) -> None:
    path = noted(tmp_path / "odd.keras", {**GOOD, field: value})
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: what its note says makes no sense"):
        archive.read_note(path)
    without = {name: good for name, good in GOOD.items() if name != field}
    with pytest.raises(ModelError, match=r"odd\.keras is damaged"):
        archive.read_note(noted(path, without))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b'"text"', b"[" * 100_000, b'{"format": ' + b"1" * 5000 + b"}"],
    ids=["empty", "torn", "bytes", "list", "null", "text", "deep", "long number"],
)
def test_a_note_that_is_no_object_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"odd\.keras"):
        archive.read_note(noted(tmp_path / "odd.keras", content))


def test_a_newer_format_says_to_upgrade(tmp_path: Path) -> None:
    path = noted(tmp_path / "new.keras", {**GOOD, "format": FORMAT + 1, "fieldguide": "9.1", "resize": "warp"})
    with pytest.raises(
        ModelError,
        match=r"new\.keras has format 6, written by fieldguide '9\.1'.*reads formats 2 to 5.*upgrade fieldguide",
    ):
        archive.read_note(path)


def test_pictures_read_in_another_way_are_told_of(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_later(members: dict[str, bytes]) -> None:
        members[archive.NOTE] = json.dumps({**json.loads(members[archive.NOTE]), "decoder": 99}).encode()

    with pytest.raises(ModelError, match=r"newer\.keras was trained .* version 99 of the picture reader.*: upgrade"):
        load(changed(model, tmp_path / "newer.keras", read_later))
    was = decode.DECODER_VERSION
    monkeypatch.setattr(decode, "DECODER_VERSION", 77)
    expected = f"version {was} of the picture reader, and this is version 77.*measure again"
    with pytest.warns(UserWarning, match=expected):
        load(model)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_file_of_a_format_before_is_still_read(number: int, model: Path, tmp_path: Path) -> None:
    def written_before(members: dict[str, bytes]) -> None:
        fields = {**json.loads(members[archive.NOTE]), "format": number}
        for later in ("naming", "novelty"):
            del fields[later]
        del members[archive.LEARNT]
        if number < 4:
            del fields["trunk"]
            fields["backbone"] = "efficientnet_lite0"
        if number == 2:
            assert fields.pop("net") is None
        members[archive.NOTE] = json.dumps(fields).encode()

    old = changed(model, tmp_path / "old.keras", written_before)
    assert archive.read_note(old) == replace(archive.read_note(model), naming=None, novelty=None)
    assert not load(old).replying
    np.testing.assert_array_equal(load(old).head.kernel, load(model).head.kernel)
    with pytest.raises(ModelError, match=r"older\.keras has format 1.*reads formats 2 to 5"):
        archive.read_note(noted(tmp_path / "older.keras", {**GOOD, "format": 1}))


@pytest.mark.parametrize("value", [None, "1", [1], 1.0])
def test_a_format_that_is_no_number_is_damage(value: object, tmp_path: Path) -> None:
    path = noted(tmp_path / "odd.keras", {**GOOD, "format": value})
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: its note does not say its format"):
        archive.read_note(path)


def test_a_huge_note_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(archive.NOTE, b" " * (archive.MOST_NOTE_BYTES + 1))
    assert path.stat().st_size < 100_000
    with pytest.raises(
        ModelError, match=r"huge\.keras is not usable: its fieldguide\.json would have 10,000,001 bytes"
    ):
        archive.read_note(path)


def test_a_note_that_unpacks_to_more_than_it_declares_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    size = 100_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(archive.NOTE, b" " * size)
    content = path.read_bytes()
    assert content.count(struct.pack("<I", size)) == 2  # before the content, and in the directory at the end
    path.write_bytes(content.replace(struct.pack("<I", size), struct.pack("<I", 1000)))
    with (
        memory_below(10_000_000),
        pytest.raises(ModelError, match=r"bomb\.keras is damaged: its fieldguide\.json cannot be read"),
    ):
        archive.read_note(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_note_compressed_as_no_keras_file_is_is_refused(compression: int, tmp_path: Path) -> None:
    path = tmp_path / "dense.keras"
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr(archive.NOTE, json.dumps(GOOD))
    with pytest.raises(ModelError, match=r"dense\.keras is not usable: its fieldguide\.json is compressed in a way"):
        archive.read_note(path)


@pytest.mark.parametrize(
    ("name", "size"), [("config.json", archive.MOST_CONFIG_BYTES + 1), ("model.weights.h5", 40_000_000)]
)
def test_a_huge_member_is_not_read(name: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "huge.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(archive.NOTE, json.dumps(GOOD))
        if name != "config.json":
            file.writestr("config.json", "{}")
        file.writestr(name, bytes(size))
    with pytest.raises(ModelError, match=rf"huge\.keras is not usable: its {name} would have {size:,} bytes"):
        archive.read_weights(path)


def test_a_file_that_a_zip_tool_packed_again_is_read(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "packed.keras"
    with zipfile.ZipFile(model) as file, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name in file.namelist():
            packed.writestr(name, file.read(name))
    assert copy.stat().st_size < model.stat().st_size
    assert load(copy).class_names == ("horses", "humans")


# Files that are not


@pytest.mark.parametrize(
    "content", [b"", b"no zip file at all", b"PK\x05\x06" + b"\x00" * 10], ids=["empty", "text", "torn"]
)
def test_what_is_no_zip_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.keras"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"text\.keras is damaged or no model: a \.keras file was expected"):
        load(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_file_that_is_cut_short_is_refused(share: float, model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    path = tmp_path / "short.keras"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"short\.keras is damaged or no model"):
        load(path)


def test_a_flipped_bit_in_the_weights_is_noticed(model: Path, tmp_path: Path) -> None:
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 4
    path = tmp_path / "flipped.keras"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"flipped\.keras is damaged: its model\.weights\.h5 cannot be read"):
        load(path)


def test_random_damage_is_a_model_error_and_nothing_else(tmp_path: Path) -> None:
    path = noted(tmp_path / "odd.keras", GOOD)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(bytes(content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.2 else content))
        try:
            archive.read_note(path)
        except FieldguideError as error:
            assert "odd.keras" in str(error)
            refused += 1
    assert refused > 300


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", archive.NOTE, archive.SEEN])
def test_a_member_that_is_missing_is_named(name: str, model: Path, tmp_path: Path) -> None:
    path = changed(model, tmp_path / "less.keras", lambda members: members.__delitem__(name))
    with pytest.raises(ModelError, match=rf"less\.keras .*it holds no {name}"):
        load(path)


def test_marks_that_are_cut_off_are_refused(model: Path, tmp_path: Path) -> None:
    path = changed(model, tmp_path / "cut.keras", lambda members: members.update({archive.SEEN: b"1234567"}))
    with pytest.raises(ModelError, match=r"cut\.keras is damaged: its seen\.bin is cut off"):
        load(path)


@pytest.mark.parametrize(
    "config",
    [b"{}", b'{"config": 3}', b'{"config": {"layers": [1]}}', b'{"config": {"layers": [{"class_name": "Dense"}]}}'],
)
def test_a_description_of_no_layers_is_refused(config: bytes, model: Path, tmp_path: Path) -> None:
    path = changed(model, tmp_path / "odd.keras", lambda members: members.update({"config.json": config}))
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: its weights are incomplete"):
        load(path)


def rewritten(members: dict[str, bytes], change: Callable[[h5py.File], None]) -> None:
    """Changes the weights file among the members."""
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as store:
        change(store)
    members["model.weights.h5"] = content.getvalue()


def put(store: h5py.File, path: str, value: object) -> None:
    del store[path]
    if value is not None:
        store[path] = value


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("layers/dense/vars/0", None, "its weights are incomplete"),
        ("layers/dense/vars/0", np.zeros((1280, 3), np.float32), "its layers are not those of its 2 classes"),
        ("layers/dense/vars/1", np.zeros((), np.float32), "its layers are not those of its 2 classes"),
        ("layers/dense/vars/1", np.array([np.nan], np.float32), "some of its weights are no numbers"),
        ("layers/conv2d/vars/0", np.zeros((3, 3, 3, 31), np.float32), "its layers are not those of its 2 classes"),
        ("layers/batch_normalization/vars/3", None, "its weights are incomplete"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    path: str, value: object, expected: str, model: Path, tmp_path: Path
) -> None:
    odd = changed(
        model, tmp_path / "odd.keras", lambda members: rewritten(members, lambda store: put(store, path, value))
    )
    with pytest.raises(ModelError, match=rf"odd\.keras is damaged: {expected}"):
        load(odd)


@contextmanager
def memory_below(most_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most_bytes


def test_weights_that_only_claim_to_be_huge_are_not_read(model: Path, tmp_path: Path) -> None:
    def claim(store: h5py.File) -> None:
        del store["layers/dense/vars/0"]
        store.create_dataset("layers/dense/vars/0", (1280, 100_000), np.float32)

    odd = changed(model, tmp_path / "odd.keras", lambda members: rewritten(members, claim))
    with (
        memory_below(100_000_000),
        pytest.raises(ModelError, match=r"odd\.keras is damaged: its layers are not those of its 2 classes"),
    ):
        archive.read_weights(odd)


def test_weights_that_were_never_written_are_not_taken_for_zeros(model: Path, tmp_path: Path) -> None:
    def claim(store: h5py.File) -> None:
        del store["layers/dense/vars/0"]
        store.create_dataset("layers/dense/vars/0", (1280, 1), np.float32)

    odd = changed(model, tmp_path / "odd.keras", lambda members: rewritten(members, claim))
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: its weights are incomplete"):
        load(odd)


def test_the_shapes_expected_are_those_of_the_network() -> None:
    note = {**GOOD, "class_names": list("abcde")}
    shapes = archive._shapes(checked("model.keras", note))
    assert shapes.pop("probabilities/kernel") == (1280, 5)
    assert shapes.pop("probabilities/bias") == (5,)
    assert shapes == {name: value.shape for name, value in bundled_weights().items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda layers: layers.append(layers[-1]),
        lambda layers: layers.append({"class_name": "Lambda", "config": {"name": "more"}}),
        lambda layers: layers[-1]["config"].update(name="last"),
        lambda layers: layers.pop(),
    ],
    ids=["repeated", "unknown kind", "unknown name", "missing"],
)
def test_layers_that_the_network_does_not_have_are_refused(
    change: Callable[[list[Any]], None], model: Path, tmp_path: Path
) -> None:
    def edit(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        change(config["config"]["layers"])
        members["config.json"] = json.dumps(config).encode()
        # What a repeated layer would be read from.
        rewritten(members, lambda store: store.copy("layers/dense", "layers/dense_1"))

    odd = changed(model, tmp_path / "odd.keras", edit)
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: its layers are not those of its 2 classes"):
        load(odd)


# Weights that lie elsewhere: each would be read, from any file that the reader may read


KERNEL = "layers/dense/vars/0"


def by_soft_link(store: h5py.File, _: Path) -> None:
    store.move(KERNEL, "elsewhere")
    store[KERNEL] = h5py.SoftLink("/elsewhere")


def by_external_link(store: h5py.File, other: Path) -> None:
    del store[KERNEL]
    store[KERNEL] = h5py.ExternalLink(str(other), "/kernel")


def by_external_link_to_a_group(store: h5py.File, other: Path) -> None:
    del store["layers/dense"]
    store["layers/dense"] = h5py.ExternalLink(str(other), "/dense")


def by_external_storage(store: h5py.File, other: Path) -> None:
    del store[KERNEL]
    store.create_dataset(KERNEL, (1280, 1), np.float32, external=[(str(other), 0, 5120)])


def by_virtual_dataset(store: h5py.File, other: Path) -> None:
    del store[KERNEL]
    layout = h5py.VirtualLayout((1280, 1), np.float32)
    layout[:] = h5py.VirtualSource(str(other), "kernel", (1280, 1))
    store.create_virtual_dataset(KERNEL, layout)


def by_compressed_chunks(store: h5py.File, _: Path) -> None:
    del store[KERNEL]
    store.create_dataset(
        KERNEL, data=np.zeros((1280, 1), np.float32), chunks=(1280, 100), maxshape=(None, None), compression="gzip"
    )


def by_text(store: h5py.File, _: Path) -> None:
    del store[KERNEL]
    store[KERNEL] = np.full((1280, 1), "1", "S4")


@pytest.mark.parametrize(
    "lead",
    [
        by_soft_link,
        by_external_link,
        by_external_link_to_a_group,
        by_external_storage,
        by_virtual_dataset,
        by_compressed_chunks,
        by_text,
    ],
)
def test_weights_are_plain_numbers_inside_the_file_or_refused(
    lead: Callable[[h5py.File, Path], None], model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "private.h5"
    with h5py.File(other, "w") as store:
        store["kernel"] = store["dense/vars/0"] = np.zeros((1280, 1), np.float32)
        store["dense/vars/1"] = np.zeros(1, np.float32)
    odd = changed(model, tmp_path / "odd.keras", lambda members: rewritten(members, lambda store: lead(store, other)))
    with pytest.raises(
        ModelError, match=r"odd\.keras is not usable: its layers/dense/vars/0 is not plain numbers inside the file"
    ):
        load(odd)


def test_more_classes_than_the_last_layer_has_are_refused(model: Path, tmp_path: Path) -> None:
    note = {**GOOD, "class_names": ["cats", "dogs", "foxes"]}
    path = changed(
        model, tmp_path / "odd.keras", lambda members: members.update({archive.NOTE: json.dumps(note).encode()})
    )
    with pytest.raises(ModelError, match=r"odd\.keras is damaged: its layers are not those of its 3 classes"):
        load(path)


# Places


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"there is no model at .*missing\.keras: name a run folder"):
        load(tmp_path / "missing.keras")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are a thing of Unix")
def test_a_pipe_is_refused_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(FileError, match=r"pipe\.keras is a device or a pipe"):
        load(tmp_path / "pipe.keras")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model\.keras: name a run folder that `fieldguide train` finished"):
        load(tmp_path)


def test_a_name_too_long_for_the_disk_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the name is too long"):
        load(tmp_path / ("m" * 300 + ".keras"))


@pytest.mark.keras
def test_a_model_that_cannot_be_written_leaves_nothing(small_job: Outcome, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError, match=r"cannot write .*model\.keras"):
        small_job.run.classifier.save(tmp_path / "file" / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
