"""Half a surrogate pair in a JSON body: what is kept, what becomes U+FFFD, and what that costs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from services.gateway.arguments.surrogates import WholeCharacters, whole_characters

PIECES = [r"\ud83d", r"\ude00", r"\uDBFF", r"\uD83D\uDE00", r"\\", r"\"", r"\n", r"\u0041", "u", "d83d", "é", "😀"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"x \ud83d", "x \ufffd"),
        (r"\ude00 y", "\ufffd y"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\uD83D\u0041", "\ufffdA"),
        (r"\\ud83d", r"\ud83d"),
        (r"\\\ud83d", "\\\ufffd"),
        (r"\\ud83d\udc00", "\\ud83d\ufffd"),
    ],
)
def test_half_a_pair_becomes_the_replacement_character(text: str, expected: str) -> None:
    body = f'{{"a":"{text}"}}'.encode()
    assert json.loads(whole_characters(body)) == {"a": expected}
    assert len(whole_characters(body)) == len(body)


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_it_is_what_a_parser_that_replaces_halves_would_read(text: str) -> None:
    parsed = json.loads(f'"{text}"')
    whole = "".join("\ufffd" if 0xD800 <= ord(each) <= 0xDFFF else each for each in parsed)
    assert json.loads(whole_characters(f'"{text}"'.encode())) == whole


@pytest.mark.parametrize("body", [b"", b"\\", rb"\ud8", rb'"\ud8zz"', b"\\\\\\", rb"\ud83d"[:-1], b"\xff\xfe"])
def test_what_is_no_json_stays_what_it_is(body: bytes) -> None:
    assert whole_characters(body) == body


async def received(*pieces: Message, times: int) -> list[Message]:
    """What an application behind it receives."""
    left, seen = list(pieces), []

    async def receive() -> Message:
        return left.pop(0)

    async def app(_: Scope, receive_whole: Receive, __: Send) -> None:
        seen.extend([await receive_whole() for _ in range(times)])

    async def send(_: Message) -> None:
        return None

    await WholeCharacters(app)({"type": "http", "method": "POST"}, receive, send)
    return seen


async def test_a_body_in_pieces_is_repaired_as_one() -> None:
    first: Message = {"type": "http.request", "body": rb'"\ud8', "more_body": True}
    last: Message = {"type": "http.request", "body": rb'3d"', "more_body": False}
    gone: Message = {"type": "http.disconnect"}
    whole: Message = {"type": "http.request", "body": rb'"\ufffd"', "more_body": False}
    assert await received(first, last, gone, times=2) == [whole, gone]


async def test_a_sender_that_leaves_within_a_body_is_seen_to_leave() -> None:
    first: Message = {"type": "http.request", "body": rb'"\ud8', "more_body": True}
    gone: Message = {"type": "http.disconnect"}
    assert await received(first, gone, times=1) == [gone]
