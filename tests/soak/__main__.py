"""`make soak`: `python -m tests.soak [--compose] [--days 30]`; prints a table, exits 1 where something grew."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from services.memory.embedder.build import build_model
from tests.soak.measures import Measured, table
from tests.soak.month import Month, Plan
from tests.soak.subjects import ComposeSubject, ProcessSubject, Subject


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--compose", action="store_true", help="on containers, with Redis; needs Docker")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--people", type=int, default=20)
    options = parser.parse_args()
    plan = Plan(days=options.days, people=options.people)
    with tempfile.TemporaryDirectory() as name, _subject(Path(name), plan, options.compose) as subject:
        began = time.monotonic()

        def say(measured: Measured) -> None:
            print(f"{measured.moment} after {time.monotonic() - began:.0f} s", flush=True)

        month = Month(subject, plan, say)
        grown = month.run()
    print(table(month.measured))
    print(*(grown or [f"nothing grew from {month.measured[1].moment} on"]), sep="\n")
    return 1 if grown else 0


def _subject(directory: Path, plan: Plan, is_compose: bool) -> Subject:
    if is_compose:
        return ComposeSubject()
    build_model(directory / "model")
    return ProcessSubject(directory, directory / "model", plan.keep_days)


if __name__ == "__main__":
    sys.exit(main())
