"""What is wrong with a folder of pictures, before anything is trained on it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from fieldguide import console
from fieldguide.data.dataset import PARTS, Corrected, Dataset, Skipped, relative
from fieldguide.data.named import NOT_NAMED, TableSource
from fieldguide.data.pixels import PixelStore
from fieldguide.data.skipped import missing_among, tally
from fieldguide.data.twins import Twins, find_twins, members_of
from fieldguide.words import are, counted

WIDTH = 80  # columns
NAMED_COPIES = 3  # files of one picture that are named
NAMED_COLUMNS = NAMED_CLASSES = 5
LISTED = 10  # skipped files that are named on a terminal
TINY_SIDE = 48  # pixels on the shorter side
FLAT_CONTRAST = 3.0  # standard deviation of grey levels, of 0..255
FEW_PICTURES = 30  # of a class
IMBALANCE = 3.0  # largest class to smallest
LEVELS = ("problem", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing of the pictures.

    Example:
        >>> import fieldguide as fg
        >>> findings = fg.check(fg.Dataset.from_directory("photos"))
        >>> print(findings.findings[0])
        warning: 1 file is left out, each with the reason
            horses/horse-truncated.jpg: truncated: the file ends before the picture is complete
    """

    kind: str
    level: str  # "problem": figures may be wrong; "warning": it may cost accuracy; "note"
    text: str
    paths: tuple[str, ...] = ()  # of the files or pairs, relative to the folder

    @property
    def count(self) -> int:
        """How many files or pairs it concerns; 0 where it is about whole classes."""
        return len(self.paths)

    def __str__(self) -> str:
        return self.shown(3)

    def shown(self, most: int) -> str:
        """The finding with the first files it concerns, `most` at the most."""
        shown = [_wrapped(console.shown(path), "    ") for path in self.paths[:most]]
        if len(self.paths) > most:
            shown.append(f"    ... and {len(self.paths) - most:,} more")
        return "\n".join([_wrapped(f"{self.level}: {self.text}"), *shown])


@dataclass(frozen=True)
class Findings:
    """All that was found in a folder, or for a table; read + skipped = found + missing.

    Example:
        >>> import fieldguide as fg
        >>> findings = fg.check(fg.Dataset.from_directory("photos"))
        >>> findings.found, findings.read, len(findings.skipped)
        (66, 65, 1)
        >>> findings.worst
        'warning'
    """

    root: str
    found: int
    read: int
    skipped: tuple[Skipped, ...]  # and those that a table names and are missing
    hidden: int
    counts: dict[str, int]  # readable pictures of each class
    findings: tuple[Finding, ...]  # problems first
    corrected: Corrected | None = None  # where labels are not all those of the folders
    table: TableSource | None = None  # that names the pictures

    def __str__(self) -> str:
        classes = ", ".join(f"{name} {count:,}" for name, count in list(self.counts.items())[:8])
        more = f", and {len(self.counts) - 8} more" if len(self.counts) > 8 else ""
        source = self.table.path if self.table else self.root
        lines = [
            f"{source}: {self.tally}" + (f", {self.hidden:,} hidden left aside" if self.hidden else ""),
            f"{len(self.counts)} classes: {classes}{more}",
            *([f"{self.corrected.file}: {self.corrected}"] if self.corrected else []),
            *(finding.shown(self._most(finding)) for finding in self.findings),
        ]
        if any(finding.count > self._most(finding) for finding in self.findings):
            lines.append("--json lists all files (in Python, `to_dict` does)")
        return "\n".join(lines if self.findings else [*lines, "nothing to remark"])

    @property
    def missing(self) -> int:
        """How many files a table names that are not there."""
        return missing_among(self.skipped)

    @property
    def tally(self) -> str:
        """What became of the files: "66 files found, 65 read, 1 skipped"; and how many more are missing, if any are."""
        return tally(self.read, self.skipped)

    def _most(self, finding: Finding) -> int:
        """How many files of a finding are named, so that all fits a screen."""
        return LISTED if finding.kind == "skipped" else 3 if len(self.findings) <= 4 else 1

    @property
    def worst(self) -> str | None:
        """The gravest level among the findings; None where there are none."""
        present = {finding.level for finding in self.findings}
        return next((level for level in LEVELS if level in present), None)

    def to_dict(self) -> dict[str, object]:
        """All fields, ready for JSON."""
        return {
            "root": self.root,
            "found": self.found,
            "read": self.read,
            "skipped": [{"path": str(entry.path), "reason": entry.reason} for entry in self.skipped],
            "hidden": self.hidden,
            "counts": self.counts,
            "findings": [asdict(finding) for finding in self.findings],
            **({"corrections": asdict(self.corrected)} if self.corrected else {}),
            **({"missing": self.missing, "table": self.table.to_dict()} if self.table else {}),
        }


