"""The part of a report that shows pictures whose labels are in doubt."""

from __future__ import annotations

from html import escape

from fieldguide.data.dataset import Dataset
from fieldguide.evaluation.doubted import Doubted
from fieldguide.evaluation.suspect_table import SUSPECTS_FILE
from fieldguide.reporting.markup import file_name, name, percent, section
from fieldguide.reporting.pictures import thumbnails
from fieldguide.words import are, counted

SHOWN = 12
SIDE = 160  # pixels of the longer side


def in_doubt(found: Doubted, data: Dataset, *, target_size: tuple[int, int], resize: str) -> str:
    """The labels most in doubt as pictures, and what is to be done about them.

    Args:
        found: the ranking.
        data: the pictures it is of, and perhaps more.
        target_size: (height, width) at which the classifier takes pictures.
        resize: the rule by which they are brought there.
    """
    suspects = found.suspects
    n = len(suspects.labels)
    if not suspects.count:
        said = f"No label is in doubt, of {counted(n, 'picture')} that were learnt from."
        return section("doubted", "Labels in doubt", f"<p>{said}</p>")
    row_of = {data.name(row): row for row in range(len(data))}
    listed = suspects.listed(min(SHOWN, suspects.count))
    rows = {row_of[found.files[one.row]]: SIDE for one in listed if found.files[one.row] in row_of}
    urls = thumbnails(data, rows, target_size=target_size, resize=resize)
    items = []
    for one in listed:
        file = found.files[one.row]
        url = urls.get(row_of.get(file, -1))
        told = f"labelled {one.given}, looks like {one.suggested}"
        picture = f'<img src="{url}" alt="{escape(told)}" loading="lazy">' if url else "<p>The file is gone.</p>"
        items.append(
            f"<li>{picture}labelled <b>{name(one.given)}</b>, looks like {name(one.suggested)} "
            f'({percent(one.suggested_probability)})<span class="file">{file_name(file)}</span></li>'
        )
    more = f" The first {len(listed)} are shown." if suspects.count > len(listed) else ""
    said = (
        f"{are(suspects.count, 'label')} in doubt, of {counted(n, 'picture')}: a model that was not fitted to the "
        f"picture finds another class more probable.{more} Some are wrong labels, some are hard pictures. "
        f"All of them, in this order, are in {SUSPECTS_FILE}; fieldguide relabel shows them one by one, to confirm or "
        "correct."
    )
    return section("doubted", "Labels in doubt", f'<p>{said}</p><ul class="pictures">{"".join(items)}</ul>')
