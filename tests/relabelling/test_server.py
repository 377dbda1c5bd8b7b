"""The page's server answers who knows its address, from this machine, about the pictures of the list, and no other."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import folder_of
from suspected_runs import suspected_run

from fieldguide.data.corrections import Corrections
from fieldguide.errors import InputError
from fieldguide.relabelling.picture import LONGEST_SIDE, screen_picture
from fieldguide.relabelling.relabel import _card, open_session
from fieldguide.relabelling.server import HOST, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder_of(tmp_path / "photos", {"cats": 8, "dogs": 8})
    suspected_run(tmp_path / "run", tmp_path / "photos")
    (tmp_path / "photos" / "secret.txt").write_text("secret")
    session = open_session(tmp_path / "run", _card(tmp_path / "run"), tmp_path / "run" / "corrections.csv")
    with Server(session, again="fieldguide train <photos>") as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    server: Server, path: str, body: Any = None, *, method: str = "", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and content of an answer; `path` comes behind the token unless it begins with a slash."""
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=10)
    where = path if path.startswith("/") else f"/{server.token}/{path}"
    sent = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    usual = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method or ("GET" if body is None else "POST"), where, sent, {**usual, **(headers or {})})
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def decisions(server: Server) -> dict[str, int]:
    return dict(json.loads(ask(server, "decisions")[2])["decisions"])


def test_the_page_and_what_it_needs(server: Server) -> None:
    for path, kind, part in (
        ("", "text/html", b"<h1"),
        ("page.css", "text/css", b"--accent"),
        ("page.js", "text/javascript", b"use strict"),
        ("state", "application/json", b'"cats/0.jpg"'),
        ("picture/0", "image/jpeg", b"\xff\xd8\xff"),
    ):
        status, headers, content = ask(server, path)
        assert (status, headers["Content-Type"].split(";")[0]) == (200, kind)
        assert part in content
    assert json.loads(ask(server, "state")[2])["again"] == "fieldguide train <photos>"


def test_every_answer_forbids_what_the_page_does_not_need(server: Server) -> None:
    for path in ("", "picture/0", "nowhere", "/"):
        headers = ask(server, path)[1]
        policy = headers["Content-Security-Policy"]
        assert (
            policy.startswith("default-src 'none';") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers
    page = ask(server, "")[2].decode()
    assert "http:" not in page and "https:" not in page and "style=" not in page and "<script>" not in page


def test_it_listens_on_this_machine_only(server: Server) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert len(server.token) >= 32


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/state", "/wrong/", "/wrong/state", "/wrong/picture/0", "//", ""]
)
def test_without_the_token_there_is_nothing(path: str, server: Server) -> None:
    token = server.token
    for other in (path or f"/{token[:-1]}/state", f"/{token}x/", f"/{token.swapcase()}/", "/%C3%A9/"):
        status, _, content = ask(server, other)
        assert status == 403
        assert token.encode() not in content
    assert ask(server, "/wrong/decide", {"place": 0, "label": 1})[0] == 403
    assert decisions(server) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "localhost:1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_comes_from_elsewhere_is_refused(headers: dict[str, str], server: Server) -> None:
    given = {name: value.format(port=server.server_port) for name, value in headers.items()}
    assert ask(server, "state", headers=given)[0] == 403
    assert ask(server, "decide", {"place": 0, "label": 1}, headers=given)[0] == 403
    assert decisions(server) == {}


def test_the_same_machine_by_its_other_name(server: Server) -> None:
    port = server.server_port
    given = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}", "Sec-Fetch-Site": "same-origin"}
    assert ask(server, "decide", {"place": 0, "label": 1}, headers=given)[0] == 200


def test_two_hosts_are_none(server: Server) -> None:
    with socket.create_connection((HOST, server.server_port), timeout=10) as raw:
        host = f"Host: {HOST}:{server.server_port}\r\n"
        raw.sendall(f"GET /{server.token}/state HTTP/1.1\r\n{host}{host}\r\n".encode())
        assert b" 403 " in raw.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "path",
    [
        "picture/3",
        "picture/-1",
        "picture/0/../../secret.txt",
        "picture/..%2f..%2fsecret.txt",
        "picture/%30",
        "picture/0.jpg",
        "picture/0?x=1",
        "picture/\u0663".encode().decode("latin-1"),
        "picture/99999999999999999999",
        "picture/",
        "secret.txt",
        "../secret.txt",
        "photos/secret.txt",
        "page.html",
        "session.py",
        "..%5c..%5csecret.txt",
        "state/",
    ],
)
def test_what_is_asked_for_is_never_the_name_of_a_file(path: str, server: Server) -> None:
    with socket.create_connection((HOST, server.server_port), timeout=10) as raw:  # as a client that mends nothing
        head = f"GET /{server.token}/{path} HTTP/1.0\r\nHost: {HOST}:{server.server_port}\r\n\r\n"
        raw.sendall(head.encode("latin-1"))
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split()[1] in (b"404", b"400")
    assert b"secret" not in answer.split(b"\r\n\r\n", 1)[-1]


