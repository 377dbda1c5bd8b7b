from __future__ import annotations

import pytest

from fieldguide.intervals import wilson
from fieldguide.reporting import markup


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>&'\"", "&lt;b&gt;&amp;&#x27;&quot;"),
        ("a\x00b\x1b[31m\n", "a\ufffdb\ufffd[31m\ufffd"),
        ("evil\u202egpj.exe", "evil\ufffdgpj.exe"),  # turns the direction of writing
        ("\udcff.jpg", "\\udcff.jpg"),  # a byte of a file name that is no UTF-8
        ("Äpfel 苹果 תפוח 👩‍🌾", "Äpfel 苹果 תפוח 👩‍🌾"),
    ],
)
def test_any_text_is_safe_and_stays_readable(text: str, shown: str) -> None:
    assert markup.escape(text) == shown
    markup.escape(text).encode()


def test_a_name_is_set_apart_and_a_path_may_break_after_its_slashes() -> None:
    assert markup.name("a<b") == "<bdi>a&lt;b</bdi>"
    assert markup.file_name("cats/b.jpg") == "<bdi>cats/<wbr>b.jpg</bdi>"


def test_a_name_is_cut_before_it_is_escaped() -> None:
    assert markup.short("<<<<<", 3) == "&lt;&lt;\N{HORIZONTAL ELLIPSIS}"
    assert markup.short("cat", 3) == "cat"


def test_figures_read_as_people_write_them() -> None:
    assert markup.percent(0.9837) == "98.4%"
    assert markup.interval(wilson(98, 100)) == "93.0&ndash;99.4%"
