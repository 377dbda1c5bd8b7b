"""Batches written to a folder as pictures, for a look at what was made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fieldguide.errors import InputError, InputTypeError
from fieldguide.files import explained
from fieldguide.preprocessing.pictures import array_to_img, can_write

_JPEG = ("jpg", "jpeg", "jpe", "jfif")  # knows no transparency


class Saving:
    """Writes batches to a folder as pictures, for a look at what was made of them."""

    def __init__(self, folder: str | Path | None, prefix: str, form: str, data_format: str) -> None:
        """Where pictures are written to.

        Args:
            folder: it is made if it is missing; None writes nothing.
            prefix: of the files' names.
            form: the ending of the files' names: "png", "jpg", ...
            data_format: of the batches.

        Raises:
            InputError: no such format can be written.
            InputTypeError: `form` is no text.
            FileError: the folder cannot be made.
        """
        self.folder = None if folder is None else Path(folder)
        self.prefix, self.form, self.data_format = prefix, form, data_format
        if self.folder is not None:
            if not isinstance(form, str):
                raise InputTypeError(f"save_format is {form!r}; expected the ending of a name, such as 'png'.")
            if not can_write(form):
                raise InputError(f"save_format is {form!r}, which cannot be written; expected such as 'png' or 'jpeg'.")
            with explained(self.folder, "write pictures to"):
                self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, batch: np.ndarray, rows: np.ndarray, source: np.random.RandomState, most: float) -> None:
        """Writes a batch, if a folder was given: files named prefix_row_number.form."""
        if self.folder is None:
            return
        for picture, row in zip(batch, rows, strict=True):
            path = self.folder / f"{self.prefix}_{row}_{source.randint(int(most))}.{self.form}"
            image = array_to_img(picture, self.data_format, scale=True)
            if image.mode == "RGBA" and self.form.lower() in _JPEG:
                image = image.convert("RGB")
            with explained(path, "write"):
                image.save(path)
