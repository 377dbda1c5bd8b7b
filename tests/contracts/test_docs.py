"""The README and the pages in docs/: every block runs and gives what it says, and nothing public is left out."""

from __future__ import annotations

import argparse
import doctest
import inspect
import math
import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from readers_folder import ReadersFolder

import fieldguide
from fieldguide import cli, errors

# Keras 3.15 on TensorFlow asks NumPy 2 for a copy in the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:1 file of photos is left out:UserWarning",  # the examples' folder has one that cannot be read
    "ignore:shear_range=0.2 is 0.2 degrees:UserWarning",  # of the recipe that so many notebooks have
)

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.REPORT_UDIFF
CLEARING = {"cache.md"}  # these examples get a cache of their own, since they empty it
READ_ONLY = {"cat", "head", "ls"}  # commands of the system that a page may show
LARGEST_PICTURE = 300_000  # bytes

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMES = re.compile(r"^Time .*?(?=^\w)", re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"\b\d+(\.\d+)? s\b")
DECIMAL = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    text: str
    line: int


class NearEnough(doctest.OutputChecker):
    """Words and whole numbers must agree; decimals may differ by 2%, and times are not compared."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if super().check_output(want, got, optionflags):
            return True
        want, got = (SECONDS.sub("# s", TIMES.sub("", side)) for side in (want, got))
        if not super().check_output(DECIMAL.sub("#.#", want), DECIMAL.sub("#.#", got), optionflags):
            return False
        wanted, given = DECIMAL.findall(want), DECIMAL.findall(got)
        if len(wanted) != len(given):  # an ellipsis hides some
            return True
        pairs = zip(wanted, given, strict=True)
        return all(math.isclose(float(one), float(other), rel_tol=0.02, abs_tol=0.02) for one, other in pairs)


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Block(found[1], found[2], text[: found.start()].count("\n") + 2)


def run_python(block: Block, page: Path, names: dict[str, object]) -> dict[str, object]:
    """Runs a block of examples and gives the names that it leaves."""
    assert ">>> " in block.text, f"line {block.line}: show what it prints, with >>>"
    test = doctest.DocTestParser().get_doctest(block.text, names, page.name, str(page), block.line - 1)
    said: list[str] = []
    runner = doctest.DocTestRunner(NearEnough(), optionflags=OPTIONS)
    runner.run(test, out=said.append, clear_globs=False)
    assert runner.failures == 0, "".join(said)
    return test.globs


def run_console(block: Block, capfd: pytest.CaptureFixture[str]) -> None:
    """Runs each `$ command` and compares what it prints; a command must succeed unless `$ echo $?` follows it."""
    assert block.text.startswith("$ "), f"line {block.line}: a console block starts with $"
    entries = [entry.partition("\n") for entry in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]]
    code = 0
    for place, (command, _, expected) in enumerate(entries):
        if command == "echo $?":
            printed = f"{code}\n"
        else:
            code, printed = run_command(command, capfd)
            checked = place + 1 < len(entries) and entries[place + 1][0] == "echo $?"
            assert checked or code == 0, f"{command}: exit code {code}\n{printed}"
        example = doctest.Example(command, expected)
        checker = NearEnough()
        if expected and not checker.check_output(expected, printed, OPTIONS):
            pytest.fail(f"line {block.line}: $ {command}\n{checker.output_difference(example, printed, OPTIONS)}")


def run_command(command: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of a command and what it prints, its messages last."""
    name, *arguments = shlex.split(command)
    if name != "fieldguide":
        assert name in READ_ONLY, f"{command}: a page may show {', '.join(sorted(READ_ONLY))} and fieldguide"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    capfd.readouterr()
    try:
        code = cli.main(arguments)
    except SystemExit as done:  # as argparse ends
        code = int(done.code or 0)
    printed, said = capfd.readouterr()
    messages = [line for line in said.splitlines(keepends=True) if re.match(r"fieldguide\b|usage:|warning:", line)]
    return code, printed + "".join(messages)


