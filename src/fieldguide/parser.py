"""What is said of a command line that cannot be: a line, with the command or flag that may have been meant."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Collection, Sequence
from typing import NoReturn

from fieldguide import console

BAD_INPUT = 2  # the exit code
_NO_COMMAND = re.compile(r"(?:argument )?COMMAND: invalid choice: (.*) \(choose from ", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an argument in a line, where argparse shows all flags before it."""

    def error(self, message: str) -> NoReturn:
        if found := _NO_COMMAND.match(message):
            given, commands = ast.literal_eval(found[1]), [name for each in _commands(self) for name in each.choices]
            text = f"there is no command '{given}'{_near(given, commands)}; there are {', '.join(commands)}"
        else:
            text = message.removeprefix("argument ")
            if message.startswith("unrecognized"):
                text += _near_flag(self, message.split())
        self.exit(BAD_INPUT, f"fieldguide: {console.shown(text)}. `{self.prog} --help` explains the arguments.\n")


def _commands(parser: argparse.ArgumentParser) -> list[argparse._SubParsersAction]:
    return [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]


def _near_flag(parser: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """What the first flag among some words may have been meant to be; "" where none is like it, or it is another's."""
    flags = {flag for action in parser._actions for flag in action.option_strings}
    for each in _commands(parser):
        for command in each.choices.values():
            flags.update(*(action.option_strings for action in command._actions))
    return _near(next((word.partition("=")[0] for word in words if word.startswith("--")), ""), flags)


def _near(given: str, known: Collection[str]) -> str:
    """Which of the known words may have been meant, for a message; "" where none is like it, or it is one of them."""
    import difflib

    found = [] if given in known else difflib.get_close_matches(given, sorted(known), n=1, cutoff=0.7)
    return f" (did you mean {found[0]}?)" if found else ""