def test_bodies_that_make_no_sense_are_refused(server: Server) -> None:
    plain = {"Content-Type": "text/plain"}
    assert ask(server, "decide", b"x" * 100_000)[0] == 413
    assert ask(server, "decide", b"{}", headers={"Content-Length": str(10**15)})[0] == 413
    assert ask(server, "decide", b"{}", headers={"Content-Length": "-1"})[0] == 411
    assert ask(server, "decide", b"{}", headers={"Transfer-Encoding": "chunked"})[0] == 411
    assert ask(server, "decide", {"place": 0, "label": 1}, headers=plain)[0] == 415
    for body in (b"", b"{", b"[]", b"3", b"\xff", b"[" * 900):
        assert ask(server, "decide", body)[0] == 400, body
    for wrong in (
        {}, {"place": 0}, {"place": 3, "label": 0}, {"place": -1, "label": 0}, {"place": 0, "label": 2},
        {"place": 0, "label": -2}, {"place": True, "label": 0}, {"place": 0, "label": "dogs"},
        {"place": 0.0, "label": 1}, {"place": None, "label": None},
    ):  # fmt: skip
        assert ask(server, "decide", wrong)[0] == 400, wrong
    assert ask(server, "nothing", {})[0] == 404
    assert ask(server, "state", method="PUT")[0] == 501
    assert decisions(server) == {}
    assert not server.session.path.exists()


def test_a_decision_is_on_the_disk_when_it_is_answered(server: Server) -> None:
    answer = json.loads(ask(server, "decide", {"place": 1, "label": 1})[2])
    assert answer == {"place": 1, "decisions": {"1": 1}, "undo": True}
    (line,) = Corrections.read(server.session.path).lines
    assert (line.file, line.was, line.now) == ("cats/1.jpg", "cats", "dogs")
    assert json.loads(ask(server, "undo", {})[2]) == {"place": 1, "decisions": {}, "undo": False}
    assert json.loads(ask(server, "undo", {})[2])["place"] is None


def test_decisions_from_many_windows_at_once_are_all_kept(server: Server) -> None:
    def decide(window: int) -> None:
        for _ in range(5):
            for place in range(3):
                assert ask(server, "decide", {"place": place, "label": window % 2})[0] == 200

    windows = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
    for window in windows:
        window.start()
    for window in windows:
        window.join()
    corrections = Corrections.read(server.session.path)
    assert len(corrections.lines) == 60
    kept = {place: int(line.now == "dogs") for place, line in enumerate(sorted(corrections.standing.values(), key=str))}
    assert decisions(server) == {str(place): label for place, label in kept.items()}


def test_what_cannot_be_kept_is_said(server: Server) -> None:
    server.session.path.mkdir()
    status, _, content = ask(server, "decide", {"place": 0, "label": 1})
    assert status == 500
    assert "corrections.csv" in json.loads(content)["error"]
    assert decisions(server) == {}


def test_a_port_that_is_taken_or_none_is_named(server: Server) -> None:
    with pytest.raises(InputError, match=f"--port {server.server_port} is taken: name another one"):
        Server(server.session, server.server_port)
    with pytest.raises(InputError, match=r"--port is 70000; expected a number from 1 to 65535"):
        Server(server.session, 70000)


@pytest.mark.parametrize(("height", "width"), [(30, 40), (1000, 3000), (4000, 20), (5, 2000)])
def test_a_picture_is_whole_and_fits_a_screen(height: int, width: int, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.full((height, width, 3), 200, np.uint8))
    found = cv2.imdecode(np.frombuffer(screen_picture(path), np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    assert max(found.shape[:2]) == min(LONGEST_SIDE, max(height, width))
    assert found.shape[1] / found.shape[0] == pytest.approx(width / height, rel=0.2)
