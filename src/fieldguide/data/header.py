"""What a file says before any pixel is decoded: its format, its orientation, and the bytes a decoder needs.

Decoders also read what surrounds a picture (EXIF, colour profiles, animation, comments) and print or warn when they
dislike it. Here only the parts that hold pixels are kept, so a decoder has nothing to complain about, and what we need
of the rest, the orientation, is read by one small parser that neither warns nor touches anything global.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from fieldguide.errors import PictureError

HEAD_BYTES = 1024  # enough of a file's start to tell what it is

TRUNCATED = "truncated: the file ends before the picture is complete"

_PICTURES = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "BMP"),
    (re.compile(rb"II\*\0|MM\0\*"), "TIFF"),
    (re.compile(rb"\0\0\x01\0[^\0]\0...\0", re.DOTALL), "ICO"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb"....ftypmi[fa][f1].{4}(?:.{4})*?avif", re.DOTALL), "AVIF"),
    (re.compile(rb"P[1-6][\s#]"), "PPM"),
)

# What people keep beside pictures, or under a picture's name; the first match names it.
_OTHERS = (
    (re.compile(rb"II\*\0.{4}CR|....ftypcrx |FUJIFILMCCD-RAW", re.DOTALL), "camera raw pictures", "JPEG"),
    (re.compile(rb"....ftyp(?:hei|hev|mif1|msf1)", re.DOTALL), "HEIC pictures", "JPEG"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL pictures", "JPEG"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "JPEG 2000 pictures", "PNG"),
    (re.compile(rb"II\+\0|MM\0\+"), "BigTIFF pictures", "PNG"),
    (re.compile(rb"8BPS"), "Photoshop (PSD) pictures", "PNG"),
    (re.compile(rb"v/1\x01"), "OpenEXR pictures", "PNG"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "PostScript drawings", "PNG"),
    (re.compile(rb"%PDF"), "PDF documents", "PNG"),
    (
        re.compile(rb"....ftyp|....moov|RIFF....AVI |\x1a\x45\xdf\xa3|FLV\x01|\0\0\x01[\xb3\xba]", re.DOTALL),
        "video",
        "",
    ),
    (re.compile(rb"RIFF....WAVE|ID3|OggS|fLaC", re.DOTALL), "audio", ""),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ"), "an archive", ""),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer, the picture itself was never fetched", ""),
    (
        re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype )?html", re.IGNORECASE),
        "an HTML page, perhaps from a failed download",
        "",
    ),
    # After HTML, which may hold drawings. What precedes the drawing is skipped, not parsed: files come from anywhere,
    # and a repeat inside a repeat may take time that doubles with each comment.
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:svg|[?!].*?<svg)\b", re.DOTALL), "SVG drawings", "PNG"),
    (re.compile(rb"\0+\Z"), "only zero bytes, perhaps from a failed copy", ""),
)


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MAX_PIXELS = 200_000_000  # width x height; more is taken for a decompression bomb
_BEFORE_MARKER = re.compile(rb"[^\xff]*\xff+")


@dataclass(frozen=True)
class Container:
    """A picture's file, reduced to what its decoder needs.

    Args:
        content: The file with everything but the picture itself left out.
        format: Of `content`; an icon may hold a PNG.
        orientation: EXIF's number, 1 (upright) to 8.
        progressive: Whether the decoder must hold the whole picture at once (a progressive JPEG).
        scan: Where a JPEG's first scan starts in `content`.
        frame: Of a JPEG: bits of a sample, height, width, and how many colours a pixel has.
    """

    content: bytes
    format: str
    orientation: int = 1
    progressive: bool = False
    scan: int = 0
    frame: tuple[int, int, int, int] = (0, 0, 0, 0)


def sniff(head: bytes) -> str:
    """The format ("JPEG", "PNG", ...) that a file's first bytes announce, whatever its name says.

    Raises:
        PictureError: The bytes start no picture that can be read; the reason names what they are.

    Example:
        >>> sniff(bytes.fromhex("89504e470d0a1a0a"))
        'PNG'
    """
    for pattern, what, better in _OTHERS[:1]:  # a camera raw file passes for a TIFF
        if pattern.match(head):
            raise PictureError(f"{what} are not supported: convert to {better}")
    for picture, name in _PICTURES:
        if picture.match(head):
            return name
    for pattern, what, better in _OTHERS:
        if pattern.match(head):
            raise PictureError(f"{what} are not supported: convert to {better}" if better else f"not a picture: {what}")
    if _is_text(head):
        raise PictureError("not a picture: text")
    raise PictureError(f"not a picture: an unknown format that starts with {head[:4].hex(' ')}")


def unwrap(content: bytes, form: str) -> Container:
    """The picture inside a file of the format `form`, with its orientation.

    Raises:
        PictureError: The structure around the picture is damaged or incomplete.
    """
    reduce = {"ICO": _icon, "JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp}.get(form)
    try:
        return reduce(content) if reduce else Container(content, form)
    except (struct.error, IndexError):
        raise PictureError(TRUNCATED) from None


def orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8, of a block of EXIF data; 1 when it says nothing or nonsense.

    Example:
        >>> orientation(b"Exif\\0\\0II*\\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0))
        6
    """
    try:
        order, entries = _directory(exif.removeprefix(b"Exif\0\0"))
        for tag, kind, _, value in entries:
            if tag == _ORIENTATION and kind == 3:
                (number,) = struct.unpack(order + "H", value[:2])
                return number if 1 <= number <= 8 else 1
    except (struct.error, PictureError):
        pass
    return 1


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else a character cut at the end
            return False
        text = head[: error.start].decode()
    return all(character.isprintable() or character.isspace() for character in text)


