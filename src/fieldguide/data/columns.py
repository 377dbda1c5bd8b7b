"""Which column of a table holds the picture files, which the labels, and which the parts: as asked, or guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fieldguide.data.division import PART_CALLED
from fieldguide.data.table_file import TableFile
from fieldguide.errors import InputError, InputKeyError, InputTypeError
from fieldguide.words import shortened

FILE_NAMES = (
    "file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path", "image_file",
    "image_name", "image_id", "img", "picture", "photo", "id",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "classes", "class_name", "category", "categories", "tag", "tags", "target", "species",
    "breed",
)  # fmt: skip
PART_NAMES = ("part", "split", "subset", "set", "partition")
PICTURE_ENDINGS = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ico", ".ppm",
)  # fmt: skip
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no", "")
_LOOKED_AT = 200  # rows, to tell whether a column holds names of pictures


@dataclass(frozen=True)
class TableOptions:
    """What was said of a table besides its path; None where it is to be guessed."""

    folder: Path | None = None  # what file names are relative to; None: the table's own folder
    file_column: str | None = None
    label_columns: tuple[str, ...] = ()  # one of labels, or several of 0 and 1, each named like its class
    part_column: str | None = None
    separator: str | None = None  # between the labels of one picture

    def words(self) -> list[str]:
        """The flags that say the same on a command line.

        Example:
            >>> TableOptions(Path("photos"), label_columns=("species",)).words()
            ['--pictures', 'photos', '--label-column', 'species']
        """
        words = [] if self.folder is None else ["--pictures", str(self.folder)]
        words += [] if self.file_column is None else ["--file-column", self.file_column]
        words += ["--label-column", *self.label_columns] if self.label_columns else []
        words += [] if self.part_column is None else ["--part-column", self.part_column]
        return words + ([] if self.separator is None else ["--separator", self.separator])

    def to_dict(self) -> dict[str, object]:
        """The fields by name, ready for JSON."""
        folder = None if self.folder is None else str(self.folder)
        return {**asdict(self), "folder": folder, "label_columns": list(self.label_columns)}

    @classmethod
    def from_dict(cls, fields: dict[str, object]) -> TableOptions:
        """The same from what `to_dict` gave.

        Raises:
            KeyError: a field is missing.
            TypeError: one is of another kind.
        """
        texts = {name: fields[name] for name in ("file_column", "part_column", "separator")}
        folder, labels = fields["folder"], fields["label_columns"]
        if not all(isinstance(value, str | None) for value in (folder, *texts.values())) or not isinstance(
            labels, list
        ):
            raise TypeError("fields of a table")
        return cls(None if folder is None else Path(str(folder)), label_columns=tuple(map(str, labels)), **texts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Columns:
    """Where in a row what stands."""

    file: int
    labels: tuple[int, ...]  # one column of labels, or several of 0 and 1
    part: int | None
    marked: bool  # whether the label columns hold 0 and 1


def columns_of(table: TableFile, options: TableOptions) -> Columns:
    """The columns of files, labels and parts.

    Args:
        table: with its header.
        options: columns that were named; the others are guessed by their names, the files' by their content too.

    Raises:
        InputTypeError: a name is none.
        InputKeyError: a column that was named is not there.
        InputError: none fits, or several do; one was named twice; or a cell of theirs holds a line break.
    """
    _refuse_odd_names(options)
    found = _columns_of(table, options)
    for index in (found.file, *found.labels, *(() if found.part is None else (found.part,))):
        if table.columns[index]:  # of those without a name only one was found to fit
            _refuse_twice(table, table.columns[index])
    if table.counted == "line":
        _refuse_line_breaks(table, (found.file, *found.labels))
    return found


def _columns_of(table: TableFile, options: TableOptions) -> Columns:
    """The same, whatever their cells hold."""
    part = _asked(table, options.part_column, "part_column")
    named = [_asked(table, name, "label_column") for name in options.label_columns]
    labels = tuple(index for index in named if index is not None)
    file = _asked(table, options.file_column, "file_column")
    taken = {*labels, *(index for index in (part, file) if index is not None)}
    if file is None:
        file = _file(table, taken)
        taken.add(file)
    if part is None:
        part = _part(table, taken)
    if part is not None:
        taken.add(part)
    if len(labels) > 1:
        for index in labels:
            _refuse_other_than_marks(table, index)
        return Columns(file, labels, part, marked=True)
    if labels:
        return Columns(file, labels, part, marked=False)
    return _labels(table, file, part, taken)


def _refuse_odd_names(options: TableOptions) -> None:
    """Sees to it that names of columns are texts, and that none is named for two things."""
    asked = {"file_column": options.file_column, "part_column": options.part_column, "separator": options.separator}
    for argument, value in asked.items():
        if not isinstance(value, str | None):
            raise InputTypeError(f"{argument} is {shortened(value)}; expected a text, or None to have it guessed.")
    for name in options.label_columns:
        if not isinstance(name, str):
            raise InputTypeError(f"label_column is {shortened(name)}; expected a text, the name of a column.")
    named_for: dict[str, str] = {}
    for argument, column in (
        ("file_column", options.file_column),
        ("part_column", options.part_column),
        *(("label_column", name) for name in options.label_columns),
    ):
        if column is None:
            continue
        other = named_for.setdefault(column, argument)
        if argument == "label_column" and options.label_columns.count(column) > 1:
            raise InputError(f"{_flag(argument)} is '{column}' more than once: name each column of labels once.")
        if other != argument:
            raise InputError(
                f"{_flag(other)} and {_flag(argument)} are both '{column}', and a column holds files, labels or parts: "
                "name another one for one of them."
            )


def _flag(argument: str) -> str:
    """How a setting is called in a message: as the argument of a call, and as the flag of a command."""
    return f"{argument} (--{argument.replace('_', '-')})"


def is_on(cell: str) -> bool:
    """Whether a cell of a column of 0 and 1 says that its class is shown."""
    return cell.lower() in _TRUE


def _asked(table: TableFile, name: str | None, argument: str) -> int | None:
    if name is None:
        return None
    if name not in table.columns:
        raise InputKeyError(
            f"{_flag(argument)} is {name!r}, and {table.path} has no such column; it has {table.named()}: name one of "
            "them."
        )
    _refuse_twice(table, name)
    return table.columns.index(name)


def _refuse_twice(table: TableFile, name: str) -> None:
    """A column that is read is the only one of its name; of the others any number may be called alike."""
    if table.columns.count(name) > 1:
        raise InputError(f"{table.path} has several columns named '{name}': give each a name of its own.")


def _named(table: TableFile, names: Sequence[str], taken: set[int]) -> list[int]:
    """The columns with one of these names, in whatever case."""
    spelt = [column.lower().replace(" ", "_").replace("-", "_") for column in table.columns]
    return [index for index, name in enumerate(spelt) if name in names and index not in taken]


def _file(table: TableFile, taken: set[int]) -> int:
    """The column of picture files."""
    if any(name.lower().endswith(PICTURE_ENDINGS) for name in table.columns):
        raise InputError(
            f"{table.path} begins with {table.named()}, which is no header: put a line such as file,label above."
        )
    some = table.rows[:_LOOKED_AT]

    def of_pictures(index: int) -> bool:
        return 2 * sum(row[index].lower().endswith(PICTURE_ENDINGS) for row in some) > len(some)

    pictures = [index for index in range(len(table.columns)) if index not in taken and of_pictures(index)]
    found = [index for index in _named(table, FILE_NAMES, taken) if index in pictures] or pictures
    found = found or _named(table, FILE_NAMES, taken)
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(
            f"{table.path} has no column that looks like one of picture files; it has {table.named()}: name it with "
            f"{_flag('file_column')}, or call it 'file'."
        )
    raise _several(table, found, "be those of the picture files", "file_column")


def _several(table: TableFile, found: Sequence[int], what: str, argument: str) -> InputError:
    """What is said where several columns fit and none was named."""
    for index in found:
        _refuse_twice(table, table.columns[index])  # naming it would not tell which
    listed = ", ".join(repr(table.columns[index]) for index in found)
    return InputError(f"{table.path} has several columns that may {what} ({listed}): name one with {_flag(argument)}.")


def _part(table: TableFile, taken: set[int]) -> int | None:
    """The column of parts, where one is named like it and holds some; a column of something else is left alone."""
    named = [
        index
        for index in _named(table, PART_NAMES, taken)
        if any(row[index].lower() in PART_CALLED for row in table.rows[:_LOOKED_AT])
    ]
    if len(named) > 1:
        raise _several(table, named, "be those of the parts", "part_column")
    return named[0] if named else None


def _labels(table: TableFile, file: int, part: int | None, taken: set[int]) -> Columns:
    """The column of labels: by its name, or as the only one left, or all that are left where they hold 0 and 1."""
    named = _named(table, LABEL_NAMES, taken)
    if len(named) == 1:
        return Columns(file, (named[0],), part, marked=False)
    if named:
        raise _several(table, named, "hold the labels", "label_column")
    # What a spreadsheet adds at the end, without a name and with nothing in it, is no class.
    nameless = {index for index, name in enumerate(table.columns) if not name}
    empty = {index for index in nameless if not any(row[index] for row in table.rows)}
    left = [index for index in range(len(table.columns)) if index not in taken | empty]
    marks = [index for index in left if not _others_than_marks(table, index)]
    if len(left) >= 2 and marks == left:
        return Columns(file, tuple(left), part, marked=True)
    if len(left) == 1:
        return Columns(file, (left[0],), part, marked=False)
    raise InputError(
        f"{table.path} has no column that looks like one of labels; it has {table.named()}: name it with "
        f"{_flag('label_column')}, or call it 'label'."
    )


def _refuse_line_breaks(table: TableFile, columns: Sequence[int]) -> None:
    """No name of a file or class goes over lines: two quotation marks too many would have taken rows in."""
    for row, cells in enumerate(table.rows):
        for index in columns:
            if "\n" in cells[index] or "\r" in cells[index]:
                raise InputError(
                    f"{table.path}, {table.place(row)}, holds a line break in column '{table.columns[index]}': a "
                    "quotation mark may stand where none belongs; take it out, or write the cell in one line."
                )


def _others_than_marks(table: TableFile, index: int) -> list[int]:
    """The rows in which a column holds something else than 0 or 1."""
    return [row for row, cells in enumerate(table.rows) if cells[index].lower() not in (*_TRUE, *_FALSE)]


def _refuse_other_than_marks(table: TableFile, index: int) -> None:
    if rows := _others_than_marks(table, index):
        raise InputError(
            f"{table.path}, {table.place(rows[0])}, holds {table.rows[rows[0]][index]!r} in column "
            f"'{table.columns[index]}'; expected 0 or 1, since several columns of labels were named, one "
            "for each class."
        )


def part_of(table: TableFile, row: int, column: int) -> int:
    """The part that a row belongs to: 0 train, 1 validation, 2 test.

    Raises:
        InputError: its cell names none.
    """
    cell = table.rows[row][column]
    if cell.lower() not in PART_CALLED:
        holds = f"holds {cell!r}" if cell else "holds nothing"
        raise InputError(
            f"{table.path}, {table.place(row)}, {holds} in column '{table.columns[column]}'; expected train, "
            "validation or test."
        )
    return PART_CALLED[cell.lower()]
