"""What a file's first bytes say, told in a time that does not depend on who wrote them."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest

from fieldguide.data import header
from fieldguide.errors import PictureError

SVG = "SVG drawings are not supported: convert to PNG"
HTML = "not a picture: an HTML page, perhaps from a failed download"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"<svg>", SVG),
        (b"\xef\xbb\xbf <svg width='4'/>", SVG),
        (b"<?xml version='1.0'?>\n<!-- <b>made</b> --><!-- by hand -->\n<!DOCTYPE svg PUBLIC 'x'>\n<svg>", SVG),
        (b"<!DOCTYPE svg [ <!ENTITY ns 'x'> ]>\n<svg\nxmlns='x'>", SVG),
        (b"<!doctype html>\n<html><body><svg>", HTML),
        (b"\xef\xbb\xbf<html><svg>", HTML),
        (b"<svgs>", "not a picture: text"),
        (b"<b>, then <svg>", "not a picture: text"),
        (b"<!-- a comment -->", "not a picture: text"),
    ],
)
def test_a_drawing_is_told_from_a_page_and_from_text(head: bytes, expected: str) -> None:
    with pytest.raises(PictureError, match=f"^{expected}$"):
        header.sniff(head)


@pytest.mark.parametrize(
    "start, repeated",
    [
        (b"", b"<!---->"),
        (b"<?xml", b"<!---->"),
        (b"<?xml", b"<?xml<!DOCTYPE svg"),
        (b"", b" "),
        (b"<", b"!doctype html "),
        (b"\0\0\0\x18ftypmif1", b"avi "),
        (b"", b"\0"),
    ],
)
def test_no_head_takes_long_to_tell(start: bytes, repeated: bytes) -> None:
    """In a process of its own, since a pattern that does not end cannot be interrupted in this one."""
    code = (
        "from fieldguide.data import header\n"
        "from fieldguide.errors import PictureError\n"
        f"for count in (140, {header.HEAD_BYTES}):\n"
        "    try:\n"
        f"        header.sniff(({start!r} + {repeated!r} * count + b'x')[: {header.HEAD_BYTES}])\n"
        "    except PictureError:\n"
        "        print('told')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("told\n" * 2, "")


def test_a_thousand_tables_of_strips_are_not_all_read() -> None:
    """Each would be read whole: a file of 2 MB could name 60,000 of 200,000 strips."""
    strips, entries = 200_000, 60_000
    table = 8 + 2 + 12 * entries + 4
    offsets = struct.pack("<HHII", 273, 4, strips, table)
    sizes = struct.pack("<HHII", 279, 4, strips, table)
    content = b"II*\0" + struct.pack("<IH", 8, entries) + offsets + sizes * (entries - 1) + bytes(4)
    content += struct.pack("<I", 1) * strips
    code = (
        "import sys\nfrom fieldguide.data import header\nprint(header.unwrap(sys.stdin.buffer.read(), 'TIFF').format)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == ([b"TIFF"], b"")
