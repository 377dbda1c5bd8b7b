"""Every public name says what it gives, shows an example that runs, and names its arguments and errors."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from readers_folder import ReadersFolder

import fieldguide

# Keras 3.15 on TensorFlow asks NumPy 2 for a copy in the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:1 file of photos is left out:UserWarning",  # the examples' folder has one that cannot be read
)

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(fieldguide.__path__, "fieldguide.")
    if not found.ispkg and found.name != "fieldguide.__main__"
)
CLEARING = {"fieldguide.cache"}  # these examples get a cache of their own, since they empty it


def doctests() -> list[doctest.DocTest]:
    """Every docstring of the package that holds examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = (one for name in MODULES for one in finder.find(importlib.import_module(name)))
    return [one for one in found if one.examples]


def public() -> Iterator[tuple[str, object]]:
    """Every public name with what it stands for; of a public module its public functions."""
    for name in fieldguide.__all__:
        value = getattr(fieldguide, name)
        if inspect.ismodule(value):
            members = inspect.getmembers(value, inspect.isfunction)
            yield from (
                (f"{name}.{member}", function)
                for member, function in members
                if not member.startswith("_") and function.__module__ == value.__name__
            )
        elif name != "__version__":
            yield name, value


def functions() -> Iterator[tuple[str, object]]:
    """Every public function, and every public method of a public class that is written by hand."""
    for name, value in public():
        if inspect.isfunction(value):
            yield name, value
            continue
        assert inspect.isclass(value)
        for member, entry in vars(value).items():
            function = getattr(entry, "__func__", entry)
            if inspect.isfunction(function) and not member.startswith("_"):
                yield f"{name}.{member}", function


DOCTESTS, PUBLIC, FUNCTIONS = doctests(), dict(public()), dict(functions())


@pytest.fixture
def names(reader: ReadersFolder) -> dict[str, object]:
    return {**reader.names(), "Path": Path}


@pytest.mark.parametrize("found", DOCTESTS, ids=lambda found: found.name.removeprefix("fieldguide."))
def test_the_example_gives_what_it_says(
    found: doctest.DocTest, names: dict[str, object], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ".".join(found.name.split(".")[:2])
    if module in CLEARING:
        monkeypatch.setenv("FIELDGUIDE_CACHE", str(own_cache))
    found.globs = {**names, **found.globs}
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(found, out=said.append, clear_globs=False)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize(("name", "value"), PUBLIC.items(), ids=PUBLIC)
def test_a_public_name_shows_an_example(name: str, value: object) -> None:
    text = inspect.getdoc(value) or ""
    assert text, f"{name} has no docstring"
    assert text.splitlines()[0].endswith((".", ":")), f"the first line of {name} is no sentence"
    assert "Example:" in text and ">>>" in text, f"{name} shows no example"


@pytest.mark.parametrize(("name", "function"), FUNCTIONS.items(), ids=FUNCTIONS)
def test_a_public_function_names_its_arguments_and_errors(name: str, function: object) -> None:
    assert callable(function)
    text = inspect.getdoc(function) or ""
    assert text, f"{name} has no docstring"
    parameters = [one for one in inspect.signature(function).parameters if one not in {"self", "cls"}]
    if len(parameters) > 1 or "Args:" in text:
        missing = [one for one in parameters if f"{one}: " not in text]
        assert missing == [], f"{name} does not say what these arguments are"
    body = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = {ast.unparse(node.exc.func) for node in ast.walk(body) if _raises_ours(node)}  # type: ignore[attr-defined]
    assert {error for error in raised if f"{error}:" not in text} == set(), f"{name} does not name these errors"


def _raises_ours(node: ast.AST) -> bool:
    """Whether this raises one of fieldguide's errors, and not Python's own for a programming mistake."""
    return (
        isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) in {"InputError", "FileError", "ModelError", "PictureError"}
    )


def test_a_wrong_example_would_be_seen() -> None:
    found = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner(optionflags=OPTIONS).run(found, out=lambda text: None).failed == 1
