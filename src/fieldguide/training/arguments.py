"""What a training is given, refused in words where it is of another kind or would destroy an earlier training."""

from __future__ import annotations

from pathlib import Path

from fieldguide.data.dataset import Dataset
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import Parts
from fieldguide.errors import InputError, InputTypeError
from fieldguide.model.classifier import MODEL_FILE
from fieldguide.training import checkpoint as checkpoints
from fieldguide.training.recipe import Recipe
from fieldguide.training.scratch_recipe import ScratchRecipe


def require_parts(parts: object) -> None:
    """Sees to it that pictures come divided.

    Raises:
        InputTypeError: they are of another kind.

    Example:
        >>> require_parts("photos")
        Traceback (most recent call last):
        fieldguide.errors.InputTypeError: parts is 'photos' (str); expected Parts, such as
        fg.split(fg.Dataset.from_directory('photos')).
    """
    if isinstance(parts, Dataset | PixelStore):
        raise InputTypeError(f"parts is a {type(parts).__name__}; expected Parts: divide it by fg.split.")
    if not isinstance(parts, Parts):
        raise InputTypeError(f"parts is {_said(parts)}; expected Parts, such as fg.split({_read(parts)}).")


def folder_of(data: object) -> Path:
    """The folder of pictures that were listed, divided or not.

    Raises:
        InputTypeError: they are of another kind.
    """
    if isinstance(data, Parts):
        return data.train.root
    if isinstance(data, PixelStore):
        return data.dataset.root
    if isinstance(data, Dataset):
        return data.root
    raise InputTypeError(f"data is {_said(data)}; expected a Dataset or Parts, such as {_read(data)}.")


def require_recipe(recipe: object) -> None:
    """Sees to it that a recipe is one, or None.

    Raises:
        InputTypeError: it is of another kind.
    """
    if recipe is not None and not isinstance(recipe, Recipe | ScratchRecipe):
        raise InputTypeError(
            f"recipe is {_said(recipe)}; expected a Recipe or a ScratchRecipe, such as fg.Recipe.auto(parts.train) or "
            "fg.ScratchRecipe.auto(parts.train)."
        )


def require_free(folder: Path, *, resumable: bool) -> None:
    """Sees to it that no earlier training stands in a folder, which a new one would overwrite.

    Args:
        folder: where a new training is to be written.
        resumable: whether one like it could go on from a checkpoint.

    Raises:
        InputError: there is one.
    """
    last = Path(checkpoints.FOLDER) / checkpoints.LAST
    found = [name for name in (Path(MODEL_FILE), last) if (folder / name).exists()]
    if found:
        other = "; resume=True goes on with the training that is there" if resumable and last in found else ""
        raise InputError(
            f"{folder} holds a training already ({' and '.join(map(str, found))}): name a new folder{other}."
        )


def _said(value: object) -> str:
    return f"{value!r:.80} ({type(value).__name__})"


def _read(value: object) -> str:
    """How pictures are read; from that folder, if it may be one."""
    folder = str(value) if isinstance(value, str | Path) else "photos"
    return f"fg.Dataset.from_directory({folder!r})"
