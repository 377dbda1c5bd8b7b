"""What a training is given, refused in words where it is of another kind or would destroy an earlier training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fieldguide.data.arguments import reading, said
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
        raise InputTypeError(f"parts is {said(parts)}; expected Parts, such as fg.split({reading(parts)}).")


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
    raise InputTypeError(f"data is {said(data)}; expected a Dataset or Parts, such as {reading(data)}.")


def require_recipe(recipe: object) -> None:
    """Sees to it that a recipe is one whose settings all take effect, or None.

    Raises:
        InputTypeError: it is of another kind.
        InputError: a setting is of what it does not train.
    """
    if recipe is not None and not isinstance(recipe, Recipe | ScratchRecipe):
        raise InputTypeError(
            f"recipe is {said(recipe)}; expected a Recipe or a ScratchRecipe, such as fg.Recipe.auto(parts.train) or "
            "fg.ScratchRecipe.auto(parts.train)."
        )
    if isinstance(recipe, Recipe) and not recipe.trained:
        usual = Recipe()
        names = ("loss", "label_smoothing", "mixing")
        if asked := [name for name in names if getattr(recipe, name) != getattr(usual, name)]:
            raise InputError(
                f"the recipe has {' and '.join(asked)} of its own, for what is trained in epochs, and a head of one "
                "layer, which is fitted at once: give it dense or fine_tune_epochs too, or leave them out."
            )


def require_resumable(recipe: object, folder: object, *, resume: object, logs: Sequence[str]) -> None:
    """Sees to it that going on and logs are asked of a training that has them: from random weights, in a folder.

    Raises:
        InputTypeError: resume is neither True nor False.
        InputError: they are asked of another one.
    """
    if not isinstance(resume, bool):
        raise InputTypeError(f"resume is {said(resume)}; expected True, to go on in that folder, or False.")
    if (resume or logs) and not (isinstance(recipe, ScratchRecipe) and folder is not None):
        what = "resume is" if resume else "logs are"
        raise InputError(f"{what} for trainings from random weights with a folder: give its ScratchRecipe and folder.")


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
