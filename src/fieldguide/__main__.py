"""`python -m fieldguide` is the same as `fieldguide`."""

from __future__ import annotations

import sys

from fieldguide.cli import main

sys.exit(main())