def _jpeg(content: bytes) -> Container:
    """Keeps the tables and scans, with JFIF and Adobe markers, which decide how colours are stored (ITU T.81, B)."""
    kept, upright, progressive, frame = [b"\xff\xd8"], 1, False, (0, 0, 0, 0)
    position = 2
    while True:
        before = _BEFORE_MARKER.match(content, position)  # stray bytes between segments are forgiven
        if before is None:
            raise PictureError(TRUNCATED)
        position = before.end()
        marker = content[position]
        if marker in (0x00, 0x01, 0xD8) or 0xD0 <= marker <= 0xD7:  # no segment follows these
            position += 1
            continue
        if marker == 0xD9:
            raise PictureError(TRUNCATED)
        (length,) = struct.unpack_from(">H", content, position + 1)
        if length < 2:  # decoders go on from different places
            raise PictureError("damaged: a segment of its header has no length")
        following = position + 1 + length
        if marker == 0xDA:
            tables = b"".join(kept)
            return Container(tables + content[position - 1 :], "JPEG", upright, progressive, len(tables), frame)
        if marker == 0xE1 and content[position + 3 : position + 9] == b"Exif\0\0":
            upright = orientation(content[position + 3 : following])
        if marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(content[position - 1 : following])
        if marker in _FRAMES:
            frame = struct.unpack_from(">BHHB", content, position + 3)
            progressive = progressive or marker in (0xC2, 0xC6, 0xCA, 0xCE)
        position = following


def _png(content: bytes) -> Container:
    """Keeps the chunks that make the default image; a missing end chunk is forgiven, missing data is not."""
    kept, upright, deep = [content[:8]], 1, False
    position = 8
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        following = position + 12 + length
        if following > len(content) and kind != b"IEND":
            raise PictureError(TRUNCATED)
        body = content[position + 8 : following - 4]
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT"):
            if zlib.crc32(kind + body) != int.from_bytes(content[following - 4 : following], "big"):
                raise PictureError(f"damaged: the checksum of its {kind.decode()} data is wrong")
            if kind == b"IHDR":
                deep = body[8:10] == b"\x10\x02"
            elif kind == b"tRNS" and deep:  # 16-bit colours are read by their high byte, so is the transparent one
                body = b"".join(b"\0" + body[at : at + 1] for at in (0, 2, 4))
            kept.append(_chunk(kind, body))
        elif kind == b"eXIf":
            upright = orientation(body)
        elif kind == b"IEND":
            break
        position = following
    if not kept[-1][4:8] == b"IDAT":
        raise PictureError(TRUNCATED)
    return Container(b"".join([*kept, _chunk(b"IEND", b"")]), "PNG", upright)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webp(content: bytes) -> Container:
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 > len(content):
        raise PictureError(TRUNCATED)
    upright, position = 1, 12
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        if kind == b"EXIF":
            upright = orientation(content[position + 8 : position + 8 + length])
        position += 8 + length + length % 2
    return Container(content, "WEBP", upright)


_ORIENTATION, _SUBFILE, _DNG_VERSION = 274, 254, 50706
_TIFF_SINGLE = frozenset((256, 257, 259, 262, 266, 274, 277, 278, 284, 317, 322, 323))
_TIFF_MANY = frozenset((258, 273, 279, 320, 324, 325, 332, 338, 339, 347, 529, 530, 531, 532))
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