def check_shell(block: Block) -> None:
    """`make` is not run here (it is what runs these tests), but what it is asked for must be there."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert f"\n{words[1]}:" in makefile, f"line {block.line}: make has no {words[1]}"
        else:
            assert words[:2] == ["pip", "install"], f"line {block.line}: {line!r} is not run: show it as console"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_gives_what_the_page_says(
    page: Path,
    reader: ReadersFolder,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if page.name in CLEARING:
        monkeypatch.setenv("FIELDGUIDE_CACHE", str(own_cache))
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.kind == "python":
            names = run_python(block, page, names)
        elif block.kind == "console":
            run_console(block, capfd)
        elif block.kind == "sh":
            check_shell(block)
        else:
            assert block.kind == "text", f"line {block.line}: a block of {block.kind or 'no kind'} is not run"
    assert reader.root == Path.cwd()


def test_a_wrong_block_would_be_seen(reader: ReadersFolder, capfd: pytest.CaptureFixture[str]) -> None:
    assert reader.root == Path.cwd()
    with pytest.raises(pytest.fail.Exception, match="65 read"):
        run_console(Block("console", "$ fieldguide check photos\nphotos: 66 files found, 66 read\n...\n", 1), capfd)
    with pytest.raises(AssertionError, match="exit code 2"):
        run_console(Block("console", "$ fieldguide check nowhere\n", 1), capfd)
    with pytest.raises(AssertionError, match="Got"):
        run_python(Block("python", ">>> 1 + 1\n3\n", 1), README, {})
    with pytest.raises(AssertionError, match="make has no nonsense"):
        check_shell(Block("sh", "make nonsense\n", 1))


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("accuracy 99.0% of 200", "accuracy 98.5% of 200", True),
        ("accuracy 99.0% of 200", "accuracy 93.0% of 200", False),
        ("accuracy 99.0% of 200", "accuracy 99.0% of 100", False),
        ("Time  8 s: head 1.2 s\nReport x", "Time  10 s: features 5.0 s,\n  head 0.6 s\nReport x", True),
        ("accuracy ...", "accuracy 12.0%", True),
    ],
)
def test_what_is_near_enough(want: str, got: str, same: bool) -> None:
    assert NearEnough().check_output(want + "\n", got + "\n", OPTIONS) == same


def words_of(pages: list[Path]) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def test_every_public_name_is_in_the_docs() -> None:
    text = (DOCS / "python-api.md").read_text(encoding="utf-8")
    wanted = [name for name in fieldguide.__all__ if not re.search(rf"\bfg\.{name}\b", text)]
    assert wanted == []


def test_the_docs_name_nothing_that_is_not_there() -> None:
    used = set(re.findall(r"\bfg\.(\w+)", words_of(PAGES)))
    assert len(used) > 20
    assert used - set(fieldguide.__all__) == set()


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Each command with the parser of its arguments."""
    (commands,) = [one for one in cli._parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(commands.choices)


def test_every_command_and_flag_is_in_the_docs() -> None:
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    shared, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    section_of = {title.strip(" `").removeprefix("fieldguide "): body for title, _, body in split_lines(sections)}
    commands = parsers()
    assert set(commands) <= set(section_of)
    missing = []
    for name, parser in {"": cli._parser(), **commands}.items():
        here = shared + section_of.get(name, "")
        for action in parser._actions:
            wanted = list(action.option_strings) if action.option_strings else [action.metavar or action.dest]
            missing += [f"{name} {one}" for one in wanted if one != "-h" and f"`{one}" not in here]
    assert [one for one in missing if one != " COMMAND"] == []


def split_lines(sections: list[str]) -> list[tuple[str, str, str]]:
    return [section.partition("\n") for section in sections]


def test_every_flag_in_the_docs_is_there() -> None:
    known = {
        flag
        for parser in [cli._parser(), *parsers().values()]
        for one in parser._actions
        for flag in one.option_strings
    }
    shown = set(re.findall(r"`(--[a-z0-9-]+)", words_of(PAGES)))
    assert shown
    assert shown - known == set()


def test_every_error_and_exit_code_is_in_the_docs() -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    kinds = [name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)]
    assert len(kinds) >= 5
    assert [kind for kind in kinds if f"`{kind}`" not in text] == []
    codes = (cli.DONE, cli.PROBLEMS, cli.BAD_INPUT, cli.INTERRUPTED)
    assert [code for code in codes if f"| {code} |" not in text] == []


def test_the_readme_begins_with_two_commands_and_has_a_picture_and_figures() -> None:
    text = README.read_text(encoding="utf-8")
    shown = "".join(block.text for block in blocks(README) if block.kind == "sh")
    assert "make demo" in shown
    assert "make test" in shown
    assert "(docs/images/report.png)" in text
    assert (DOCS / "images" / "report.png").stat().st_size < LARGEST_PICTURE


def test_the_figures_are_those_of_the_results() -> None:
    """`scripts/figures` writes them; while the benchmarks are run anew the README may say that there are none."""
    script = runpy.run_path(str(REPOSITORY / "scripts" / "figures"))
    (shown,) = script["BLOCK"].findall(README.read_text(encoding="utf-8"))
    assert shown in (script["figures"](REPOSITORY / "benchmarks" / "results"), script["NOTHING"])


@pytest.mark.parametrize(
    "page", [*PAGES, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md"], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text)):
        if "://" in target:
            continue
        place = page.parent / target if target else page
        assert place.exists(), f"{page.name} links to {target}, which is not there"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, f"{page.name} links to {target}#{anchor}, which is not there"


def test_every_page_is_reached_from_the_first() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if page.name != "index.md" and f"({page.name})" not in index] == []
