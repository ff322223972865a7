"""``python -m derivkit``: the same as the ``derivkit`` command."""

from __future__ import annotations

import sys

from derivkit.cli import main

sys.exit(main())
