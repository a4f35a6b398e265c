"""Where the statements of PostgreSQL's store go: those of one user to one partition, as Citus needs it of a shard.

Every table that is a user's is divided by the user here, also those that are small enough not to be. Each statement of
the store is run once, for one user; then PostgreSQL says by EXPLAIN which partitions it would touch.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import psycopg
import pytest

from services.memory.domain.deletion_log import Reason, Removing, Undoing
from services.memory.domain.memories import Chosen
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.retention_policy import Rule, Standing
from services.memory.domain.rows import Embedded, NewRow, ProjectMove
from services.memory.storage import postgres
from services.memory.storage.postgres.changes import trim_changes
from services.memory.storage.postgres.server.adapters import adapt
from services.memory.storage.postgres.server.database import Address
from services.memory.storage.postgres.server.schema import DIVIDED, PARTITIONS
from services.memory.storage.postgres.server.transaction import Evidence, Statements
from services.memory.storage.postgres.store import PostgresStore, open_postgres
from tests.servers.postgres import database_of
from tests.unit.memory.rows import NOW, VECTOR, row

PACKAGE = Path(postgres.__file__).parent
SMALL = ("users", "removals", "retention", "project_links", "merged_memories", "earlier_projects")
"""Tables of users that are not divided in the schema; in this test they are."""
RUNNERS = ("rows", "named_rows", "run", "named_run", "run_each")
SELECTORS = ("_select", "_memories", "_readable")
BETWEEN = {"access.py", "database.py"}
"""Modules that pass statements on."""
ABOUT_NO_USER = {"keyring_copy.py", "prepared_schema.py", "outgoing.py"}
"""What is asked once, at the start, and outboxes, which have parts of their own."""

USER = "bob"
"""In another partition than the unknown user ''."""

EVERYBODY = "it is about all users: a count, the index of one process, or upkeep"
BY_SEQUENCE = "its caller knows memories by their sequences, and not whose they are"
SHARED = "what others share may be anybody's"
EXCEPTIONS = {
    "bulk_reads.inventory": EVERYBODY,
    "bulk_reads.load_portion": EVERYBODY,
    "changes.trim_changes": EVERYBODY,
    "corrections.replacements": EVERYBODY,
    "corrections.withdrawals": EVERYBODY,
    "deletion_store.oldest_unerased": EVERYBODY,
    "deletion_store.unerased_count": EVERYBODY,
    "deletes._trim_log": "the log of deletions is cut at its length over all users",
    "erasure._purge": EVERYBODY,
    "erasure.last_removal": EVERYBODY,
    "erasure.run": EVERYBODY,
    "retention.due": EVERYBODY,
    "retention_store.has_rules": EVERYBODY,
    "store.longer_than": EVERYBODY,
    "store.newest": EVERYBODY,
    "store.size": EVERYBODY,
    "store.without_embedding": EVERYBODY,
    "corrections.sequences_of": BY_SEQUENCE,
    "deletion_store.derivatives": BY_SEQUENCE,
    "deletion_store.tally": BY_SEQUENCE,
    "store.fetch": BY_SEQUENCE,
    "transaction.lock_owners": BY_SEQUENCE,
    "digests.deleted_ids": "digests of unknown users, that were moved here, are looked at, too",
    "digests.deleted_places": "digests of unknown users, that were moved here, are looked at, too",
    "digests.let_in": "digests of unknown users, that were moved here, are looked at, too",
    "digests.let_in_new": "digests of unknown users, that were moved here, are looked at, too",
    "user_rows.owners": BY_SEQUENCE,
    "user_rows.removal_versions": EVERYBODY,
    "user_rows.user_versions": SHARED,
    "store.find_shared": SHARED,
    "store.projects": SHARED,
    "store.stats": SHARED,
    "store.visible": SHARED,
}
"""Statements that touch more than one partition, by module and function, and why."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One that was run: where it stands, and with what."""

    file: Path
    line: int
    function: str
    sql: str
    parameters: Any

    @property
    def name(self) -> str:
        return f"{self.file.stem}.{self.function}"


def place_of(frame: FrameType | None) -> FrameType:
    """Where a statement stands that is passed on from `frame`."""
    while frame and (Path(frame.f_code.co_filename).name in BETWEEN or PACKAGE not in _path(frame).parents):
        frame = frame.f_back
    assert frame
    return frame


def _path(frame: FrameType) -> Path:
    return Path(frame.f_code.co_filename)


