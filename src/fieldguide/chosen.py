"""The settings of augmentation that a command's flags ask for, and the preset that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from fieldguide.augmentation.presets import DEFAULT, preset_called, preset_named
from fieldguide.augmentation.settings import Settings
from fieldguide.errors import InputError

# Settings that say how something varies, and vary nothing by themselves.
HOW = ("crop_ratio", "erasing_area", "erasing_ratio", "fill_mode", "cval", "interpolation", "value_range")
NO_FLAGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Chosen:
    """Settings, and the preset that they are or were made from, if any.

    Example:
        >>> chosen = chosen_settings({"preset": "strong", "rotation_range": 5})
        >>> chosen.preset, chosen.changed
        ('strong', ('rotation_range',))
    """

    settings: Settings
    preset: str = ""

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the settings that are other than the preset's."""
        if not self.preset:
            return ()
        before, now = preset_called(self.preset).settings.to_dict(), self.settings.to_dict()
        return tuple(name for name in now if now[name] != before[name])


def chosen_settings(given: Mapping[str, Any], flags: Mapping[str, str] = NO_FLAGS) -> Chosen:
    """The settings that a command's flags ask for: a preset, changed by what is given beside it.

    Args:
        given: "preset", a name or None; "shift", for both directions; and any setting by its name. What is None was
            not given. Without any of them, or with only flips turned off and settings of how something varies, such as
            "fill_mode", it is the preset "medium", changed by them; without a preset nothing else varies.
        flags: What a person typed for each of them, by which errors name it; by default these names.

    Raises:
        InputError: There is no such preset, or a setting is out of range.

    Example:
        >>> print(chosen_settings({"shift": 0.1, "height_shift_range": 0.2, "rotation_range": None}).settings)
        width_shift_range=0.1, height_shift_range=0.2
        >>> print(chosen_settings({"preset": "light", "horizontal_flip": False}).settings)
        rotation_range=8, width_shift_range=0.05, height_shift_range=0.05, zoom_range=0.1
    """
    changes: dict[str, Any] = {}
    for name in ("shift", *(each.name for each in fields(Settings))):
        if given.get(name) is not None:
            settings = ("width_shift_range", "height_shift_range") if name == "shift" else (name,)
            for setting in settings:
                changes[setting] = _short(given[name])
                _check(setting, changes[setting], flags.get(name, name))
    preset = given.get("preset")
    if preset is None and any(value is not False for name, value in changes.items() if name not in HOW):
        made = Settings(**changes)
        return Chosen(made, preset_named(made))
    try:
        named = preset_called(DEFAULT if preset is None else preset)
    except InputError as error:
        raise InputError(str(error).replace("preset", flags.get("preset", "preset"), 1)) from None
    return Chosen(replace(named.settings, **changes), DEFAULT if preset is None else preset)


def _check(setting: str, value: Any, flag: str) -> None:
    """Raises what the setting says against the value, in the name of the flag."""
    try:
        Settings(**{setting: value})
    except InputError as error:
        raise type(error)(str(error).replace(setting, flag, 1)) from None


def _short(value: Any) -> Any:
    """A flag's number as a person writes it: 40, not 40.0; and several as a pair."""
    if isinstance(value, list):
        return tuple(map(_short, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value