def check(data: Dataset | PixelStore, *, twins: Twins | None = None) -> Findings:
    """What was found in the pictures: unreadable files, copies, leaks, two labels, imbalance, odd pictures.

    Args:
        data: a data set, or its pixel store if that was built already.
        twins: from `find_twins`, if it was called already for this store.

    Returns:
        Findings; printing them gives a summary.

    Raises:
        InputError: if a class has no readable picture.
        FileError: if the cache cannot be written.

    Example:
        >>> import fieldguide as fg
        >>> print(fg.check(fg.Dataset.from_directory("photos")))
        photos: 66 files found, 65 read, 1 skipped
        2 classes: horses 32, humans 33
        warning: 1 file is left out, each with the reason
            horses/horse-truncated.jpg: truncated: the file ends before the picture is complete
        warning: 1 picture is there more than once, byte for byte
            humans/human-copy.jpg = humans/human01-00.jpg
    """
    store = data if isinstance(data, PixelStore) else PixelStore.build(data)
    twins = twins or find_twins(store)
    dataset = store.dataset
    findings = [*_rows(dataset.table), *_skipped(dataset), *_copies(dataset, twins), *_balance(dataset)]
    findings += [*_said_parts(dataset), *_joined(dataset)]
    findings += [*_untaught(dataset), *_looks(store)]
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return Findings(
        root=str(dataset.root),
        found=dataset.found,
        read=len(dataset),
        skipped=dataset.skipped,
        hidden=dataset.hidden,
        counts=dataset.counts,
        findings=tuple(findings),
        corrected=dataset.corrected,
        table=dataset.table,
    )


def _skipped(dataset: Dataset) -> Iterator[Finding]:
    unnamed = [relative(entry.path, dataset.root) for entry in dataset.skipped if entry.reason == NOT_NAMED]
    if unnamed:
        text = f"{are(len(unnamed), 'picture')} not named by the table, and left out"
        yield _finding("not named", "warning", text, unnamed)
    others = [entry for entry in dataset.skipped if entry.reason != NOT_NAMED]
    if others:
        names = [f"{relative(entry.path, dataset.root)}: {entry.reason}" for entry in others]
        yield _finding("skipped", "warning", f"{are(len(names), 'file')} left out, each with the reason", names)


def _rows(table: TableSource | None) -> Iterator[Finding]:
    """What is odd about the rows of a table."""
    if table is None:
        return
    if count := len(table.contradicting):
        text = f"rows of {table.path.name} disagree on {counted(count, 'file')}, which {'is' if count == 1 else 'are'}"
        yield _finding("rows disagree", "problem", f"{text} left out: mend the table", [*table.contradicting])
    if count := len(table.repeated):
        text = f"{counted(count, 'file')} named by several rows of {table.path.name}, and taken once"
        yield _finding("rows repeated", "note", text, [*table.repeated])
    if count := len(table.spread):
        text = f"{counted(count, 'cell')} of {table.path.name} {'goes' if count == 1 else 'go'} over several lines"
        why = "where a quotation mark too many stands, rows were taken in"
        yield _finding("lines in a cell", "warning", f"{text}: {why}", [*table.spread])
    if count := len(table.unmarked):
        shown = ", ".join(f"'{name}'" for name in table.unmarked[:NAMED_COLUMNS])
        more = f" and {count - NAMED_COLUMNS:,} more" if count > NAMED_COLUMNS else ""
        text = f"{counted(count, 'column')} of {table.path.name} without a 1, of which no class is made: {shown}{more}"
        yield Finding("no 1", "warning", text)


