"""The page's server: for this machine only, for who knows its address only, and for nothing but the listed pictures.

It listens on 127.0.0.1. Each address begins with a token that is drawn anew for each session. The Host header must name
this machine, so that no page of the internet reaches it by a name of its own that leads here. What is asked for is
never used as the name of a file: pictures have numbers.

Source:
    OWASP Cheat Sheet Series, "Cross-Site Request Forgery Prevention" and "HTTP Security Response Headers", for what is
    checked and the headers that are sent.
"""

from __future__ import annotations

import errno
import hmac
import json
import re
import secrets
import socketserver
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

from fieldguide.data.tables import one_line
from fieldguide.errors import FieldguideError, InputError, PictureError
from fieldguide.relabelling.session import LEFT_OUT, Session
from fieldguide.reporting.style import style

HOST = "127.0.0.1"
MOST_BODY = 1000  # bytes of a decision
PATIENCE_SECONDS = 30  # with who connects and then says nothing
_PICTURE = re.compile(r"picture/([0-9]{1,9})")
_HTML, _CSS, _SCRIPT = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"
_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",  # it would hold the token
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)


class Server(ThreadingHTTPServer):
    """Serves one session until `shutdown`."""

    daemon_threads = True

    def __init__(self, session: Session, port: int = 0, *, again: str = "") -> None:
        """A server that listens already.

        Args:
            session: what is shown and decided.
            port: of the address; 0 takes one that is free.
            again: the command that trains with the corrections, for the page to say.

        Raises:
            InputError: the port is taken, or there is no such port.
        """
        self.session = session
        self.again = again
        self.token = secrets.token_urlsafe(24)
        here = Path(__file__).parent
        self.files = {
            "": (_HTML, (here / "page.html").read_bytes()),
            "page.css": (_CSS, f"{style()}\n{(here / 'page.css').read_text(encoding='utf-8')}".encode()),
            "page.js": (_SCRIPT, (here / "page.js").read_bytes()),
        }
        try:
            super().__init__((HOST, port), _Handler)
        except OverflowError:
            raise InputError(f"--port is {port}; expected a number from 1 to 65535.") from None
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else "may not be used"
            raise InputError(f"--port {port} {why}: name another one, or leave it out.") from error

    def server_bind(self) -> None:
        """Binds without asking the network for a name of this machine, as the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, str]:
        """What a browser of this machine may call it."""
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle of an answer is no error worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    server_version, sys_version = "fieldguide", ""
    timeout = PATIENCE_SECONDS

    def do_GET(self) -> None:
        asked = self._admitted()
        if asked is None:
            return
        session = self.server.session
        found = _PICTURE.fullmatch(asked)
        if asked in self.server.files:
            self._send(200, *self.server.files[asked])
        elif asked == "state":
            self._say(200, self._state())
        elif asked == "decisions":
            self._say(200, self._decisions())
        elif found and int(found[1]) < len(session.items):
            try:
                self._send(200, "image/jpeg", session.picture(int(found[1])))
            except PictureError as error:
                self._say(404, {"error": str(error)})
        else:
            self._say(404, {"error": "there is nothing here"})

    def do_POST(self) -> None:
        asked = self._admitted()
        if asked is None:
            return
        body = self._body()
        if body is None:
            return
        try:
            self._act(asked, body)
        except FieldguideError as error:
            self._say(500, {"error": str(error)})

    def log_message(self, *_: object) -> None:
        """Says nothing: the terminal is for results, and a line would show the token."""

    def _act(self, asked: str, body: dict[str, object]) -> None:
        session = self.server.session
        if asked == "decide":
            place = _whole(body.get("place"), 0, len(session.items))
            label = _whole(body.get("label"), LEFT_OUT, len(self._classes()))
            if place is None or label is None:
                self._say(400, {"error": "there is no such picture or class"})
                return
            session.decide(place, label)
            self._say(200, {"place": place, **self._decisions()})
        elif asked == "undo":
            self._say(200, {"place": session.undo(), **self._decisions()})
        elif asked == "end":
            self._say(200, {})
            self.server.shutdown()
        else:
            self._say(404, {"error": "there is nothing here"})

    def _admitted(self) -> str | None:
        """What is asked for, behind the token; None where the request was refused."""
        hosts, sites = self.headers.get_all("Host", []), self.headers.get_all("Sec-Fetch-Site", [])
        origins = self.headers.get_all("Origin", [])
        _, token, rest = [*self.path.split("/", 2), "", ""][:3]
        known = hmac.compare_digest(token.encode(errors="replace"), self.server.token.encode())
        from_here = all(origin in [f"http://{host}" for host in self.server.hosts] for origin in origins)
        ours = all(site in ("same-origin", "none") for site in sites)  # "none": typed, or opened by a program
        if known and len(hosts) == 1 and hosts[0] in self.server.hosts and from_here and ours:
            return rest
        self._say(403, {"error": "this address is not known: open the one that the terminal shows"})
        return None

    def _body(self) -> dict[str, object] | None:
        """What was sent; None where it was refused."""
        sizes = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(sizes) != 1 or not re.fullmatch(r"[0-9]{1,18}", sizes[0]):
            self._say(411, {"error": "the length of what is sent must be told"})
        elif int(sizes[0]) > MOST_BODY:
            self._say(413, {"error": "too much was sent"})
        elif self.headers.get("Content-Type") != "application/json":
            self._say(415, {"error": "expected JSON"})
        else:
            try:
                found = json.loads(self.rfile.read(int(sizes[0])))
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                return found
            self._say(400, {"error": "expected JSON"})
        return None

    def _classes(self) -> tuple[str, ...]:
        return self.server.session.data.class_names

    def _state(self) -> dict[str, object]:
        """All that the page shows."""
        session = self.server.session
        items = [
            (
                one_line(session.data.name(item.row)),
                item.label,
                item.suggested,
                round(item.label_probability, 6),
                round(item.suggested_probability, 6),
            )
            for item in session.items
        ]
        classes = [one_line(name) for name in self._classes()]
        facts = {"file": one_line(str(session.path)), "again": one_line(self.server.again)}
        return {"classes": classes, "items": items, **facts, **self._decisions()}

    def _decisions(self) -> dict[str, object]:
        session = self.server.session
        return {"decisions": session.decisions, "undo": session.can_undo}

    def _say(self, status: int, fields: dict[str, object]) -> None:
        self._send(status, "application/json", json.dumps(fields).encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _whole(value: object, low: int, end: int) -> int | None:
    """The value if it is a whole number from `low` to below `end`; True is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value < end else None
