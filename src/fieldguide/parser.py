"""What is said of a command line that cannot be: a line, with the flag that may have been meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from fieldguide import console

BAD_INPUT = 2  # the exit code


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an argument in a line, where argparse shows all flags before it."""

    def error(self, message: str) -> NoReturn:
        text = console.shown(message.removeprefix("argument "))
        near = _near(self, message.split()) if message.startswith("unrecognized") else ""
        self.exit(BAD_INPUT, f"fieldguide: {text}{near}. `{self.prog} --help` explains the arguments.\n")


def _near(parser: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """What the first flag among some words may have been meant to be; "" where none is like it, or it is another's."""
    import difflib

    flags: set[str] = set()
    for action in parser._actions:
        flags.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                flags.update(*(each.option_strings for each in command._actions))
    given = next((word.partition("=")[0] for word in words if word.startswith("--")), "")
    found = [] if given in flags else difflib.get_close_matches(given, sorted(flags), n=1, cutoff=0.7)
    return f" (did you mean {found[0]}?)" if found else ""
