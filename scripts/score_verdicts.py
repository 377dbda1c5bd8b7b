"""Writes into docs/verdicts.md how often the runs in tests/evaluation/runs are named rightly.

python scripts/score_verdicts.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "verdicts.md"
BLOCK = re.compile(r"(?<=<!-- scores -->\n).*?(?=<!-- /scores -->)", re.DOTALL)


def main() -> None:
    sys.path.insert(0, str(REPOSITORY / "tests"))
    from kept_runs import kept_runs, scores

    found = scores(kept_runs())
    PAGE.write_text(BLOCK.sub(lambda _: found, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(found, end="")


if __name__ == "__main__":
    main()
