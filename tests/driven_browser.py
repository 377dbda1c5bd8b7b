"""Chromium without a window, driven over its own pipe: pages are opened, keys pressed, scripts run, pictures taken."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_SECONDS = 30.0
_KEY_CODES = {"Enter": 13, "Backspace": 8, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowRight": 39, "Tab": 9}
_TEXTS = {"Enter": "\r", " ": " "}

# Chromium reads from descriptor 3 and writes to 4, which may be in use where it is started: by way of high numbers.
PLUMBING = """
import os, sys
reading, writing, browser, *flags = sys.argv[1:]
for number, place in ((int(reading), 100), (int(writing), 101), (100, 3), (101, 4)):
    os.dup2(number, place)
os.execv(browser, [browser, *flags])
"""


class Page:
    """One page of the browser."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        target = browser.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = browser.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", {"url": url})

    def ask(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a command of the browser's protocol."""
        return self._browser.ask(method, parameters or {}, self._session)

    def value(self, script: str) -> Any:
        """What a script comes to in the page."""
        parameters = {"expression": script, "returnByValue": True, "awaitPromise": True}
        return self.ask("Runtime.evaluate", parameters)["result"].get("value")

    def wait(self, script: str) -> Any:
        """Waits until a script comes to something true, and gives it."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            if found := self.value(script):
                return found
            time.sleep(0.02)
        raise AssertionError(f"never true: {script}; the page says: {self.value('document.body.innerText')}")

    def press(self, key: str) -> None:
        """Presses a key and lets it go."""
        text = _TEXTS.get(key, key if len(key) == 1 else "")
        code = _KEY_CODES.get(key, ord(key.upper()) if len(key) == 1 else 0)
        keys = {"key": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **keys})
        self.ask("Input.dispatchKeyEvent", {"type": "keyUp", **keys})

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Gives the page a window of this size, and a light or dark scheme."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", {"features": [scheme]})

    def picture(self, path: Path) -> None:
        """Takes a picture of the page as a PNG file."""
        found = self.ask("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(found["data"]))

    @property
    def complaints(self) -> list[str]:
        """What the browser had to complain of in this page: what was blocked, not found, or failed."""
        return [text for session, text in self._browser.complaints if session == self._session]


class Browser:
    """A running Chromium; it is asked over one pipe and answers over another, each message ended by a zero byte."""

    def __init__(self, process: subprocess.Popen[bytes], writing: int, reading: int) -> None:
        self._process, self._writing, self._reading = process, writing, reading
        self._number = 0
        self._rest = b""
        self.complaints: list[tuple[str, str]] = []

    def open(self, url: str) -> Page:
        """A new page with this address."""
        return Page(self, url)

    def ask(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """The answer to a command; events on the way are taken in."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._number:
                assert "error" not in found, f"{method}: {found['error']}"
                return dict(found["result"])
            if found.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append((found.get("sessionId", ""), json.dumps(found["params"])))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], PATIENCE_SECONDS)
            assert ready, "the browser says nothing"
            chunk = os.read(self._reading, 1 << 20)
            assert chunk, "the browser has ended"
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def driven(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, which ends with the block."""
    assert BROWSER is not None
    theirs_read, ours_write = os.pipe()
    ours_read, theirs_write = os.pipe()
    flags = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
        "--no-first-run", f"--user-data-dir={profile}", "--remote-debugging-pipe",
    )  # fmt: skip
    command = [sys.executable, "-c", PLUMBING, str(theirs_read), str(theirs_write), BROWSER, *flags]
    process = subprocess.Popen(command, pass_fds=(theirs_read, theirs_write), stderr=subprocess.DEVNULL)
    os.close(theirs_read)
    os.close(theirs_write)
    try:
        yield Browser(process, ours_write, ours_read)
    finally:
        os.close(ours_write)
        os.close(ours_read)
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)
