"""Project links in DuckDB."""

from __future__ import annotations

from datetime import UTC

from services.memory.domain.project_links import Link, LinkType
from services.memory.storage.duckdb.access import DatabaseAccess
from services.memory.storage.row_codec import LinkTexts


class LinkStore(DatabaseAccess):
    """The links of a `MemoryStore`."""

    async def links(self, user: str) -> list[Link]:
        sql = """
            SELECT source, target, description, type, created_at FROM project_links WHERE user_id = ?
        """
        rows = await self._select("links", sql, user)
        texts = [self._rows.read_link(user, LinkTexts(*row[:3])) for row in rows]
        links = [
            Link(each.source, each.target, LinkType(kind), each.description, created_at.astimezone(UTC))
            for each, (*_, kind, created_at) in zip(texts, rows, strict=True)
        ]
        return sorted(links, key=lambda link: (link.created_at, link.source, link.target))

    async def link(self, user: str, link: Link) -> None:
        texts = self._rows.link(user, LinkTexts(link.source, link.target, link.description))
        values = (user, texts.source, texts.target, str(link.type), texts.description, link.created_at)
        sql = "INSERT OR REPLACE INTO project_links VALUES (?, ?, ?, ?, ?, ?)"
        await self._write("link", lambda connection: connection.execute(sql, values))

    async def unlink(self, user: str, source: str, target: str) -> bool:
        values = (user, self._rows.name(source), self._rows.name(target))
        sql = "DELETE FROM project_links WHERE user_id = ? AND source = ? AND target = ? RETURNING 1"
        return bool(await self._write("unlink", lambda connection: connection.execute(sql, values).fetchall()))
