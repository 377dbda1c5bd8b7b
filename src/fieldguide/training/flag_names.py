"""What settings are called on the command line, and messages about them in those words."""

from __future__ import annotations

from collections.abc import Mapping


def by_flag(message: str, said: Mapping[str, str]) -> str:
    """What is said of a setting, with its flag in the place of the name that it has in the recipe.

    Args:
        message: that begins with the name of a setting.
        said: the flag's name for each name that a setting may have.

    Example:
        >>> by_flag("family is 'resnet'; expected one of plain, classic, residual.", {"family": "net"})
        "--net is 'resnet'; expected one of plain, classic, residual."
    """
    name = message.split(" is ", 1)[0]
    if name in said:
        return flag(said[name]) + message.removeprefix(name)
    return f"--target: {message}" if " target " in f" {name} " else message


def flag(name: str) -> str:
    """The name on the command line of a setting.

    Example:
        >>> flag("block_dropout")
        '--block-dropout'
    """
    return "--" + name.replace("_", "-")
