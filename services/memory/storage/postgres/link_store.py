"""Project links in PostgreSQL."""

from __future__ import annotations

from services.memory.domain.project_links import Link
from services.memory.storage.memory_rows import LINK_COLUMNS, links_of
from services.memory.storage.postgres.access import PostgresAccess
from services.memory.storage.row_codec import LinkTexts

PUT_LINK = """
    INSERT INTO project_links VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (user_id, source, target) DO UPDATE
        SET type = excluded.type, description = excluded.description, created_at = excluded.created_at
"""


class LinkStore(PostgresAccess):
    """The links of a `MemoryStore`."""

    async def links(self, user: str) -> list[Link]:
        sql = f"SELECT {LINK_COLUMNS} FROM project_links WHERE user_id = %s"  # noqa: S608  # our own names
        return links_of(await self._select("links", sql, user), user, self._rows)

    async def link(self, user: str, link: Link) -> None:
        texts = self._rows.link(user, LinkTexts(link.source, link.target, link.description))
        values = (user, texts.source, texts.target, str(link.type), texts.description, link.created_at)
        await self._write("link", lambda transaction: transaction.run(PUT_LINK, *values))

    async def unlink(self, user: str, source: str, target: str) -> bool:
        values = (user, self._rows.name(source), self._rows.name(target))
        sql = "DELETE FROM project_links WHERE user_id = %s AND source = %s AND target = %s"
        return bool(await self._write("unlink", lambda transaction: transaction.run(sql, *values)))
