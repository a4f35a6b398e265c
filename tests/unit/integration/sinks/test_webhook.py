"""Webhooks: what is sent, and receivers that are away, slow, wrong or hostile."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.integration.sinks.pinned_http import NotAllowed, NotReached, Poster
from services.integration.sinks.webhook import Webhook
from services.kit.events.outbox import outgoing
from tests.unit.integration.sinks.receivers import Behave, answer, receiver

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "s" * 24
EVENTS = [outgoing("session.ended", "ada", NOW, {"checkpoints": number}, f"e{number}") for number in range(3)]
POSTER = Poster(private=True, timeout_s=5)


async def flood(writer: asyncio.StreamWriter, _: int) -> None:
    while True:  # a first line without an end
        writer.write(b"x" * 65536)
        await writer.drain()


async def trickle(writer: asyncio.StreamWriter, _: int) -> None:
    for byte in b"HTTP/1.1 200 OK and so on and so on and so on and so on":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


async def hang(writer: asyncio.StreamWriter, _: int) -> None:
    await asyncio.sleep(60)


async def leave(writer: asyncio.StreamWriter, _: int) -> None:
    writer.close()


async def bomb(writer: asyncio.StreamWriter, _: int) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 99999999999\r\n\r\n")
    while True:
        writer.write(b"\x1f\x8b" * 65536)
        await writer.drain()


async def test_a_receiver_gets_each_event_signed_and_in_order() -> None:
    async with receiver() as found:
        sink = Webhook(found.url, SECRET, POSTER, now_s=lambda: 1_700_000_000.9)
        outcome = await sink.send(EVENTS)
    assert (outcome.delivered, outcome.trouble) == (3, "")
    assert found.ids == ["e0", "e1", "e2"]
    head, body = found.heads[0], found.bodies[0]
    assert head["request"] == "POST /hook?a=1 HTTP/1.1"
    assert head["host"] == f"127.0.0.1:{found.port}"
    assert head["content-type"] == "application/cloudevents+json"
    signed = hmac.new(SECRET.encode(), b"e0.1700000000." + body, hashlib.sha256).digest()
    assert head["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


@pytest.mark.parametrize("behave", [flood, trickle, hang, leave, answer(b"SSH-2.0-OpenSSH"), answer(b"HTTP/1.1 abc")])
async def test_a_bad_receiver_costs_a_moment_and_takes_nothing(behave: Behave) -> None:
    async with receiver(behave) as found:
        outcome = await Webhook(found.url, SECRET, Poster(private=True, timeout_s=1)).send(EVENTS)
    assert outcome.delivered == 0
    assert outcome.trouble
    assert not outcome.is_refusal
    assert "127.0.0.1" not in outcome.trouble


async def test_an_answer_without_an_end_is_not_read() -> None:
    async with receiver(bomb) as found:
        outcome = await Webhook(found.url, SECRET, POSTER).send(EVENTS[:1])
    assert outcome.delivered == 1


@pytest.mark.parametrize(
    ("status", "is_refusal"), [(302, True), (400, True), (410, True), (429, False), (500, False), (503, False)]
)
async def test_a_status_says_whether_the_event_is_refused_or_the_receiver_is_away(
    status: int, is_refusal: bool
) -> None:
    line = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/".encode()
    async with receiver(answer(b"HTTP/1.1 200 OK", line)) as found:
        outcome = await Webhook(found.url, SECRET, POSTER).send(EVENTS)
        assert len(found.bodies) == 2, "no redirect is followed, and what is behind waits"
    assert (outcome.delivered, outcome.is_refusal, outcome.answered) == (1, is_refusal, True)


async def test_a_private_address_is_not_connected_to() -> None:
    async with receiver() as found:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433"):
            with pytest.raises(NotReached):
                await Poster(private=False, timeout_s=5).post(f"http://{host}:{found.port}/", {}, b"")
        assert not found.heads


async def test_a_name_that_changes_its_meaning_is_called_where_it_was_checked() -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    asked = []

    async def rebind(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    async with receiver() as found:
        poster = Poster(private=False, timeout_s=0.3, resolve=rebind)
        with pytest.raises(NotReached):
            await poster.post(f"http://rebinding.example:{found.port}/", {}, b"")
        assert asked == ["rebinding.example"], "looked up once, and connected to that"
        with pytest.raises(NotAllowed):
            await poster.post(f"http://rebinding.example:{found.port}/", {}, b"")
        assert not found.heads


async def test_a_header_with_a_line_break_is_not_sent() -> None:
    async with receiver() as found:
        with pytest.raises(NotReached):
            await POSTER.post(found.url, {"x": "a\r\nHost: evil"}, b"")
        assert not found.heads
