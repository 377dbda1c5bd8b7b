"""The page in a real browser, where one is installed: Chromium draws it without a window and without the network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from finished_runs import curves, dataset, finished_run, scored

from fieldguide.reporting.page import report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium to draw the page with")
CLASSES = ("a class with a rather long name", "unbroken" * 12, "owl", "wren", "kite", "gull", "tern", "swift")

# A page of the same folder can look into the frame: it measures the report at the width of the frame.
MEASURING = """<!doctype html><iframe id="f" src="report.html" width="{width}" height="3000"></iframe><p id="out"></p>
<script>
document.getElementById("f").onload = function () {{
  const d = this.contentDocument, root = d.documentElement, wide = [];
  for (const e of d.body.querySelectorAll("*")) {{
    if (e.closest(".scroll") && !e.matches(".scroll")) continue;
    if (e.getBoundingClientRect().right > root.clientWidth + 1) wide.push(e.tagName);
  }}
  const font = d.defaultView.getComputedStyle(d.querySelector("main")).maxWidth;
  const found = ["measured", root.clientWidth, root.scrollWidth, font, ...wide];
  document.getElementById("out").textContent = found.join(" ");
}};
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    labels = np.repeat(np.arange(len(CLASSES)), 25)
    train, test = dataset(CLASSES, labels, folder / "photos"), dataset(CLASSES, labels, folder / "photos", first=900)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    for path in test.paths[:30]:
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), pixels)
    run = finished_run(train, test, epochs=curves([0.5, 0.2, 0.1, 0.2]))
    path = report(run, scored(run, range(0, 200, 9)), folder / "report.html")
    # Everything that is folded away has to fit too.
    path.write_text(path.read_text(encoding="utf-8").replace("<details>", "<details open>"), encoding="utf-8")
    return path


def browse(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    always = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
        "--no-first-run", f"--user-data-dir={page.parent / 'profile'}", "--virtual-time-budget=4000",
    )  # fmt: skip
    return subprocess.run(
        [BROWSER, *always, *flags, page.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_is_wider_than_the_window(page: Path, width: int) -> None:
    wrapper = page.with_name(f"wrapper{width}.html")
    wrapper.write_text(MEASURING.format(width=width), encoding="utf-8")
    found = browse(wrapper, "--allow-file-access-from-files", "--dump-dom").stdout
    measured = re.search(r"measured (\d+) (\d+) (\S+)(.*?)</p>", found)
    assert measured is not None, found[-500:]
    assert width - 20 <= int(measured[1]) <= width  # a scroll bar takes some
    assert int(measured[2]) <= int(measured[1])
    assert measured[3] != "none", "the style sheet was not applied: its hash differs from the policy's"
    assert measured[4] == "", "these reach beyond the window"


def test_the_browser_has_nothing_to_complain_of(page: Path) -> None:
    found = browse(page, "--enable-logging=stderr", "--v=0", "--dump-dom")
    assert "Does it overfit?" in found.stdout
    assert [line for line in found.stderr.splitlines() if "CONSOLE" in line] == []
