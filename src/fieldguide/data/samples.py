"""Sample pictures that come inside the package, and who made them."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from fieldguide.errors import FileError, InputError
from fieldguide.files import explained, path_of, require_writable

_ARCHIVES = Path(__file__).resolve().parent / "archives"
_PHOTOS = "photos"
_UNSEEN = "unseen"
_LARGEST_BYTES = 100_000_000  # far above any sample, far below what fills a disk


@dataclass(frozen=True)
class Sample:
    """A set of sample pictures: what it shows, who made it, under which licence, and what was changed."""

    name: str
    title: str
    class_names: tuple[str, ...]
    train: int  # files in photos/train
    validation: int  # files in photos/validation
    unseen: int  # files in unseen, which belong to neither
    author: str
    licence: str
    licence_url: str
    source_url: str
    changes: str
    sha256: str  # of the archive

    def __str__(self) -> str:
        return (
            f"{self.title}, by {self.author} ({self.licence}, {self.licence_url}). Published at {self.source_url}. "
            f"Changed: {self.changes}."
        )

    def to_dict(self) -> dict[str, object]:
        """All fields, ready for JSON."""
        return asdict(self)


_SAMPLES = (
    Sample(
        name="horses_or_humans",
        title="Horses or humans, a sample of 528 computer-generated pictures",
        class_names=("horses", "humans"),
        train=322,
        validation=200,
        unseen=6,
        author="Laurence Moroney",
        licence="CC BY 2.0",
        licence_url="https://creativecommons.org/licenses/by/2.0/",
        source_url="https://laurencemoroney.com/datasets.html",
        changes=(
            "a selection, transparent backgrounds made white, resized to 224 x 224, encoded as JPEG again; "
            "one file truncated and one copied, so that there is something to find"
        ),
        sha256="3e83943e45e6e8f3e832ccbface074de3f07d36a1f3ddd1e27db662154d98fa2",
    ),
)


def names() -> tuple[str, ...]:
    """The names of the sample sets inside the package.

    Example:
        >>> import fieldguide as fg
        >>> fg.samples.names()
        ('horses_or_humans',)
    """
    return tuple(sample.name for sample in _SAMPLES)


def about(name: str) -> Sample:
    """Who made a sample set, its licence, where it was published and what was changed.

    Args:
        name: one of `names()`.

    Raises:
        InputError: if there is no sample of this name.

    Example:
        >>> import fieldguide as fg
        >>> fg.samples.about("horses_or_humans").author
        'Laurence Moroney'
    """
    for sample in _SAMPLES:
        if sample.name == name:
            return sample
    raise InputError(f"there is no sample set {name!r}: choose one of {', '.join(names())}.")


def unpack(name: str, folder: str | Path) -> Path:
    """The folder of a sample set's training and validation photos, unpacked below `folder`.

    Makes `folder/NAME/photos/{train,validation}/CLASS/*.jpg`, the same for `unseen`, and `folder/NAME/ABOUT.txt`.
    A set that is already there is used again. It appears whole or not at all.

    Args:
        name: one of `names()`.
        folder: where to unpack to; made if it is missing.

    Returns:
        `folder/NAME/photos`, ready to train on.

    Raises:
        InputError: if there is no sample of this name.
        FileError: if the folder cannot be written, a changed copy is in the way, or the package's archive is damaged.

    Example:
        >>> import fieldguide as fg
        >>> photos = fg.samples.unpack("horses_or_humans", folder)
        >>> sorted(place.name for place in photos.iterdir())
        ['train', 'validation']
    """
    sample = about(name)
    target = path_of("folder", folder, "samples") / name
    archive = _ARCHIVES / f"{name}.zip"
    with explained(archive, "read"):
        content = archive.read_bytes()
    if hashlib.sha256(content).hexdigest() != sample.sha256:
        raise FileError(f"{archive} is not the file that belongs here: install fieldguide again.")

    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = _safe_members(file, archive)
        if not target.exists():
            _extract(file, members, target)
    _refuse_changed(members, target)
    return target / _PHOTOS


def unseen(photos: str | Path) -> Path:
    """The folder of pictures that belong to neither part of a sample set, to try its classifier on.

    Args:
        photos: what `unpack` returned.

    Example:
        >>> import fieldguide as fg
        >>> photos = fg.samples.unpack("horses_or_humans", folder)
        >>> sorted(path.name for path in fg.samples.unseen(photos).glob("horses/*"))
        ['horse6-004.jpg', 'horse6-153.jpg', 'horse6-275.jpg']
    """
    return Path(photos).parent / _UNSEEN


def _safe_members(file: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """The files in an archive, once it is certain that none of them lands outside or fills the disk."""
    members = [member for member in file.infolist() if not member.is_dir()]
    for member in members:
        path = PurePosixPath(member.filename)
        outside = path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename
        if outside or stat.S_ISLNK(member.external_attr >> 16):
            raise FileError(f"{archive} holds {member.filename!r}, which would land outside its folder: do not use it.")
    total_bytes = sum(member.file_size for member in members)  # reading never yields more than is declared
    if total_bytes > _LARGEST_BYTES:
        raise FileError(f"{archive} would unpack to {total_bytes:,} bytes, at most {_LARGEST_BYTES:,} are expected.")
    return members


def _extract(file: zipfile.ZipFile, members: list[zipfile.ZipInfo], target: Path) -> None:
    """Unpacks beside `target` and renames, so that `target` is whole or not there."""
    require_writable(target.parent, needed_bytes=sum(member.file_size for member in members))
    temporary = target.parent / f".{os.getpid()}-{os.urandom(4).hex()}"
    with explained(target, "write"):
        try:
            for member in members:
                path = temporary / member.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read(member))
            temporary.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process was faster, and what it wrote is checked next
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _refuse_changed(members: list[zipfile.ZipInfo], target: Path) -> None:
    """Raises unless every file of the set is there at its size; files beside them are the user's own business."""
    for member in members:
        path = target / member.filename
        if not path.is_file() or path.stat().st_size != member.file_size:
            raise FileError(
                f"{target} is not the sample set as shipped ({member.filename} is missing or changed): "
                "delete that folder, or name another one to unpack to."
            )