def fewest_of(counts: Mapping[str, int]) -> str:
    """The classes with the fewest pictures, the smallest first, for a message.

    Example:
        >>> fewest_of({"owl": 12, "heron": 7})
        "'heron' with 7, 'owl' with 12"
    """
    smallest = sorted(counts, key=lambda name: counts[name])
    more = f" and {len(counts) - NAMED_CLASSES:,} more" if len(counts) > NAMED_CLASSES else ""
    return ", ".join(f"'{name}' with {counts[name]}" for name in smallest[:NAMED_CLASSES]) + more


def _said_parts(dataset: Dataset) -> Iterator[Finding]:
    """That the parts that a table says are none to train by, or no others."""
    if dataset.table is None or dataset.given is None or not len(dataset.given):
        return
    table = dataset.table.path.name
    if 0 not in dataset.given:
        yield Finding("no training part", "warning", f"{table} says train for no picture, and `train` refuses that")
    elif not dataset.given.any():
        text = f"{table} says train for every picture: `train` sets some aside to measure, as if no part were said"
        yield Finding("one part", "note", text)


def _joined(dataset: Dataset) -> Iterator[Finding]:
    """That a table's labels may be several in one."""
    joined = [name for name in dataset.class_names if "," in name]
    if dataset.table is None or dataset.table.marked or not joined:
        return
    pieces = Counter(piece.strip() for name in dataset.class_names for piece in name.split(","))
    level = "warning" if max(pieces.values()) > 1 else "note"  # of "bear, polar" alone nothing says that it is two
    text = f"{counted(len(joined), 'class', 'classes')} with a comma in the name, such as '{joined[0]}': where these "
    yield Finding("joined", level, f"{text}are several labels, say separator (--separator) ,")


def _two_labels(dataset: Dataset, twins: Twins) -> Iterator[Finding]:
    """Pictures with more than one label: copies are an error; look-alikes may be what the classes are about."""
    copies = [rows for rows in twins.exact if _several(dataset.labels, rows)]
    if copies:
        names = [_same(dataset, rows, dataset.labels) for rows in copies]
        yield _finding(
            "two labels", "problem", f"{are(len(names), 'picture')} under two labels: one of them must be wrong", names
        )
    certain = {row for rows in copies for row in rows}
    alike = [
        rows for rows in members_of(twins.groups) if _several(dataset.labels, rows) and not certain.intersection(rows)
    ]
    if alike:
        names = [_same(dataset, rows, dataset.labels) for rows in alike]
        yield _finding(
            "alike under two labels",
            "warning",
            f"{are(len(names), 'picture')} under two labels in versions that look the same: a label is wrong, unless "
            "the classes are about sharpness, light or colour",
            names,
        )


def _several(kinds: np.ndarray, rows: tuple[int, ...]) -> bool:
    return len(np.unique(kinds[list(rows)])) > 1


def _same(dataset: Dataset, rows: tuple[int, ...], kinds: np.ndarray) -> str:
    """The names of one picture's files, one of each kind (label or part) first, so that the conflict shows."""
    _, first = np.unique(kinds[list(rows)], return_index=True)
    ordered = [rows[place] for place in sorted(first)] + [row for place, row in enumerate(rows) if place not in first]
    return " = ".join(dataset.name(row) for row in ordered[: max(NAMED_COPIES, len(first))])


