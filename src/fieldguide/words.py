"""Numbers and values in sentences."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun.

    Example:
        >>> counted(1, "picture"), counted(1024, "picture"), counted(3, "class", "classes")
        ('1 picture', '1,024 pictures', '3 classes')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def are(number: int, noun: str, plural: str = "") -> str:
    """A number, its noun and 'is' or 'are'.

    Example:
        >>> are(1, "file"), are(2, "file")
        ('1 file is', '2 files are')
    """
    return f"{counted(number, noun, plural)} {'is' if number == 1 else 'are'}"


def shortened(value: object) -> str:
    """A value as Python writes it, in one line of 80 characters at the most; arrays would come in several.

    Example:
        >>> shortened([[1.5, 2.5]]), len(shortened("photos" * 100))
        ('[[1.5, 2.5]]', 80)
    """
    return " ".join(line.strip() for line in repr(value).splitlines())[:80]


def times(size: tuple[int, int]) -> str:
    """Height and width as they are written.

    Example:
        >>> times((224, 224))
        '224x224'
    """
    return f"{size[0]}x{size[1]}"


def capital(text: str) -> str:
    """A text that begins with a capital letter; the others stay as they are.

    Example:
        >>> capital("unlike anything in JPEG")
        'Unlike anything in JPEG'
    """
    return text[:1].upper() + text[1:]
