"""The errors fieldguide raises: each says what was received, what was expected and what to do."""

from __future__ import annotations


class FieldguideError(Exception):
    """Anything fieldguide refuses to do; the message is written for the person who asked for it."""


class InputError(FieldguideError, ValueError):
    """An argument, flag or set of pictures that cannot be used as it is."""


class FileError(FieldguideError, OSError):
    """A file or folder that is missing, unreadable, read-only or on a full disk."""


class PictureError(FieldguideError, ValueError):
    """One picture that cannot be read; the message is the reason, without the path."""


class ModelError(FieldguideError, ValueError):
    """A model that is missing, damaged, written by a newer version or not fieldguide's."""
