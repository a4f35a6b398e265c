"""Bearer tokens and allowances: their form, and the contract of their stores, SQLite and a real Redis."""

from __future__ import annotations

import re
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import bearer_token
from services.kit.errors import InvalidInput, NotFound, Unauthenticated
from services.kit.redaction import redact
from services.kit.token_bucket import Allowance, ProcessAllowance, Rate
from services.session.domain.tokens import Token, Tokens
from services.session.store import SessionStore
from services.session.store.redis import open_redis
from services.session.store.sqlite import open_sqlite

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.containers)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    if request.param == "sqlite":
        async with open_sqlite(tmp_path / "session.sqlite", queue_max=100) as sqlite:
            yield sqlite
        return
    async with open_redis(request.getfixturevalue("emptied_redis"), timeout_s=5, stream_max=1000) as redis:
        yield redis


# --- their form -----------------------------------------------------------------------------------


def test_a_token_is_known_by_sight_and_no_two_are_alike() -> None:
    made = {bearer_token.new_token() for _ in range(1000)}
    assert len(made) == 1000
    assert all(bearer_token.is_token(each) and re.fullmatch(r"segue_[0-9A-Za-z]{49}", each) for each in made)


def test_our_own_redaction_finds_a_token() -> None:
    token = bearer_token.new_token()
    assert token not in redact(f"then I ran it with {token} and it worked").text


@given(st.integers(0, 54), st.characters(codec="utf-8"))
def test_a_token_with_a_changed_character_is_none(place: int, character: str) -> None:
    token = bearer_token.new_token()
    changed = token[:place] + character + token[place + 1 :]
    assert bearer_token.is_token(changed) == (changed == token)


@pytest.mark.parametrize("text", ["", "segue_", "segue_" + "0" * 49, "x" * 55, "segue_" + "é" * 49])
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert not bearer_token.is_token(text)


# --- what can be done with them -------------------------------------------------------------------


async def test_a_token_says_whose_it_is_until_it_is_revoked(store: SessionStore) -> None:
    tokens = Tokens(store.tokens)
    made, shown = await tokens.create("ada", "write", 0)
    found = await tokens.authenticate(bearer_token.digest(shown))
    assert (found.id, found.user, found.scope, found.expires_at) == (made.id, "ada", "write", None)
    assert await tokens.revoke(made.id) == 1
    with pytest.raises(Unauthenticated, match="revoked"):
        await tokens.authenticate(bearer_token.digest(shown))
    assert list(await tokens.every()) == []


async def test_an_expired_token_is_refused_and_still_listed(store: SessionStore) -> None:
    shown = bearer_token.new_token()
    await store.tokens.add(Token("t1", "ada", "read", bearer_token.digest(shown).hex(), NOW, NOW + timedelta(hours=1)))
    with pytest.raises(Unauthenticated, match="expired"):
        await Tokens(store.tokens).authenticate(bearer_token.digest(shown))
    assert [each.id for each in await store.tokens.every()] == ["t1"]


async def test_a_user_name_revokes_all_of_the_users_tokens_and_nobody_elses(store: SessionStore) -> None:
    tokens = Tokens(store.tokens)
    for user in ("ada", "bob", "ada"):
        await tokens.create(user, "read", 3600)
    assert [each.user for each in await tokens.every()] == ["ada", "bob", "ada"]
    assert await tokens.revoke("ada") == 2
    assert [each.user for each in await tokens.every()] == ["bob"]
    with pytest.raises(NotFound):
        await tokens.revoke("ada")


async def test_the_last_use_is_noted_and_brings_no_revoked_token_back(store: SessionStore) -> None:
    tokens = Tokens(store.tokens)
    made, shown = await tokens.create("ada", "read", 0)
    await tokens.authenticate(bearer_token.digest(shown))
    (listed,) = await tokens.every()
    assert listed.last_used_at is not None
    assert listed.last_used_at >= listed.created_at
    await store.tokens.remove([made.digest])
    await store.tokens.record_use(made.digest, NOW)
    assert await store.tokens.find(made.digest) is None
    assert list(await store.tokens.every()) == []


@pytest.mark.parametrize("name", ["", "-gateway", "a b", "é", "a" * 65, "a\n", "../x", "a/b", "a\0"])
async def test_an_odd_name_gets_no_token(store: SessionStore, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        await Tokens(store.tokens).create(name, "read", 0)


@pytest.mark.parametrize(
    ("scope", "expires_in_s"), [("root", 0), ("", 0), ("read", -1), ("read", float("nan")), ("read", 1e12)]
)
async def test_an_odd_scope_or_lifetime_gets_no_token(store: SessionStore, scope: str, expires_in_s: float) -> None:
    with pytest.raises(InvalidInput):
        await Tokens(store.tokens).create("ada", scope, expires_in_s)


async def test_the_database_holds_no_token_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    async with open_sqlite(path, queue_max=100) as store:
        _, shown = await Tokens(store.tokens).create("ada", "read", 0)
        for file in (path, tmp_path / "session.sqlite-wal"):
            assert shown.encode() not in file.read_bytes()
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


async def test_tokens_survive_that_the_store_is_opened_again_and_twice(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    async with open_sqlite(path, queue_max=100) as one, open_sqlite(path, queue_max=100) as other:
        made, shown = await Tokens(other.tokens).create("ada", "read", 0)
        assert (await Tokens(one.tokens).authenticate(bearer_token.digest(shown))).id == made.id
    async with open_sqlite(path, queue_max=100) as again:
        assert (await Tokens(again.tokens).authenticate(bearer_token.digest(shown))).user == "ada"


# --- allowances -----------------------------------------------------------------------------------


async def test_an_allowance_is_spent_and_says_when_there_is_more(store: SessionStore) -> None:
    rate = Rate(per_minute=6, burst=5)
    assert (await store.allowance.take("ada", 3, rate)).calls == 3
    assert (await store.allowance.take("ada", 3, rate)).calls == 2
    empty = await store.allowance.take("ada", 1, rate)
    assert empty.calls == 0
    assert 5 < empty.retry_after_s <= 10
    assert (await store.allowance.take("bob", 5, rate)).calls == 5


@pytest.mark.containers
async def test_replicas_share_an_allowance_where_redis_is(emptied_redis: str) -> None:
    rate = Rate(per_minute=1, burst=4)
    async with (
        open_redis(emptied_redis, timeout_s=5, stream_max=1000) as one,
        open_redis(emptied_redis, timeout_s=5, stream_max=1000) as other,
    ):
        granted = [(await each.allowance.take("ada", 3, rate)).calls for each in (one, other, one)]
    assert granted == [3, 1, 0]


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 50)), max_size=50))
async def test_no_sequence_of_calls_gets_more_than_the_rate_allows(steps: list[tuple[float, int]]) -> None:
    now_s = 0.0
    allowance: Allowance = ProcessAllowance(lambda: now_s)
    spent = 0
    for pause_s, calls in steps:
        now_s += pause_s
        granted = await allowance.take("ada", calls, Rate(60, 20))
        assert 0 <= granted.calls <= calls
        assert bool(granted.calls) != bool(granted.retry_after_s)
        spent += granted.calls
        assert spent <= 20 + now_s + 1e-6
