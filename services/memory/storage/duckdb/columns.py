"""Writes rows by their columns, and parameters for many values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb


def placeholders(values: Sequence[object]) -> str:
    """One parameter per value: these use the column's index, a list would scan."""
    return ", ".join("?" * len(values))


def insert_columns(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]], types: Sequence[str]
) -> None:
    """Inserts few rows one by one and many as columns, whichever is faster (break-even is about four rows)."""
    if len(rows) <= 4:
        marks = placeholders(types)
        for row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608  # our own names
        return
    columns = ", ".join(f"unnest(?::{kind}[])" for kind in types)
    connection.execute(f"INSERT INTO {table} SELECT {columns}", [list(column) for column in zip(*rows, strict=True)])
