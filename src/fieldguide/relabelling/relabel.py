"""Labels in doubt put right: from a run's folder to a corrections file, with a page in between."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fieldguide import console
from fieldguide.asked import CORRECTED_FILE
from fieldguide.data.columns import TableOptions
from fieldguide.data.corrections import Corrections
from fieldguide.data.dataset import Dataset
from fieldguide.data.labelled import labelled
from fieldguide.data.tables import one_line
from fieldguide.errors import FileError, InputError, MissingFileError, ModelError
from fieldguide.evaluation.suspect_table import SUSPECTS_FILE, Ranked, read_suspects
from fieldguide.files import explained, require_file
from fieldguide.place import require_outside
from fieldguide.relabelling.server import Server
from fieldguide.relabelling.session import LEFT_OUT, Item, Session
from fieldguide.reporting.card import CARD_FILE
from fieldguide.words import are, capital, counted

CORRECTIONS_FILE = "corrections.csv"
_TABLE_FLAGS = ("--pictures", "--file-column", "--label-column", "--part-column", "--separator")  # in `words` anew


@dataclass(frozen=True)
class Relabelled:
    """What was decided."""

    corrections: Path  # the file
    pictures: int  # that were shown
    changed: int  # of them have another label now
    left_out: int
    confirmed: int
    made: int  # decisions in this session
    next: str  # a command

    def __str__(self) -> str:
        looked_at = self.changed + self.left_out + self.confirmed
        first = (
            f"{looked_at:,} of {counted(self.pictures, 'label')} decided, {self.made:,} of them in this session: "
            f"{self.changed:,} changed, {self.confirmed:,} right, {counted(self.left_out, 'picture')} left out"
        )
        lines = [first, *([f"Kept in    {self.corrections}"] if looked_at else [])]
        lines.append(f"Try next   {console.called(self.next)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """The fields by name."""
        return {**vars(self), "corrections": str(self.corrections)}


def relabel(
    run: Path,
    *,
    corrections: Path | None = None,
    pictures: Path | None = None,
    everything: bool = False,
    port: int = 0,
    browser: bool = True,
) -> Relabelled:
    """Shows the suspects of a run on a page of this machine until Ctrl-C or its last button, and keeps what is decided.

    Args:
        run: its folder.
        corrections: the file where decisions are kept; by default corrections.csv in the run's folder.
        pictures: their folder, if it is not where the run was trained from.
        everything: show all pictures, the label most in doubt first.
        port: of the page's address; 0 takes one that is free.
        browser: whether the page is opened in a browser.

    Raises:
        InputError: the run has no suspects, its pictures are others, or a file or port cannot be used.
        FileError: something cannot be read or written.
        ModelError: the run's card is damaged.
    """
    card = _card(run)
    path = run / CORRECTIONS_FILE if corrections is None else corrections
    session = open_session(run, card, path, pictures=pictures, everything=everything)
    again = training(card, session.data.words, path)
    with Server(session, port, again=again) as server:
        console.say(
            f"{counted(len(session.items), 'picture')}, {len(session.decisions):,} decided. Every decision is kept in "
            f"{path} at once.\nOpen {server.url} in a browser of this machine; Ctrl-C ends it."
        )
        if browser and _has_screen():
            # Some browsers return only when they are closed.
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            console.say("")
    session.close()
    return _outcome(session, run, again)


def open_session(
    run: Path, card: Mapping[str, Any], path: Path, *, pictures: Path | None = None, everything: bool = False
) -> Session:
    """The pictures to be looked at, and what was decided of them.

    Args:
        run: its folder.
        card: of the run.
        path: of the corrections file.
        pictures: their folder, if it is not where the run was trained from.
        everything: not only the suspects.

    Raises:
        InputError: the run has no suspects, or its pictures are others.
        FileError: something cannot be read, or the corrections cannot be written.
    """
    if card.get("several_labels"):
        raise InputError(
            f"the pictures of {run} have several labels each, and relabelling is for those with one: put the table "
            "right."
        )
    if not (run / SUSPECTS_FILE).exists():
        raise FileError(
            f"{run} holds no {SUSPECTS_FILE}. No label can be doubted by a training from scratch, by one on fewer than "
            "20 pictures, or by a classifier that is not surely better than guessing: name another run."
        )
    ranked = [one for one in read_suspects(run / SUSPECTS_FILE) if everything or one.suspect]
    if not ranked:
        raise InputError(f"no label of {run} is in doubt: add --all to look at all pictures.")
    root = Path(card["data"]["root"]) if pictures is None else pictures
    table = _table(card, pictures)
    if table is not None and not table[0].exists():
        raise InputError(f"the table that {run} was trained from is not at {table[0]}, seen from here: put it there.")
    if pictures is None and not root.is_dir():
        raise InputError(f"the pictures of {run} are not at {root}, seen from here: name their folder with --pictures.")
    data = Dataset.from_directory(root) if table is None else labelled(*table)
    require_outside(path, data.source, asked="--corrections", what="file")
    require_file(path)
    items = _items(ranked, data, run)
    applied = run / CORRECTED_FILE
    before = Corrections.read(applied).lines if applied.exists() else ()
    return Session(data, items, path, before)


def _table(card: Mapping[str, Any], pictures: Path | None) -> tuple[Path, TableOptions] | None:
    """The table that a run was trained from and what was said of it, its pictures perhaps elsewhere; None if none."""
    if "table" not in card["data"]:
        return None
    try:
        fields = dict(card["data"]["table"])
        options = TableOptions.from_dict(fields)
        return Path(fields["path"]), options if pictures is None else replace(options, folder=pictures)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{CARD_FILE} of the run is damaged: train again in a new folder.") from error


def training(card: Mapping[str, Any], words: Sequence[str], path: Path) -> str:
    """The command that trains as the run was trained, with the corrections.

    Args:
        card: of the run.
        words: that name the pictures.
        path: of the corrections file.

    Example:
        >>> training({"command": "fieldguide train a --seed 1 --output RUN"}, ["b"], Path("c.csv"))
        'fieldguide train b --seed 1 --corrections c.csv'
    """
    before = shlex.split((card.get("command") or "fieldguide train PHOTOS").splitlines()[0])[3:]
    for flag in ("--output", "--corrections", *_TABLE_FLAGS):
        if flag in before:
            place = before.index(flag)
            after = place + 1
            while after < len(before) and not before[after].startswith("--"):
                after += 1
            del before[place:after]
    return shlex.join(["fieldguide", "train", *words, *before, "--corrections", str(path)])


def _card(run: Path) -> dict[str, Any]:
    if not run.exists():
        raise MissingFileError(f"there is no run at {run}: it does not exist; check the spelling.")
    path = run / CARD_FILE
    if not path.exists():
        raise FileError(f"{run} holds no {CARD_FILE}: name the folder of a run that `fieldguide train` finished.")
    with explained(path, "read"):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(card["data"]["root"], str):
                raise TypeError
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path} is damaged: train again in a new folder.") from error
    return dict(card)


def _items(ranked: list[Ranked], data: Dataset, run: Path) -> list[Item]:
    """The pictures that are still there; how many are gone is said."""
    label_of = {one_line(name): label for label, name in enumerate(data.class_names)}
    row_of = {one_line(data.name(row)): row for row in range(len(data))}
    of_it, cure = "folder", "name the folder of its pictures with --pictures"
    if data.table is not None:
        of_it, cure = "row", "put the table back as it was, or train again"
    for one in ranked:
        for name in (one.label, one.suggested):
            if name not in label_of:
                raise InputError(
                    f"{run} was trained on other pictures: its suspects are of class '{name}', which {data.source} has "
                    f"no {of_it} of ({', '.join([*label_of][:8])}): {cure}."
                )
    items = [
        Item(row_of[one.file], label_of[one.label], label_of[one.suggested], *_shares(one))
        for one in ranked
        if one.file in row_of
    ]
    if not items:
        raise InputError(
            f"{run} was trained on other pictures: none of its suspects is in {data.source}, such as {ranked[0].file}. "
            f"{capital(cure)}."
        )
    if gone := len(ranked) - len(items):
        console.warn(f"{are(gone, 'picture')} not in {data.source} any more, and left aside.")
    return items


def _shares(one: Ranked) -> tuple[float, float]:
    return one.label_probability, one.suggested_probability


def _outcome(session: Session, run: Path, again: str) -> Relabelled:
    decisions = session.decisions
    left_out = sum(label == LEFT_OUT for label in decisions.values())
    confirmed = sum(session.items[place].label == label for place, label in decisions.items())
    following = again if decisions else f"fieldguide relabel {shlex.quote(str(run))}"
    changed = len(decisions) - left_out - confirmed
    return Relabelled(session.path, len(session.items), changed, left_out, confirmed, session.made, following)


def _has_screen() -> bool:
    """Whether a browser would open in a window; without one, some open in the terminal and take it over."""
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
