"""Project links in DuckDB."""

from __future__ import annotations

from services.memory.domain.project_links import Link
from services.memory.storage.duckdb.access import DatabaseAccess
from services.memory.storage.duckdb.kept_rows.rewrites import no_row
from services.memory.storage.memory_rows import LINK_COLUMNS, links_of
from services.memory.storage.row_codec import LinkTexts


class LinkStore(DatabaseAccess):
    """The links of a `MemoryStore`."""

    async def links(self, user: str) -> list[Link]:
        sql = f"SELECT {LINK_COLUMNS} FROM project_links WHERE user_id = ?"  # noqa: S608  # our own names
        return links_of(await self._select("links", sql, user), user, self._rows)

    async def link(self, user: str, link: Link) -> None:
        texts = self._rows.link(user, LinkTexts(link.source, link.target, link.description))
        values = (user, texts.source, texts.target, str(link.type), texts.description, link.created_at)
        sql = "INSERT OR REPLACE INTO project_links VALUES (?, ?, ?, ?, ?, ?)"
        await self._write("link", lambda connection: connection.execute(sql, values), rewritten=no_row)

    async def unlink(self, user: str, source: str, target: str) -> bool:
        values = (user, self._rows.name(source), self._rows.name(target))
        sql = "DELETE FROM project_links WHERE user_id = ? AND source = ? AND target = ? RETURNING 1"
        gone = await self._write("unlink", lambda it: it.execute(sql, values).fetchall(), rewritten=no_row)
        return bool(gone)
