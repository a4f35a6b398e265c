"""Segue as it is installed from a wheel: its code lies in this package as `services`, and only Segue's own processes
import it by that name. So it neither hides another package of the name, nor is hidden by one.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """The `segue` command."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from services.cli.__main__ import main as run

    return run()
