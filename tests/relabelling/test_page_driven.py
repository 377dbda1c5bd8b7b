"""The page in a real browser, where one is installed: keys and clicks decide, and what is decided is in the file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from driven_browser import BROWSER, Browser, Page, driven
from pictures import folder_of
from suspected_runs import suspected_run

from fieldguide.data.corrections import Corrections
from fieldguide.relabelling.relabel import _card, open_session
from fieldguide.relabelling.server import Server

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page with")
FEW = ("cats", "dogs", "owls & <b>'wrens'")
MANY = tuple(f"class {number:02d}" for number in range(30))
Opener = Callable[..., tuple[Server, Page]]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with driven(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    with ExitStack() as stack:

        def open_page(classes: tuple[str, ...] = FEW) -> tuple[Server, Page]:
            folder_of(tmp_path / "photos", dict.fromkeys(classes, 8))
            suspected_run(tmp_path / "run", tmp_path / "photos", wrong=4)
            session = open_session(tmp_path / "run", _card(tmp_path / "run"), tmp_path / "corrections.csv")
            server = stack.enter_context(Server(session, again="fieldguide train photos --corrections c.csv"))
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.shutdown)
            return server, ready(browser.open(server.url))

        yield open_page


def ready(page: Page) -> Page:
    page.wait("!document.getElementById('desk').hidden && document.getElementById('picture').naturalWidth > 0")
    return page


def at(page: Page, place: int) -> None:
    page.wait(f"!busy && document.getElementById('progress').innerText.startsWith('{place} of 4')")


def kept(server: Server) -> dict[str, str | None]:
    standing = Corrections.read(server.session.path).standing if server.session.path.exists() else {}
    return {name: line.now for name, line in standing.items()}


def text(page: Page, name: str) -> str:
    return str(page.value(f"document.getElementById('{name}').textContent"))


def test_one_key_each(opened: Opener) -> None:
    server, page = opened()
    assert text(page, "question") == "Labelled cats, looks like dogs"
    assert page.value("document.querySelector('#suggested .share').textContent").startswith("9")
    page.press("Enter")
    at(page, 2)
    page.press("s")
    at(page, 3)
    page.press("x")
    at(page, 4)
    page.press("3")
    page.wait("!document.getElementById('done').hidden")
    assert kept(server) == {"cats/0.jpg": "cats", "cats/1.jpg": "dogs", "cats/2.jpg": None, "cats/3.jpg": FEW[2]}
    assert text(page, "decision") == f"Decided: {FEW[2]}"  # as text, whatever it is called
    assert text(page, "said").endswith("All 4 are decided.")
    assert text(page, "again") == "fieldguide train photos --corrections c.csv"
    page.press("Backspace")
    page.wait("!busy && document.getElementById('done').hidden")
    page.press("u")
    at(page, 3)
    assert kept(server) == {"cats/0.jpg": "cats", "cats/1.jpg": "dogs"}
    page.press("ArrowLeft")
    at(page, 2)
    assert text(page, "decision") == "Decided: dogs"
    page.press(" ")
    at(page, 3)
    assert kept(server)["cats/1.jpg"] == "cats"
    assert page.complaints == []


def test_a_click_and_then_enter_do_not_repeat_the_click(opened: Opener) -> None:
    server, page = opened()
    page.value("document.querySelector('#classes button[data-label=\"2\"]').focus()")
    page.press("Enter")  # on the button, as one who goes by the Tab key does
    at(page, 2)
    page.press("Enter")  # on the page: the label is right
    at(page, 3)
    assert kept(server) == {"cats/0.jpg": FEW[2], "cats/1.jpg": "cats"}
    page.ask("Input.dispatchKeyEvent", {"type": "keyDown", "key": "x", "text": "x", "autoRepeat": True})
    page.ask("Input.dispatchKeyEvent", {"type": "keyDown", "key": "s", "text": "s", "modifiers": 2})
    assert page.value("new Promise((done) => setTimeout(() => done(busy), 100))") is False
    assert len(kept(server)) == 2


def test_two_windows_see_what_the_other_one_decided(opened: Opener, browser: Browser) -> None:
    server, page = opened()
    other = ready(browser.open(server.url))
    page.press("s")
    at(page, 2)
    other.press("x")  # of the same picture, which it shows still
    at(other, 2)
    assert kept(server) == {"cats/0.jpg": None}
    page.value("window.dispatchEvent(new Event('focus'))")
    page.press("ArrowLeft")
    page.wait("document.getElementById('decision').textContent === 'Decided: left out'")


def test_a_reload_goes_on_where_it_ended(opened: Opener) -> None:
    server, page = opened()
    page.press("Enter")
    at(page, 2)
    page.ask("Page.reload")
    page.wait("document.getElementById('progress').innerText.startsWith('2 of 4')")
    assert "1 decided" in text(page, "progress")
    assert len(kept(server)) == 1


def test_many_classes_are_filtered(opened: Opener) -> None:
    server, page = opened(MANY)
    assert page.value("listed().length") == 30
    page.press("/")
    for key in "s 2":  # keys of the page are letters in the box
        page.press(key)
    page.wait("listed().length === 10")
    assert page.value("listed()[0].innerText.replace(/\\s+/g, ' ')") == "1 class 20"
    page.press("5")
    page.wait("listed().length === 1")
    page.press("Enter")
    at(page, 2)
    assert kept(server) == {"class 00/0.jpg": "class 25"}
    assert page.value("listed().length") == 30
    page.press("9")
    at(page, 3)
    assert kept(server)["class 00/1.jpg"] == "class 08"


def test_what_cannot_be_kept_is_said_and_the_picture_stays(opened: Opener) -> None:
    server, page = opened()
    server.session.path.mkdir()
    page.press("s")
    page.wait("document.getElementById('trouble').textContent.startsWith('Not kept: ')")
    at(page, 1)
    server.session.path.rmdir()
    page.press("s")
    at(page, 2)
    assert page.value("document.getElementById('trouble').hidden") is True


def test_the_end_is_said(opened: Opener) -> None:
    _, page = opened()
    page.value("document.getElementById('end').click()")
    page.wait("document.getElementById('trouble').textContent.startsWith('Finished.')")


@pytest.mark.parametrize("classes", [FEW, (*MANY[:3], "unbroken" * 12, *MANY[4:])], ids=["few", "many"])
def test_it_fits_a_phone_and_can_be_read_in_light_and_dark(classes: tuple[str, ...], opened: Opener) -> None:
    _, page = opened(classes)
    colours = []
    for width, dark in ((360, False), (360, True), (1280, True), (1600, False)):
        page.size(width, 800, dark=dark)
        assert page.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        colours.append(page.value("getComputedStyle(document.body).backgroundColor"))
    assert len(set(colours)) == 2
    small = "[...document.querySelectorAll('button')].filter((b) => b.getBoundingClientRect().height < 44).length"
    assert page.value(small) == 0  # a thumb can hit them


def test_a_screen_reader_has_names_for_everything(opened: Opener) -> None:
    _, page = opened()
    page.ask("Accessibility.enable")
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    assert ("heading", "Labelled cats, looks like dogs") in named
    assert ("image", "Picture 1, cats/0.jpg") in named
    assert any(role == "button" and "the label is right, cats" in name for role, name in named)
    assert ("button", "Next picture") in named
    assert [role for role, name in named if role in ("button", "image", "heading", "textbox") and not name] == []
    assert page.value("document.activeElement.id") == "question"