@cache
def call_sites() -> dict[tuple[Path, int, int], str]:
    """Every call in the package that runs a statement: its file and lines, and the function that it is in."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name in BETWEEN | ABOUT_NO_USER:
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for call in ast.walk(function):
                    if _runs_a_statement(path, call):
                        found[path, call.lineno, call.end_lineno or 0] = function.name  # type: ignore[attr-defined]
    return found


def _runs_a_statement(path: Path, node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    receiver = ast.unparse(node.func.value)
    if receiver == "self":
        return node.func.attr in SELECTORS or (path.name == "transaction.py" and node.func.attr in RUNNERS)
    return node.func.attr in RUNNERS and receiver in {"statements", "transaction"}


def site_of(statement: Statement) -> tuple[Path, int, int] | None:
    """The innermost call that the statement stands in."""
    around = [site for site in call_sites() if site[0] == statement.file and site[1] <= statement.line <= site[2]]
    return min(around, key=lambda site: site[2] - site[1], default=None)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """All that run while the test does."""
    seen: list[Statement] = []
    for name in RUNNERS:
        monkeypatch.setattr(Statements, name, _noting(seen, getattr(Statements, name)))
    return seen


def _noting(seen: list[Statement], run: Any) -> Any:
    def note(self: Statements, sql: str, *parameters: Any) -> Any:
        frame = place_of(sys._getframe(1))
        rows = parameters[0][:1] if run.__name__ == "run_each" else [parameters]
        for given in rows:
            site = Statement(_path(frame), frame.f_lineno, frame.f_code.co_name, sql, given)
            found = site_of(site)
            seen.append(replace(site, function=call_sites()[found]) if found else site)
        return run(self, sql, *parameters)

    return note


@pytest.fixture
async def store(tmp_path: Path, statements: list[Statement]) -> AsyncIterator[PostgresStore]:
    """A database whose small tables are divided, too."""
    url = database_of(tmp_path)
    with psycopg.connect(url, autocommit=True) as connection:
        for table in SMALL:
            connection.execute(f"ALTER TABLE {table} RENAME TO whole_{table}")
            connection.execute(f"CREATE TABLE {table} (LIKE whole_{table} INCLUDING ALL) PARTITION BY HASH (user_id)")
            for number in range(PARTITIONS):
                place = f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
                connection.execute(f"CREATE TABLE {table}_{number} PARTITION OF {table} {place}")
    async with open_postgres(Address(url, 4), None, tmp_path) as opened:
        yield opened


def said(content: str, project: str = "p", id: str = "") -> NewRow:
    return row(content, project, USER, id)


async def work_through(store: PostgresStore) -> None:
    """Each method of the store, for one user."""
    first, second, third = await store.insert([said("one", id="i"), said("two"), said("three", "q")], "m")
    await store.find_existing([said("one", id="i"), said("new")])
    await _restate(store)
    await _read(store, second.sequence)
    await _correct(store, second.sequence)
    await _move(store)
    await _delete(store, third.sequence)
    await store.compact()
    assert first.sequence


async def _restate(store: PostgresStore) -> None:
    told = said("said again")
    await store.insert([told], "m")
    await store.restate([replace(told, memory=replace(told.memory, timestamp=NOW + timedelta(days=1)))], "m")
    more = replace(told.memory, tags=("t", "u"))
    await store.restate([NewRow(more, told.user)], "m")
    await store.embed([Embedded((await _sequence(store, "p")), VECTOR, VECTOR)], "m")


async def _sequence(store: PostgresStore, project: str) -> int:
    return (await store.choose(USER, Chosen(project=project)))[0]


async def _read(store: PostgresStore, sequence: int) -> None:
    await store.fetch([sequence])
    await store.find(USER, "i")
    await store.visible(USER, [sequence])
    await store.find_shared("i")
    await store.share(sequence, shared=True)
    await store.page(USER, 0, 10)
    await store.newest()
    await store.keep_upkeep("name", "1")
    await store.upkeep("name")
    await store.without_embedding("m", 10)
    await store.longer_than(10, 0, 10)
    inventory = await store.inventory("m")
    _ = [portion async for portion in store.load("m", inventory.sequences, text=True)]
    await store.stats(USER, "", "m")
    await store.size()
    for _ in range(2):
        await store.usage(USER)
        await store.insert([said(f"to be counted {await store.version('ann')}")], "m")
    await store.usage(USER)
    await store.projects(USER)
    await store.changes(USER, 0)
    await _follow(store, sequence)
    await store._read("trim", trim_changes)
    await store._database.write("asked after", lambda transaction: transaction.has_left(Evidence(USER, 1, NOW)))


async def _follow(store: PostgresStore, sequence: int) -> None:
    await store.user_versions(USER)
    for only in (None, [sequence]):
        inventory = await store.inventory_of("m", USER, only)
        await store.session_rows(USER, only)
    _ = [portion async for portion in store.load_of(USER, "m", inventory.sequences, text=True)]
    await store.removal_versions()
    await store.owners([sequence])


async def _correct(store: PostgresStore, sequence: int) -> None:
    changed = said("two, corrected", id=(await store.fetch([sequence]))[sequence].id)
    done = await store.update(sequence, changed, NOW, "m")
    await store.find_existing([said("two", id=changed.memory.id), said("two")])
    await store.withdraw(done.sequence, NOW)
    await store.set_replaced(done.sequence, "i", NOW)
    await store.corrections()
    await store.corrections_of(USER)
    await store.sequences_of([])
    await store.sequences_of(["00000000-0000-0000-0000-000000000000"])
    await store.versions(USER, [changed.memory.id])


async def _move(store: PostgresStore) -> None:
    link = Link("p", "r", LinkType.RELATED, "", NOW)
    await store.link(USER, link)
    await store.links(USER)
    await store.unlink(USER, "r", "p")
    for project in ("p", "s"):
        await store.set_rule(USER, Rule(project, days=1), NOW)
    move = ProjectMove(USER, "p", "s", merges=True)
    await store.count_move(move)
    await store.move_project(move)
    await store.move_project(ProjectMove(USER, "s", "p", splits=True))


async def _delete(store: PostgresStore, sequence: int) -> None:
    await store.derivatives([sequence])
    await store.tally([sequence])
    by = Removing(USER, at=NOW)
    await store.delete([sequence], by)
    await store.deleted_ids(USER, ["x"])
    await store.insert([said("three", "q"), replace(said("four", "q"), deleted_too=True)], "m")
    await store.unerased_count()
    await store.oldest_unerased()
    await store.last_removals()
    await store.last_deletion(USER)
    await store.removals(USER, "", 10)
    await store.undelete(Undoing(USER, at=NOW))
    await store.undelete(Undoing(USER, ids=["i"]))
    await store.delete(await store.choose(USER, Chosen(project="q")), Removing(USER, Reason.UNREADABLE))
    await store.has_rules()
    await store.rules(USER)
    await store.reset_rule(USER, "s", NOW)
    default = Rule(days=1, reflections=True)
    due = await store.due(Standing(default, NOW), NOW + timedelta(days=400))
    await store.due_counts(USER, default, NOW + timedelta(days=400))
    assert len(due)
    await store.delete_due(replace(due, sequences=due.sequences[:1], said_us=np.zeros(1, np.int64)), by)
    await store.delete_due(due, by)


def partitions_in(plan: Any) -> Iterator[tuple[str, int]]:
    """The tables and partitions that a plan touches."""
    if isinstance(plan, dict):
        name = re.fullmatch(rf"({'|'.join((*DIVIDED, *SMALL))})_(\d+)", str(plan.get("Relation Name", "")))
        if name:
            yield name[1], int(name[2])
        for each in plan.values():
            yield from partitions_in(each)
    elif isinstance(plan, list):
        for each in plan:
            yield from partitions_in(each)


async def test_a_statement_of_one_user_touches_one_partition(
    store: PostgresStore, statements: list[Statement], tmp_path: Path
) -> None:
    await work_through(store)
    seen = {site_of(each) for each in statements}
    assert [f"{site[0].stem}.{name}:{site[1]}" for site, name in call_sites().items() if site not in seen] == []
    wide, narrow = set[str](), set[str]()
    async with await psycopg.AsyncConnection.connect(database_of(tmp_path), autocommit=True) as connection:
        await adapt(connection)
        for each in filter(site_of, statements):
            asked = each.parameters[0] if "%(" in each.sql else each.parameters
            cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {each.sql}", asked)
            ((plan,),) = await cursor.fetchall()
            touched = {number for _, number in partitions_in(plan)}
            if touched:
                (narrow if len(touched) == 1 else wide).add(each.name)
    assert sorted(wide - set(EXCEPTIONS)) == []
    assert sorted(set(EXCEPTIONS) - wide) == []
    assert len(narrow) > 30


def test_the_exceptions_are_those_that_the_guide_lists() -> None:
    guide = (Path(__file__).parents[4] / "docs" / "guides" / "postgresql.md").read_text()
    assert set(re.findall(r"`(\w+\.\w+)`", guide.partition("## Citus")[2])) == set(EXCEPTIONS)