def _directory(content: bytes) -> tuple[str, list[tuple[int, int, int, bytes]]]:
    """The byte order and the first directory's (tag, type, count, value or offset) entries (TIFF 6.0, section 2)."""
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None:
        raise PictureError("damaged: no TIFF header")
    (start,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, start)
    return order, [struct.unpack_from(order + "HHI4s", content, start + 2 + 12 * each) for each in range(count)]


def _tiff(content: bytes) -> Container:
    """Gives the first page a new directory at the file's end, of the entries that describe pixels and no others."""
    order, entries = _directory(content)
    kept, upright = [], orientation(content)
    _refuse_missing_strips(content, order, entries)
    for tag, kind, count, value in entries:
        preview = tag == _SUBFILE and struct.unpack(order + "I", value)[0] & 1
        if preview or tag == _DNG_VERSION:
            raise PictureError("camera raw pictures are not supported: convert to JPEG")
        if tag not in _TIFF_SINGLE | _TIFF_MANY:
            continue
        size = _TIFF_SIZES.get(kind, 0) * count
        if size == 0 or (tag in _TIFF_SINGLE and count != 1):
            raise PictureError(f"damaged: its TIFF field {tag} makes no sense")
        if size > 4 and struct.unpack(order + "I", value)[0] + size > len(content):
            raise PictureError(TRUNCATED)
        if tag == _ORIENTATION:
            continue
        kept.append(struct.pack(order + "HHI4s", tag, kind, count, value))
    start = len(content) + len(content) % 2
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + bytes(4)
    head = content[:4] + struct.pack(order + "I", start)
    return Container(head + content[8:].ljust(start - 8, b"\0") + directory, "TIFF", upright)


def _refuse_missing_strips(content: bytes, order: str, entries: list[tuple[int, int, int, bytes]]) -> None:
    """Checks that each strip or tile of pixels lies within the file; libtiff would say so on stderr."""
    tables = {}
    for tag, kind, count, value in entries:
        # The first of each counts, as in libtiff: thousands that name one long table would take hours to read.
        if tag in (273, 279, 324, 325) and kind in (3, 4) and tag not in tables:
            letter = "H" if kind == 3 else "I"
            small = count * _TIFF_SIZES[kind] <= 4
            start = 0 if small else struct.unpack(order + "I", value)[0]
            tables[tag] = struct.unpack_from(f"{order}{count}{letter}", value if small else content, start)
    for offsets, sizes in ((tables.get(273), tables.get(279)), (tables.get(324), tables.get(325))):
        if offsets is None and sizes is None:
            continue
        if offsets is None or sizes is None or len(offsets) != len(sizes) or 0 in sizes:
            raise PictureError("damaged: its TIFF strips make no sense")
        if any(offset + size > len(content) for offset, size in zip(offsets, sizes, strict=True)):
            raise PictureError(TRUNCATED)


def _icon(content: bytes) -> Container:
    """The largest picture of an icon file: a PNG, or an icon file that holds nothing else."""
    (count,) = struct.unpack_from("<H", content, 4)
    entries = [content[6 + 16 * each : 22 + 16 * each] for each in range(count)]
    entry = max(entries, key=lambda each: ((each[0] or 256) * (each[1] or 256), each[6]))
    size, offset = struct.unpack_from("<II", entry, 8)
    body = content[offset : offset + size]
    if len(body) < size:
        raise PictureError(TRUNCATED)
    if body.startswith(b"\x89PNG"):
        return _png(body)
    width, height = struct.unpack_from("<ii", body, 4)
    if (width, height) != (entry[0] or 256, 2 * (entry[1] or 256)):  # the colours and, below them, the mask
        raise PictureError("damaged: the icon's size disagrees with its directory")
    return Container(content[:4] + b"\1\0" + entry[:12] + struct.pack("<I", 22) + body, "ICO")


def refuse_size(width: int, height: int) -> None:
    """Raises PictureError for a picture without pixels, and for one of more than MAX_PIXELS."""
    if width < 1 or height < 1:
        raise PictureError(f"damaged: a picture of {width} x {height} pixels")
    if width * height > MAX_PIXELS:
        megapixels, limit = width * height / 1e6, MAX_PIXELS // 1_000_000
        raise PictureError(f"too large: {width} x {height} is {megapixels:,.0f} megapixels, the limit is {limit}")
