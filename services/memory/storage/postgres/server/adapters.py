"""Text in PostgreSQL, which has no character 0: it is written as two others, and read back."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format

_escape = "\x1a"
_zero, _itself = f"{_escape}0", f"{_escape}1"


def stored_text(text: str) -> str:
    """The text as it is stored; equal only for equal texts."""
    if "\0" in text or _escape in text:
        return text.replace(_escape, _itself).replace("\0", _zero)
    return text


def text_of(text: str) -> str:
    """The text of what `stored_text` made."""
    return text.replace(_zero, "\0").replace(_itself, _escape) if _escape in text else text


class _TextDumper(Dumper):
    def dump(self, obj: str) -> Buffer:
        return stored_text(obj).encode("utf-8", "replace")


class _TextLoader(Loader):
    def load(self, data: Buffer) -> str:
        return text_of(str(data, "utf-8"))


class _BinaryTextLoader(_TextLoader):
    format = Format.BINARY


async def adapt(connection: AsyncConnection[Any]) -> None:
    """Lets a new connection read and write text so."""
    connection.adapters.register_dumper(str, _TextDumper)
    for loader in (_TextLoader, _BinaryTextLoader):
        connection.adapters.register_loader("text", loader)