def _copies(dataset: Dataset, twins: Twins) -> Iterator[Finding]:
    """Copies, near-copies, leaks between given parts, and pictures under two labels."""
    crowds = members_of(twins.groups)
    yield from _two_labels(dataset, twins)
    if dataset.given is not None:
        given = dataset.given
        leaks = [rows for rows in crowds if len(np.unique(given[list(rows)])) > 1]
        if leaks:
            names = [_same(dataset, rows, given) for rows in leaks]
            parts = sorted({PARTS[part] for rows in leaks for part in given[list(rows)]}, key=PARTS.index)
            yield _finding(
                "leaks",
                "problem",
                f"{are(len(names), 'picture')} in more than one of {', '.join(parts)}: what is learnt by heart would "
                "be measured as if it were new",
                names,
            )
    if twins.exact:
        names = [" = ".join(dataset.name(row) for row in rows[:3]) for rows in twins.exact]
        yield _finding(
            "duplicates", "warning", f"{are(len(names), 'picture')} there more than once, byte for byte", names
        )
    if twins.near:
        part_of = np.zeros(len(dataset), np.int8) if dataset.given is None else dataset.given
        divided = len(np.unique(part_of)) > 1
        pairs = [(one, other) for one, other in twins.near if part_of[one] == part_of[other]]
        names = [f"{dataset.name(one)} ~ {dataset.name(other)}" for one, other in pairs]
        where = " within one part" if divided else "; they are kept together"
        if names:
            text = f"{counted(len(names), 'pair')} of pictures that look the same{where}"
            yield _finding("near-duplicates", "note", text, names)


def _balance(dataset: Dataset) -> Iterator[Finding]:
    counts = dataset.counts
    few = {name: count for name, count in counts.items() if count < FEW_PICTURES}
    if few:
        text = f"{counted(len(few), 'class', 'classes')} with fewer than {FEW_PICTURES} pictures: {fewest_of(few)}"
        yield Finding("few pictures", "warning", text)
    most, fewest = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    if counts[most] >= IMBALANCE * counts[fewest]:
        yield Finding(
            "imbalance",
            "warning",
            f"'{most}' has {counts[most]:,} pictures and '{fewest}' {counts[fewest]:,}: "
            "look at the balanced accuracy too",
        )


def _untaught(dataset: Dataset) -> Iterator[Finding]:
    """Classes without a picture to learn from, where the pictures came divided and some are to learn from."""
    if dataset.given is None or not (dataset.given == 0).any():
        return
    rows = np.flatnonzero(~np.isin(dataset.labels, dataset.labels[dataset.given == 0]))
    if len(rows):
        classes = counted(len(np.unique(dataset.labels[rows])), "class", "classes")
        text = f"{classes} without a picture to learn from, in validation or test only: `train` refuses that"
        yield _finding("untaught", "problem", text, [dataset.name(row) for row in rows.tolist()])


def _looks(store: PixelStore) -> Iterator[Finding]:
    facts = store.facts
    tiny = np.flatnonzero(np.minimum(facts["width"], facts["height"]) < TINY_SIDE)
    if len(tiny):
        names = [f"{store.dataset.name(row)}: {facts['width'][row]}x{facts['height'][row]}" for row in tiny.tolist()]
        text = f"{counted(len(tiny), 'picture')} of fewer than {TINY_SIDE} pixels on a side"
        yield _finding("tiny", "note", text, names)
    flat = np.flatnonzero(facts["contrast"] < FLAT_CONTRAST)
    if len(flat):
        names = [store.dataset.name(row) for row in flat.tolist()]
        yield _finding("blank", "warning", f"{counted(len(flat), 'picture')} of one plain colour", names)


def _finding(kind: str, level: str, text: str, names: list[str]) -> Finding:
    return Finding(kind, level, text, tuple(names))


def _wrapped(text: str, indent: str = "") -> str:
    """Lines of a terminal's usual width; names of files stay whole."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
