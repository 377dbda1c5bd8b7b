"""A picture and those most like it as one page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fieldguide.data.dataset import Dataset
from fieldguide.evaluation.likeness import Neighbour, Similar
from fieldguide.files import write_text
from fieldguide.model.classifier import Classifier
from fieldguide.reporting.markup import bullets, details, escape, file_name, name, percent
from fieldguide.reporting.page import whole_page
from fieldguide.reporting.pictures import thumbnails
from fieldguide.words import counted

PAGE_FILE = "similar.html"
SIDE = 224  # pixels


def write_neighbours(found: Similar, classifier: Classifier, path: str | Path) -> Path:
    """Writes a page that shows a picture, those most like it and what that says.

    Args:
        found: from `similar`.
        classifier: that it was asked of.
        path: of the page.

    Raises:
        FileError: if the page cannot be written.
    """
    asked, paths = found.prediction, [found.prediction.path, *(each.path for each in found.neighbours)]
    shown = Dataset(found.root, tuple(paths), np.zeros(len(paths), np.int32), ())
    size, resize = classifier.target_size, classifier.resize
    urls = thumbnails(shown, dict.fromkeys(range(len(paths)), SIDE), target_size=size, resize=resize)
    picture = _image(urls.get(0), f"The picture {asked.path.name}")
    doubt = f"; {escape(asked.doubt)}" if asked.doubt else ""
    told = f"<p><b>{name(asked.label)}</b>, {percent(asked.probability or 0)} sure{doubt}<br>"
    told += f'<span class="note">{file_name(asked.path.as_posix())}</span></p>'
    told += "".join(f"<p>{escape(line)}</p>" for line in found.sentences)
    items = "".join(_item(each, urls.get(1 + place)) for place, each in enumerate(found.neighbours))
    body = [
        f"<h1>{_headline(found)}</h1>",
        f'<div class="asked">{picture}<div>{told}</div></div>',
        f'<ol class="pictures">{items}</ol>',
    ]
    if found.skipped:
        lines = [f"{file_name(each.path.as_posix())}: {escape(each.reason)}" for each in found.skipped]
        body.append(details(f"{counted(len(lines), 'file')} left out, with reasons", bullets(lines)))
    write_text(path, whole_page(asked.path.name, "\n".join(body), what="similar pictures"))
    return Path(path)


def _headline(found: Similar) -> str:
    place = name(found.folder.name or found.folder.resolve().name)
    nearest = f"{len(found.neighbours):,} nearest of {counted(found.searched, 'picture')} in {place}"
    if not found.comparable:
        return f"The {nearest}"
    return f"{found.agreeing:,} of the {nearest} are {name(found.prediction.label)}"


def _item(each: Neighbour, url: str | None) -> str:
    title = "" if each.class_name is None else f"<b>{name(each.class_name)}</b> "
    image = _image(url, f"{each.class_name or 'Picture'}: {each.name}")
    numbers = f"alike {each.similarity:.3f}, above {percent(each.above)}"
    return f'<li>{image}{title}{numbers}<span class="file">{file_name(each.name)}</span></li>'


def _image(url: str | None, alternative: str) -> str:
    return "" if url is None else f'<img src="{url}" alt="{escape(alternative)}">'
