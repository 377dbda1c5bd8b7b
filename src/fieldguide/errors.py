"""The errors fieldguide raises: each says what was received, what was expected and what to do."""

from __future__ import annotations


class FieldguideError(Exception):
    """Anything fieldguide refuses to do; the message is written for the person who asked for it.

    Example:
        >>> import fieldguide as fg
        >>> try:
        ...     fg.Dataset.from_directory("fotos")
        ... except fg.FieldguideError as error:
        ...     print(error)
        cannot read the folder fotos: it does not exist: check the spelling.
    """


class InputError(FieldguideError, ValueError):
    """An argument, flag or set of pictures that cannot be used as it is. Also a ValueError.

    Example:
        >>> import fieldguide as fg
        >>> try:
        ...     fg.split(fg.Dataset.from_directory("photos"), test=20)
        ... except fg.InputError as error:
        ...     print(error)
        validation is 0.0 and test is 20; expected shares from 0 to 1 that leave some to train on.
    """


class InputTypeError(InputError, TypeError):
    """An argument of a kind that cannot be used: a list where a number belongs. Also a TypeError.

    Example:
        >>> import fieldguide as fg
        >>> try:
        ...     fg.ImageDataGenerator().flow_from_directory("photos", batch_size=16.5)
        ... except fg.InputTypeError as error:
        ...     print(error)
        batch_size is 16.5 (float); expected a whole number, 1 or larger, such as 32.
    """


class InputKeyError(InputError, KeyError):
    """A name that is not among those there are: a column that a dataframe lacks, an unknown format. Also a KeyError.

    Example:
        >>> import fieldguide as fg
        >>> try:
        ...     fg.save_img("noise.xyz", [[[0, 0, 0]]])
        ... except fg.InputKeyError as error:
        ...     print(error)
        the picture's format is 'xyz', which cannot be written: end the path in .png or .jpg.
    """

    def __str__(self) -> str:
        return Exception.__str__(self)  # a KeyError shows its message in quotation marks


class FileError(FieldguideError, OSError):
    """A file or folder that is missing, unreadable, read-only or on a full disk. Also an OSError.

    Example:
        >>> import fieldguide as fg
        >>> try:
        ...     fg.load("runs/lost")
        ... except fg.FileError as error:
        ...     print(error)
        there is no model at runs/lost: name a run folder or a .keras file; `fieldguide train` makes one.
    """


class MissingFileError(FileError, FileNotFoundError):
    """A file or folder that is not there. Also a FileNotFoundError.

    Example:
        >>> import fieldguide as fg
        >>> try:
        ...     fg.load_img("cat.jpg")
        ... except FileNotFoundError as error:
        ...     print(error)
        cannot read the picture cat.jpg: gone: moved or deleted.
    """


class PictureError(FieldguideError, ValueError):
    """One picture that cannot be read; the message is the reason, without the path. Also a ValueError.

    It stays inside: a picture that cannot be read is listed with its reason, and the work goes on.

    Example:
        >>> from fieldguide.data import decode
        >>> try:
        ...     decode.read("new/notes.txt", (224, 224))
        ... except PictureError as error:
        ...     print(error)
        not a picture: text
    """


class ModelError(FieldguideError, ValueError):
    """A model that is missing, damaged, written by a newer version or not fieldguide's. Also a ValueError.

    Example:
        >>> import fieldguide as fg
        >>> try:
        ...     fg.load("photos")
        ... except fg.ModelError as error:
        ...     print(error)
        photos holds no model.keras: name a run folder that `fieldguide train` finished, or a model.
    """


class TrainingError(FieldguideError, ArithmeticError):
    """A training that cannot go on: its loss is no number any more, or its process ended. Also an ArithmeticError.

    Example:
        >>> raise TrainingError("the loss became no number in epoch 3, batch 1")
        Traceback (most recent call last):
        fieldguide.errors.TrainingError: the loss became no number in epoch 3, batch 1
    """
