"""A Dataset: which pictures there are, what they are labelled, and what was left out and why."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fieldguide.data.columns import Columns, TableOptions, columns_of
from fieldguide.data.division import divided_by
from fieldguide.data.named import PARTS as PARTS
from fieldguide.data.named import TableSource
from fieldguide.data.named import relative as relative
from fieldguide.data.skipped import Skipped as Skipped
from fieldguide.data.skipped import missing_among
from fieldguide.data.table_file import TableFile, read_table_file
from fieldguide.data.table_labels import listing_of
from fieldguide.errors import FileError, InputError
from fieldguide.files import explained, identity, is_hidden, path_of, plain_reason, walk
from fieldguide.place import are_of_runs, run_among
from fieldguide.words import counted


@dataclass(frozen=True)
class Corrected:
    """What a corrections file changed."""

    file: str  # its name
    changed: int  # labels
    left_out: int  # pictures
    confirmed: int  # labels that were looked at and are right

    def __str__(self) -> str:
        parts = [f"{counted(self.changed, 'label')} corrected"] if self.changed or not self.left_out else []
        parts += [f"{counted(self.left_out, 'picture')} left out"] if self.left_out else []
        parts += [f"{self.confirmed:,} confirmed"] if self.confirmed else []
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures, in folders or named by a table. Nothing is opened: what cannot be read shows when it is read.

    Every file that is not hidden is either among `paths` or among `skipped`, and so is every file that a table names.

    Example:
        >>> import fieldguide as fg
        >>> data = fg.Dataset.from_directory("photos")
        >>> print(data)
        66 pictures in 2 classes (horses 33, humans 33)
        >>> data.name(0), data.class_names[data.labels[0]]
        ('horses/horse-truncated.jpg', 'horses')
    """

    root: Path
    paths: tuple[Path, ...]
    labels: np.ndarray  # int32 (n,), an index into class_names
    class_names: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    hidden: int = 0  # hidden and system files, which are neither pictures nor skipped
    given: np.ndarray | None = field(default=None)  # int8 (n,), an index into PARTS, where the folder came divided
    corrected: Corrected | None = None  # where labels are not all those of the folders
    table: TableSource | None = None  # that names the pictures, where it is not their folders that label them

    @classmethod
    def from_directory(cls, directory: str | Path, *, fewest_classes: int = 2) -> Dataset:
        """The pictures of `directory/<class>/...`, or of `directory/{train,validation,test}/<class>/...`.

        Folders inside a class folder are searched too. Hidden files and folders (`.DS_Store`, `.ipynb_checkpoints`,
        `Thumbs.db`) and `__pycache__` are no classes and no pictures. Every other file counts as found, whatever its
        extension: whether it is a picture is decided by its content when it is read. Links to folders are followed,
        each folder once.

        Args:
            directory: the folder of class folders.
            fewest_classes: how many there must be; 1 is enough to measure a classifier.

        Returns:
            A Dataset, classes in sorted order and the pictures class by class, always in the same order.

        Raises:
            InputTypeError: if the directory is no path.
            FileError: if the folder or a class folder is missing, a file, or may not be read.
            InputError: if it holds no class folders, fewer than there must be, an empty class folder, a run, two class
                folders whose names differ only by case or surrounding spaces, or one folder under two names.

        Example:
            >>> import fieldguide as fg
            >>> photos = fg.samples.unpack("horses_or_humans", folder)
            >>> data = fg.Dataset.from_directory(photos / "train")
            >>> data.class_names
            ('horses', 'humans')
        """
        root = path_of("directory", directory, "photos")
        if os.path.isfile(root):  # noqa: PTH113 - False where it cannot be told; the reason shows next
            raise FileError(f"{root} is a file; a folder with one folder of pictures for each class was expected.")
        listing = _Listing(root)
        folders = listing.folders_of(root)
        divided = divided_by(root, [folder.name for folder in folders])
        classes = [(folder, 0) for folder in folders]
        if divided:
            classes = [(folder, part) for name, part in divided.items() for folder in listing.folders_of(root / name)]
        listing.add_classes(classes)
        return listing.dataset(bool(divided), fewest_classes)

    @classmethod
    def from_table(
        cls,
        table: str | Path,
        *,
        folder: str | Path | None = None,
        file_column: str | None = None,
        label_column: str | None = None,
        part_column: str | None = None,
        fewest_classes: int = 2,
    ) -> Dataset:
        """The pictures that a table names, each with its label, and perhaps divided as the table says.

        Columns that are not named are guessed: that of the files by its name ("file", "image", "path", ...) and by
        endings such as .jpg, that of the labels by its name ("label", "class", "species", ...), as the only one left,
        or as one column of 0 and 1 for each class; and a column "split" or "part" that holds train, validation or test.

        Every file that is named is either among `paths` or, if it is missing, has no label, or has two, among
        `skipped`; so are the pictures that lie beside those and are not named.

        Args:
            table: a CSV or TSV file with a header, or a Parquet file, for which pyarrow must be installed.
            folder: what its file names are relative to; default the table's own folder. Then pictures that are not
                named are looked for in all of it, else only in the same folders as those that are named.
            file_column: the column of files.
            label_column: the column of labels.
            part_column: the column of parts.
            fewest_classes: how many there must be; 1 is enough to measure a classifier.

        Returns:
            A Dataset, classes in sorted order and the pictures class by class, whatever the order of the rows.

        Raises:
            InputTypeError: if an argument is of another kind.
            InputKeyError: if a column that was named is not there.
            FileError: if the table or the folder cannot be read.
            InputError: if it is no such table, no column fits or several do, a row names no file or part, no file is
                there, a class has none left, or pictures have several labels, which `TaggedDataset` reads.

        Example:
            >>> import fieldguide as fg
            >>> text = "file,species\\nhorses/horse01-0.jpg,horse\\nhumans/human01-00.jpg,human\\n"
            >>> _ = Path("labels.csv").write_text(text)
            >>> data = fg.Dataset.from_table("labels.csv", folder="photos")
            >>> print(data)
            2 pictures in 2 classes (horse 1, human 1)
            >>> len(data.skipped)
            64
        """
        options = TableOptions(
            folder=None if folder is None else path_of("folder", folder, "photos"),
            file_column=file_column,
            label_columns=() if label_column is None else (label_column,),
            part_column=part_column,
        )
        return cls.from_options(table, options, fewest_classes=fewest_classes)

    @classmethod
    def from_options(cls, table: str | Path, options: TableOptions, *, fewest_classes: int = 2) -> Dataset:
        """The same as `from_table`, with what is said of the table in one record.

        Args:
            table: as of `from_table`.
            options: its folder and columns.
            fewest_classes: how many there must be.
        """
        read = read_table_file(table)
        return cls.from_rows(read, columns_of(read, options), options, fewest_classes=fewest_classes)

    @classmethod
    def from_rows(
        cls, table: TableFile, columns: Columns, options: TableOptions, *, fewest_classes: int = 2
    ) -> Dataset:
        """The same of a table that was read already.

        Args:
            table: with a row for each picture.
            columns: of it.
            options: that they were found by.
            fewest_classes: how many there must be.
        """
        found = listing_of(table, columns, options, fewest_classes)
        return cls(
            root=found.root,
            paths=found.paths,
            labels=found.labels,
            class_names=found.class_names,
            skipped=found.left_out,
            given=found.given,
            table=found.source,
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return f"{len(self):,} pictures in {len(self.class_names)} classes ({counts})"

    @property
    def found(self) -> int:
        """All files that were found: those among the pictures and those skipped; not those that are missing."""
        return len(self.paths) + len(self.skipped) - self.missing

    @property
    def missing(self) -> int:
        """How many of those skipped a table names, and are not there."""
        return missing_among(self.skipped)

    @property
    def source(self) -> Path:
        """What the pictures and their labels were read from: a folder of class folders, or a table."""
        return self.root if self.table is None else self.table.path

    @property
    def words(self) -> list[str]:
        """The arguments that name these pictures on a command line."""
        return [str(self.root)] if self.table is None else self.table.words()

    @property
    def counts(self) -> dict[str, int]:
        """How many pictures each class has, in the order of `class_names`."""
        per_class = np.bincount(self.labels, minlength=len(self.class_names))
        return {name: int(count) for name, count in zip(self.class_names, per_class, strict=True)}

    def name(self, row: int) -> str:
        """The path of picture `row` as seen from the root, with forward slashes."""
        return relative(self.paths[row], self.root)

    def select(self, rows: Sequence[int] | np.ndarray) -> Dataset:
        """The same data set with only the pictures of these rows; what was skipped stays with the whole.

        Args:
            rows: row numbers, or a bool for each picture.
        """
        rows, paths, given = picked(rows, self.paths, self.given)
        return Dataset(self.root, paths, self.labels[rows], self.class_names, given=given, table=self.table)

    def without(self, unreadable: dict[int, str]) -> Dataset:
        """The same data set with some pictures moved to `skipped`.

        Args:
            unreadable: row -> reason.
        """
        if not unreadable:
            return self
        kept = np.array([row for row in range(len(self)) if row not in unreadable], np.int64)
        skipped = self.skipped + tuple(Skipped(self.paths[row], reason) for row, reason in unreadable.items())
        return replace(self.select(kept), skipped=skipped, hidden=self.hidden, corrected=self.corrected)

    def to_dict(self) -> dict[str, object]:
        """Counts and names, ready for JSON; not the paths of all pictures."""
        return {
            "root": str(self.root),
            "found": self.found,
            "read": len(self),
            "skipped": len(self.skipped) - self.missing,
            "hidden": self.hidden,
            "classes": self.counts,
            **({"missing": self.missing, "table": self.table.to_dict()} if self.table else {}),
        }


def picked(
    rows: Sequence[int] | np.ndarray, paths: tuple[Path, ...], given: np.ndarray | None
) -> tuple[np.ndarray, tuple[Path, ...], np.ndarray | None]:
    """Row numbers int64 (m,), and the paths and parts of these rows.

    Args:
        rows: row numbers, or a bool for each picture.
        paths: of all pictures.
        given: their parts, if any are given.
    """
    rows = np.asarray(rows)
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
    return rows, tuple(paths[row] for row in rows), None if given is None else given[rows]


class _Listing:
    """Gathers the files of class folders, so that each is counted once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: list[tuple[Path, str, int]] = []  # path, class, part
        self.classes: set[str] = set()
        self.skipped: list[Skipped] = []
        self.hidden = 0
        self._runs: list[Path] = []  # class folders that are none: each is a run, or holds some
        self._visited: dict[tuple[int, int] | str, Path] = {}

    def folders_of(self, place: Path) -> list[Path]:
        """The folders in a place of class folders; whatever else lies there is no picture of any class."""
        with explained(place, "read the folder"):
            self._visited[identity(place)] = place
            names = sorted(os.listdir(place))  # noqa: PTH208 - names are what is wanted
        folders = []
        for path in (place / name for name in names):
            if is_hidden(path.name):
                self.hidden += 1
            elif os.path.isdir(path):  # noqa: PTH112 - False for a link that leads nowhere
                folders.append(path)
            else:
                self.skipped.append(Skipped(path, "not in a class folder: move it into the folder of its class"))
        return folders

    def add_classes(self, classes: Sequence[tuple[Path, int]]) -> None:
        """Takes each of these folders as a class, with the part it belongs to."""
        # Known from the start, so that a link inside one class never takes another class's pictures.
        for folder, _ in classes:
            with explained(folder, "read the folder"):
                other = self._visited.setdefault(identity(folder), folder)
            if other != folder:
                raise InputError(
                    f"{relative(folder, self.root)} and {relative(other, self.root)} in {self.root} are one folder: "
                    "remove the link that leads from one to the other."
                )
        for folder, part in classes:
            self.classes.add(folder.name)
            self._walk(folder, part)

    def dataset(self, divided: bool, fewest_classes: int) -> Dataset:
        """What was gathered, once it is seen to be something a classifier can be made from."""
        self._refuse_what_cannot_work(fewest_classes)
        class_names = tuple(sorted(self.classes))
        index = {name: label for label, name in enumerate(class_names)}
        return Dataset(
            root=self.root,
            paths=tuple(path for path, _, _ in self.found),
            labels=np.array([index[name] for _, name, _ in self.found], np.int32),
            class_names=class_names,
            skipped=tuple(self.skipped),
            hidden=self.hidden,
            given=np.array([part for _, _, part in self.found], np.int8) if divided else None,
        )

    def _walk(self, folder: Path, part: int) -> None:
        """Takes the files below a class folder."""
        before = len(self.found)
        for found in walk(folder, self._visited):
            if found.kind == "file":
                self.found.append((found.path, folder.name, part))
            elif found.kind == "hidden":
                self.hidden += 1
            elif isinstance(found.why, OSError):
                if found.path == folder:
                    raise FileError(f"cannot read the folder {folder}: {plain_reason(found.why)}.") from found.why
                self.skipped.append(Skipped(found.path, f"the folder cannot be read: {plain_reason(found.why)}"))
            elif found.why is not None:
                there = relative(found.why, self.root)
                self.skipped.append(Skipped(found.path, f"a link to {there}, which is read already"))
        if are_of_runs([path for path, _, _ in self.found[before:]]):
            self._runs.append(folder)

    def _refuse_what_cannot_work(self, fewest_classes: int) -> None:
        if self.classes == {folder.name for folder in self._runs}:
            held = "runs" if self.classes else "no class folders"
            raise InputError(
                f"{self.root} holds {held}; expected one folder of pictures for each class, "
                f"such as {self.root}/cats/*.jpg and {self.root}/dogs/*.jpg."
            )
        if self._runs:
            raise run_among(self._runs[0], self.root)
        if len(self.classes) < fewest_classes:
            raise InputError(
                f"{self.root} holds one class only, '{min(self.classes)}': a classifier needs at least two; "
                "add a folder of other pictures beside it."
            )
        folded: dict[str, str] = {}
        for name in sorted(self.classes):
            other = folded.setdefault(unicodedata.normalize("NFC", name.strip()).casefold(), name)
            if other != name:
                raise InputError(
                    f"the class folders '{other}' and '{name}' in {self.root} differ only by case or spaces: "
                    "merge them, or give one another name."
                )
        filled = {name for _, name, _ in self.found}
        empty = sorted(self.classes - filled)
        if empty:
            raise InputError(
                f"the class folder '{empty[0]}' in {self.root} holds no files: add pictures, or remove the folder."
            )
