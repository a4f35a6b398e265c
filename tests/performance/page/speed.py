"""The web page among many memories: how long each page takes, as a browser without a cache asks for it."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path

from services.memory.embedder.build import build_model
from tests.integration.page.http_browser import HttpBrowser
from tests.integration.page.person import Person
from tests.integration.stack import ProcessStack
from tests.integration.whole import index_settled
from tests.performance.corpora.synthetic import PROJECT, fill
from tests.performance.rows import Row, Rows, timed

times = 30
_subjects = ("cache", "queue", "login", "parser", "index", "upload", "worker", "session", "retry", "schema", "router")
PAGES = {
    "Today": "/page/today",
    "the latest, in Search": "/page/search",
    "Search, a question of its own": "/page/search?q={subject}+{number}",
    "Search, within a project": "/page/search?q={subject}+{number}&project=" + PROJECT,
    "a memory": "/page/memory/synthetic-{number}",
    "a conversation": "/page/conversation/session-{number}",
    "Decisions": "/page/decisions",
    "Sessions": "/page/sessions",
    "Projects": "/page/projects",
    "Permissions": "/page/permissions",
    "Health": "/page/health",
    "Removals": "/page/removals",
}


def rows(data: Path, size: int) -> Rows:
    """Of a data directory with so many memories."""
    with ProcessStack(data) as stack:
        asyncio.run(_settled(stack))
        browser = HttpBrowser(stack.url)
        browser.enter(Person(stack.url).link())
        for name, address in PAGES.items():
            took = asyncio.run(timed(partial(_open, browser, address), times))
            yield Row(f"page of {name} at {size:,}", took.p50, "ms p50", f"p95 {took.p95:.0f}")


async def _open(browser: HttpBrowser, address: str, number: int) -> None:
    subject = _subjects[number % len(_subjects)]
    page = await asyncio.to_thread(browser.open, address.format(subject=subject, number=number))
    assert page.status == 200, page.words


async def _settled(stack: ProcessStack) -> None:
    from fastmcp import Client

    async with Client(stack.url) as mcp:
        await index_settled(mcp)


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
