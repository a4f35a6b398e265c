"""The web page among many memories: how long each page takes, as a browser without a cache asks for it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from services.memory.embedder.build import build_model
from tests.integration.page.http_browser import HttpBrowser
from tests.integration.page.person import Person, line
from tests.integration.stack import ProcessStack
from tests.performance.corpora.synthetic import PROJECT, fill
from tests.performance.rows import Row, Rows, timed

times = 30
_subjects = ("cache", "queue", "login", "parser", "index", "upload", "worker", "session", "retry", "schema", "router")
_tools = ("Postgres", "Redis", "Kafka", "SQLite", "gRPC", "Terraform", "Rust", "GraphQL", "Docker")
PAGES = {
    "Today": "/page/today",
    "the latest, in Search": "/page/search",
    "Search, a question of its own": "/page/search?q={subject}+{number}",
    "Search, within a project": "/page/search?q={subject}+{number}&project=" + PROJECT,
    "Search, with filters": "/page/search?q={subject}&kind=conversation&since=2026-01-05&until=2026-02-20",
    "Search, newest first": "/page/search?q={subject}+{number}&sort=newest",
    "a memory": "/page/memory/synthetic-{number}",
    "a conversation": "/page/conversation/session-{number}",
    "Decisions": "/page/decisions",
    "Decisions, to be settled": "/page/decisions?state=proposed",
    "Decisions, replaced": "/page/decisions?state=replaced",
    "Sessions": "/page/sessions",
    "Projects": "/page/projects",
    "Permissions": "/page/permissions",
    "Health": "/page/health",
    "Removals": "/page/removals",
}


def rows(data: Path, size: int) -> Rows:
    """Of a data directory with so many memories."""
    with ProcessStack(data) as stack:
        person, browser = Person(stack.url), HttpBrowser(stack.url)
        _settle(person)
        _decide(person)
        browser.enter(person.link())
        for name, address in PAGES.items():
            took = asyncio.run(timed(partial(_open, browser, address), times))
            yield Row(f"page of {name} at {size:,}", took.p50, "ms p50", f"p95 {took.p95:.0f}")


async def _open(browser: HttpBrowser, address: str, number: int) -> None:
    subject = _subjects[number % len(_subjects)]
    page = await asyncio.to_thread(browser.open, address.format(subject=subject, number=number))
    assert page.status == 200, page.words


def _decide(person: Person) -> None:
    """Stores a thousand decisions, of which many are alike."""
    now = datetime.now(UTC)
    texts = [f"We use {what} for the {of} of part {part}" for what in _tools for of in _subjects for part in range(10)]
    lines = [
        line(text, now - timedelta(minutes=place), project=f"team {place % 4}", kind="reflection", tags=["decision"])
        for place, text in enumerate(texts)
    ]
    for first in range(0, len(lines), 100):
        person.imports(lines[first : first + 100])


def _settle(person: Person) -> None:
    """Waits until the index has read every text."""
    while person.tool("health_check").get("checks", {}).get("index", {}).get("status") != "healthy":
        time.sleep(1)


def main() -> None:
    """Measures at 100,000 alone."""
    size = 100_000
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        (data / "memory").mkdir(mode=0o700, parents=True)
        build_model(data / "memory" / "model")
        asyncio.run(fill(data / "memory", size))
        for row in rows(data, size):
            print(f"{row.name:62} {row.value:10.2f} {row.unit:11} {row.note}", flush=True)


if __name__ == "__main__":
    main()
