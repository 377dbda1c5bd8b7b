"""Makes the sample pictures of the package from the published set, the same bytes every time.

    python scripts/make_samples.py SHARED_DATA

SHARED_DATA holds `horses_or_humans/{train,validation}/{horses,humans}`, the official split of Laurence Moroney's set.
Its validation part shows other characters than its training part. One horse and one person of it are set aside here as
pictures that no part of training or validation has seen. Prints the checksum that `data/samples.py` has to state.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "fieldguide"
TARGET = PACKAGE / "data" / "archives" / "horses_or_humans.zip"
SIDE = 224  # what the bundled backbone looks at
QUALITY = 80
TRAIN, VALIDATION, UNSEEN = 160, 100, 3  # pictures of each class
SET_ASIDE = {"horses": "horse6-", "humans": "valhuman05-"}
ABOUT = """\
Horses or humans, a sample

Computer-generated pictures of horses and humans by Laurence Moroney,
published as "horses or humans" at https://laurencemoroney.com/datasets.html
Licence: CC BY 2.0, https://creativecommons.org/licenses/by/2.0/

Changed for fieldguide: a selection, transparent backgrounds made white,
resized to 224 x 224 pixels and encoded as JPEG again.

photos/train, photos/validation   the official split; other characters in each
unseen                            one more horse and one more person, in neither

Two files are deliberately wrong, so that there is something to find:
photos/train/horses/horse-truncated.jpg   breaks off half way
photos/train/humans/human-copy.jpg        the same bytes as human01-00.jpg
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample pictures of the package.")
    parser.add_argument("shared_data", type=Path, help="the folder that holds horses_or_humans/")
    source = parser.parse_args().shared_data / "horses_or_humans"

    members = dict(sorted(pictures(source)))
    refuse_leaks(members)
    whole = members["photos/train/horses/horse01-3.jpg"]
    members["photos/train/horses/horse-truncated.jpg"] = whole[: len(whole) // 2]
    del members["photos/train/horses/horse01-3.jpg"]  # half of it is enough
    members["photos/train/humans/human-copy.jpg"] = members["photos/train/humans/human01-00.jpg"]

    content = archive({"ABOUT.txt": ABOUT.encode(), **dict(sorted(members.items()))})
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(content)
    print(f"{TARGET}: {len(members)} pictures, {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


def pictures(source: Path) -> Iterator[tuple[str, bytes]]:
    """The chosen pictures: name in the archive, JPEG bytes."""
    for label, aside in SET_ASIDE.items():
        trained = sorted((source / "train" / label).iterdir())
        official = sorted((source / "validation" / label).iterdir())
        measured = [path for path in official if not path.name.startswith(aside)]
        unseen = [path for path in official if path.name.startswith(aside)]
        for place, paths, number in (
            (f"photos/train/{label}", trained, TRAIN + (label == "horses")),  # one of them will be truncated
            (f"photos/validation/{label}", measured, VALIDATION),
            (f"unseen/{label}", unseen, UNSEEN),
        ):
            for path in spread(paths, number):
                yield f"{place}/{path.stem}.jpg", smaller(path)


def spread(paths: list[Path], number: int) -> list[Path]:
    """`number` of the paths at even distances, so that every scene and character is among them."""
    return [paths[index * len(paths) // number] for index in range(number)]


def smaller(path: Path) -> bytes:
    with Image.open(path) as picture:
        resized = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    resized.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def refuse_leaks(members: dict[str, bytes]) -> None:
    """Stop if two chosen pictures are the same, byte for byte."""
    names: dict[bytes, str] = {}
    for name, content in members.items():
        other = names.setdefault(hashlib.sha256(content).digest(), name)
        if other != name:
            raise SystemExit(f"{other} and {name} are the same picture: choose others.")


def archive(members: dict[str, bytes]) -> bytes:
    """A ZIP archive whose bytes depend on names and contents only: no dates, no owner, JPEG stored as it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)  # dated 1980-01-01
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
