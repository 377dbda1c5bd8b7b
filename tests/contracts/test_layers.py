"""Who may import whom: only downwards, and heavy libraries only where they belong.

Every module stands in `LAYERS`; adding a module means adding it here, in the place where it belongs. Imports under
`if TYPE_CHECKING` and inside functions count like all others, except that heavy libraries may be imported there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent.parent / "src" / "fieldguide"

# number -> modules; a module may import those of lower numbers and those before it on its own line.
LAYERS: dict[int, str] = {
    0: "errors words bounds version summary files place console intervals calibration parallel memory rows cache",
    1: "data.header data.phash data.resample data.jpeg data.decode data.pillow data.tables data.table_file "
    "data.division data.columns data.skipped data.named data.table_labels data.dataset data.tagged "
    "data.labelled data.listed data.known data.soundness data.samples data.decisions data.corrections",
    2: "data.parts data.pixels data.arguments data.twins data.check data.split data.coverage data.tag_check "
    "data.tag_split",
    3: "augmentation.settings augmentation.presets augmentation.notes augmentation.affine augmentation.draws "
    "augmentation.warp augmentation.mixing augmentation.lettering augmentation.layout augmentation.sheet "
    "augmentation.sampling augmentation.layer batches answers.stated answers.quantile answers.naming "
    "answers.novelty answers.reply",
    4: "model.applications model.backbones model.lite0 model.trunk model.layers model.nets model.parameters "
    "model.writer model.graph model.net_graph model.head model.norms model.foreign model.cuts model.blueprint "
    "model.weight_files model.bases model.trunk_model model.gradients model.build model.runners model.engine "
    "model.predictions model.tag_predictions model.rules model.note model.archive model.sound model.classifier "
    "model.tag_classifier model.loading",
    5: "training.judging training.losses training.suited training.recipe training.buildable training.record "
    "training.views training.features training.embeddings training.logistic training.choose training.seen "
    "training.looking training.reading training.stores training.framing training.lessons training.dense "
    "training.layerwise training.finetune training.phases training.enlarging training.optimiser "
    "training.stopping training.checkpoint training.precision training.logs training.usual "
    "training.scratch_recipe training.learner training.watching training.origin training.scratch "
    "training.promises training.rates training.flag_names training.recipe_words training.backbone_wishes "
    "training.wishes training.arguments training.saving training.fit training.thresholds training.tag_choose "
    "training.tagging",
    6: "evaluation.suspects evaluation.suspect_table evaluation.folds evaluation.replied evaluation.metrics "
    "evaluation.doubted evaluation.explain evaluation.class_maps evaluation.heatmaps evaluation.focus "
    "evaluation.explaining evaluation.likeness evaluation.evaluate evaluation.crossvalidation "
    "evaluation.evidence evaluation.case evaluation.answering evaluation.signs evaluation.remedies "
    "evaluation.ailment evaluation.doubts evaluation.pace evaluation.collapse evaluation.fitting "
    "evaluation.ailments evaluation.shift evaluation.diagnose evaluation.tag_metrics evaluation.tag_evaluate "
    "evaluation.tag_verdict",
    7: "reporting.markup reporting.pictures reporting.overlay reporting.style reporting.svg reporting.plots "
    "reporting.doubted reporting.replied reporting.marks reporting.folds reporting.curves reporting.comparing "
    "reporting.rates reporting.card reporting.passes reporting.making reporting.diagnosis reporting.looked "
    "reporting.mistakes reporting.unsure reporting.sections reporting.page reporting.looks "
    "reporting.neighbours reporting.tag_curves reporting.tag_mistakes reporting.tag_page reporting.tag_card",
    8: "comparison.spread comparison.curve comparison.subsets comparison.pictures comparison.plan "
    "comparison.record comparison.single comparison.worker comparison.workers comparison.running "
    "comparison.point comparison.phrases comparison.guess comparison.wording comparison.advice "
    "comparison.outcome comparison.page comparison.compare rate asked resuming outcome job tag_job predict "
    "demo destination explanations neighbours chosen augment relabelling.picture relabelling.session "
    "relabelling.server relabelling.relabel preprocessing.warning preprocessing.arguments "
    "preprocessing.pictures preprocessing.transforms preprocessing.random_transforms preprocessing.listing "
    "preprocessing.table preprocessing.kept preprocessing.reader preprocessing.drawing preprocessing.standard "
    "preprocessing.notes preprocessing.transformer preprocessing.saving preprocessing.endless "
    "preprocessing.iterators preprocessing.array_iterators preprocessing.file_iterators "
    "preprocessing.generator preprocessing.pipelines preprocessing.folders preprocessing.image "
    "preprocessing.targets preprocessing.labels",
    9: "__init__ typed ending parser flags look_flags sheet_flags tag_commands cli __main__",
}
KERAS_FROM = 3  # below this layer nothing knows of Keras
HEAVY = {"cv2", "jax", "keras", "matplotlib", "PIL", "scipy", "tensorflow", "torch"}  # never while a module loads ...
LOADS_PILLOW = {"data.decode", "data.jpeg", "data.pillow"}  # ... but here, where nearly every function needs it,
# ... and here, whose classes are Keras's own kinds
LOADS_KERAS = {"augmentation.layer", "model.norms", "preprocessing.iterators"}
ONLY_IN: dict[str, set[str]] = {
    # The one place that opens a picture, its JPEG half, and what is as Keras has it.
    "PIL": {"data.decode", "data.jpeg", "data.pillow", "preprocessing.pictures"},
    "jax": {"model.gradients"},
    "matplotlib": set(),
    "pickle": {"comparison.worker", "comparison.workers"},  # between two processes of our own, and never of a file
    "tensorflow": {"model.gradients", "model.norms", "preprocessing.pipelines"},
    "torch": set(),
}


@dataclass(frozen=True)
class Import:
    """One imported name: `module` for `import module`, `module.name` for `from module import name`."""

    name: str
    line: int
    at_load: bool  # runs while the module loads: not inside a function, not under TYPE_CHECKING


def violations(package: Path, layers: dict[int, str]) -> list[str]:
    """What the modules of a package do against the rules; empty when all is well."""
    rank = {name: (layer, place) for layer, line in layers.items() for place, name in enumerate(line.split())}
    found = []
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package).with_suffix("").parts)
        where = path.relative_to(package).as_posix()
        imports = list(imports_of(path, name))
        if name.endswith(".__init__"):
            found += [f"{where}:{item.line} a folder's __init__ imports nothing" for item in imports]
        elif name not in rank:
            found.append(f"{where} stands in no layer: add it to LAYERS")
        else:
            for item in imports:
                found += [f"{where}:{item.line} {trouble}" for trouble in troubles(item, name, rank)]
    return found


def troubles(item: Import, importer: str, rank: dict[str, tuple[int, int]]) -> Iterator[str]:
    """What is wrong with one import."""
    top = item.name.split(".")[0]
    if top == "fieldguide":
        imported = module_named(item.name, rank)
        if imported not in rank:
            yield f"imports {item.name}, which is no module of a layer"
        elif not rank[imported] < rank[importer]:
            yield f"imports {imported} (layer {rank[imported][0]}) from layer {rank[importer][0]}"
        return
    if top == "keras" and rank[importer][0] < KERAS_FROM:
        yield f"imports keras below layer {KERAS_FROM}"
    if importer not in ONLY_IN.get(top, {importer}):
        allowed = ", ".join(sorted(ONLY_IN[top]))
        yield f"imports {top}, which {f'only {allowed}' if allowed else 'nobody'} may"
    may_load = {"PIL": LOADS_PILLOW, "keras": LOADS_KERAS}.get(top, set())
    if top in HEAVY and item.at_load and importer not in may_load:
        yield f"imports {top} while it loads: import it inside the function that needs it"


def module_named(name: str, rank: dict[str, tuple[int, int]]) -> str:
    """The module an imported name belongs to: `fieldguide.data.check.Findings` belongs to `data.check`."""
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in rank:
        parts.pop()
    return ".".join(parts) or "__init__"


def imports_of(path: Path, name: str) -> Iterator[Import]:
    """Every import in a file, relative ones made absolute, and `importlib.import_module("...")` of a fixed name."""

    def walk(node: ast.AST, at_load: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ["fieldguide", *name.split(".")][: -node.level] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(f"{source}.{alias.name}", node.lineno, at_load) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            fixed = [given.value for given in node.args[:1] if isinstance(given, ast.Constant)]
            yield from (Import(str(value), node.lineno, at_load) for value in fixed)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            at_load = False
        typing_only: list[ast.stmt] = []
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only = node.body
        for child in ast.iter_child_nodes(node):
            yield from walk(child, at_load and child not in typing_only)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), True)


def test_imports_go_downwards_only() -> None:
    assert violations(PACKAGE, LAYERS) == []


def test_every_row_of_the_table_exists() -> None:
    listed = [name for line in LAYERS.values() for name in line.split()]
    assert len(listed) == len(set(listed))
    assert [name for name in listed if not (PACKAGE / (name.replace(".", "/") + ".py")).is_file()] == []


SMALL_LAYERS = {0: "errors files", 1: "data.decode", 4: "model.build model.classifier", 9: "__init__ cli"}


def tree(folder: Path, changed: dict[str, str]) -> Path:
    """A made-up package that keeps the rules, but for the modules in `changed`."""
    sources = {
        "errors": "",
        "files": "from fieldguide.errors import FileError",
        "data.__init__": '"""Reading."""',
        "data.decode": "from PIL import Image\nfrom fieldguide import errors, files",
        "model.__init__": "",
        "model.build": "def build():\n    import keras",
        "model.classifier": "from typing import TYPE_CHECKING\nfrom .build import build\nfrom ..data import decode\n"
        "if TYPE_CHECKING:\n    import keras",
        "__init__": "import importlib",
        "cli": "def main():\n    from fieldguide.model.classifier import load",
    }
    for name, source in (sources | changed).items():
        path = folder / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


def test_a_tree_that_keeps_the_rules_passes(tmp_path: Path) -> None:
    assert violations(tree(tmp_path, {}), SMALL_LAYERS) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("errors", "from fieldguide.files import atomic", "errors.py:1 imports files (layer 0) from layer 0"),
        ("files", "def f():\n    from fieldguide.data.decode import read", "files.py:2 imports data.decode (layer 1)"),
        ("files", "from fieldguide.data import decode", "files.py:1 imports data.decode (layer 1) from layer 0"),
        ("files", "from .data import decode", "files.py:1 imports data.decode (layer 1) from layer 0"),
        ("data.decode", "from ..model.build import build", "data/decode.py:1 imports model.build (layer 4)"),
        ("data.decode", "import fieldguide.model.build", "data/decode.py:1 imports model.build (layer 4)"),
        ("data.decode", "from fieldguide import __version__", "data/decode.py:1 imports __init__ (layer 9)"),
        ("model.build", "from fieldguide.model.classifier import load", "imports model.classifier (layer 4)"),
        ("data.decode", "def f():\n    import keras", "data/decode.py:2 imports keras below layer 3"),
        ("model.build", "import keras", "model/build.py:1 imports keras while it loads"),
        ("model.build", "class A:\n    import keras", "model/build.py:2 imports keras while it loads"),
        (
            "model.build",
            "def f():\n    import tensorflow as tf",
            "imports tensorflow, which only model.gradients, model.norms, preprocessing.pipelines may",
        ),
        ("cli", "import importlib\nimportlib.import_module('keras')", "cli.py:2 imports keras while it loads"),
        ("cli", "def f():\n    import torch", "cli.py:2 imports torch, which nobody may"),
        (
            "cli",
            "def f():\n    import pickle",
            "cli.py:2 imports pickle, which only comparison.worker, comparison.workers may",
        ),
        ("data.__init__", "from fieldguide import errors", "data/__init__.py:1 a folder's __init__ imports nothing"),
        ("data.new", "", "data/new.py stands in no layer: add it to LAYERS"),
    ],
)
def test_each_violation_is_found(module: str, source: str, expected: str, tmp_path: Path) -> None:
    found = violations(tree(tmp_path, {module: source}), SMALL_LAYERS)
    assert len(found) == 1, found
    assert expected in found[0]
