"""Redaction measured on the corpus, and what it promises of any text."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.redaction import DEPTH_MAX, find, redact, redact_json, without_private
from tests.fuzz.budget import examples
from tests.security.redaction.corpus import MAKERS, characters, covers, harmless_lines, secret_lines

SECRETS, HARMLESS = secret_lines(), harmless_lines()
RECALL_MIN = PRECISION_MIN = 0.98
EXACT_MIN = 0.95
HOSTILE_CHARS = 256 * 1024


def share(lines: Iterable[bool]) -> float:
    held = list(lines)
    return sum(held) / len(held)


def test_the_corpus_is_large_and_every_line_is_another() -> None:
    assert len({line.text for line in SECRETS}) == len(SECRETS) >= 320
    assert len({line.text for line in HARMLESS}) == len(HARMLESS) >= 340


@pytest.mark.parametrize("held_out", [False, True], ids=["tuned", "held out"])
def test_secrets_are_found_and_harmless_lines_pass(held_out: bool) -> None:
    secrets = [line for line in SECRETS if line.held_out == held_out]
    harmless = [line for line in HARMLESS if line.held_out == held_out]
    recall = share(map(covers, secrets))
    unchanged = share(redact(line.text).text == line.text for line in harmless)
    exact = share([(found.start, found.end) for found in find(line.text)] == [*line.secrets] for line in secrets)
    print(f"recall {recall:.4f} of {len(secrets)} lines, harmless unchanged {unchanged:.4f} of {len(harmless)}")
    assert recall >= RECALL_MIN
    assert unchanged >= PRECISION_MIN
    assert exact >= EXACT_MIN


def test_each_kind_is_named_in_plain_words() -> None:
    kinds = {kind for line in SECRETS for kind in redact(line.text).kinds}
    assert {"AWS access key", "private key", "password in a connection string", "cookie", "bearer token"} <= kinds
    assert all(word.replace(".", "").replace("-", "").isalnum() for kind in kinds for word in kind.split())


def test_a_secret_becomes_its_kind_and_the_rest_stays() -> None:
    password = "Winter" + "2024!"
    assert redact(f'a\r\npassword = "{password}"\n\tz\u00a0') == (
        'a\r\npassword = "[redacted: password]"\n\tz\u00a0',
        1,
        ("password",),
    )


def test_a_password_with_an_at_sign_is_whole() -> None:
    url = "postgres://app:p@ss" + "Winter2024@db.internal/shop"
    assert redact(f"use {url}, please").text == (
        "use postgres://app:[redacted: password in a connection string]@db.internal/shop, please"
    )


def test_what_stands_around_a_secret_is_untouched() -> None:
    for line in SECRETS:
        parts, at = [], 0
        for secret in find(line.text):
            parts += [line.text[at : secret.start], f"[redacted: {secret.kind}]"]
            at = secret.end
        assert redact(line.text).text == "".join([*parts, line.text[at:]])


def test_lines_are_found_in_a_long_text_as_they_are_alone() -> None:
    text = "\n\n".join(line.text for pair in zip(SECRETS, HARMLESS, strict=False) for line in pair)
    redacted = redact(text)
    alone = "\n\n".join(redact(line.text).text for pair in zip(SECRETS, HARMLESS, strict=False) for line in pair)
    assert (
        share(one == other for one, other in zip(redacted.text.split("\n\n"), alone.split("\n\n"), strict=True)) > 0.99
    )
    assert redact(redacted.text) == (redacted.text, 0, ())


def _made(name: str) -> st.SearchStrategy[str]:
    return st.integers(0, 2**32).map(lambda seed: MAKERS[name](random.Random(seed)))


FRAGMENTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(sorted(MAKERS)).flatmap(_made),
    st.sampled_from([line.text for line in SECRETS + HARMLESS]),
    st.sampled_from(
        ["password=", "password='", "token: ", '"', "Bearer ", "-----BEGIN ", "eyJ", "Cookie: sid=", "; ", "&"]
    ),
    st.sampled_from(["://", ":x@", "[redacted: ", "]", "\\", "\\n", "\n", " "]),
)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(FRAGMENTS, max_size=8).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redacted = redact(text)
    assert find(redacted.text) == []
    assert redact(redacted.text) == (redacted.text, 0, ())
    assert bool(redacted.count) == (redacted.text != text)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(FRAGMENTS, max_size=8).map("".join))
def test_what_was_found_is_in_order_and_apart(text: str) -> None:
    found = find(text)
    assert all(0 <= secret.start < secret.end <= len(text) for secret in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


@settings(max_examples=examples(200), deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["github", "aws_id", "anthropic", "jwt", "private_key_rsa"]).flatmap(_made),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_an_issued_secret_is_found_between_any_two_texts(before: str, secret: str, after: str) -> None:
    text = f"{before}\n{secret}\n{after}"
    redacted = redact(text).text
    assert secret not in redacted
    assert redacted.startswith(redact(before + "\n").text[:-1])


HOSTILE = [
    *[
        "a",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "eyJ.",
        "password=",
        "password='",
        "pass word is ",
        "token=",
    ],
    *[
        "secret_key_",
        "Cookie: sid=",
        "curl -u a:b",
        "://a:",
        "[redacted: ",
        "7Q~",
        "<private>",
        "\\n",
        "htpasswd -b a ",
        "token,token\n",
        "| password |\n",
        "password:\n",
        "密码是",
        "://a:b@",
    ],
]


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_is_read_once(piece: str) -> None:
    """Every pass is linear: a quadratic one would take minutes here."""
    text = (piece * (HOSTILE_CHARS // len(piece) + 1))[:HOSTILE_CHARS]
    redacted = redact(text)
    assert redact(redacted.text).count == 0
    assert len(without_private(text)[0]) <= len(text)


@pytest.mark.parametrize(
    ("text", "kept", "count"),
    [
        ("nothing here", "nothing here", 0),
        ("a <private>b</private> c", "a [private] c", 1),
        ("a <PRIVATE>b\nb</Private> c <private>d</private>", "a [private] c [private]", 2),
        ("a <private>b <private>c</private> d</private> e", "a [private] e", 1),
        ("a <private>b, never closed", "a [private]", 1),
        ("a <private>b <private>c</private> d", "a [private]", 1),
        ("a </private> b", "a </private> b", 0),
        ("a < private >b</ private > c", "a [private] c", 1),
        ("<pri<private>x</private>vate>y</private>", "<pri[private]vate>y</private>", 1),
        ("private <b>c</b>", "private <b>c</b>", 0),
        ("a <private reason='x'>b</private> c", "a [private] c", 1),
        ('a <private a="1>2<3">b</private why> c', "a [private] c", 1),
        ("a <private\n  reason=x>b</private\n> c", "a [private] c", 1),
        ('a <private reason="never closed>b</private> c', "a [private] c", 1),
        ("a <privateer>b</privateer> c <private-x>", "a <privateer>b</privateer> c <private-x>", 0),
        ("a <private/> b <private /> c", "a <private/> b <private /> c", 0),
        ("text after `<private>` tags; the rest", "text after `<private>` tags; the rest", 0),
        ("between ``<private>`` and `</private>`, x", "between ``<private>`` and `</private>`, x", 0),
        ("run `curl <private>b</private>` now", "run `curl [private]` now", 1),
        ("`<private>b</private>`", "`[private]`", 1),
        ("`a`<private>`b`</private>c", "`a`[private]c", 1),
        ("it`s <private>b</private> c`d", "it`s [private] c`d", 1),
        ("it`s\n`<private>`\n<private>b", "it`s\n`<private>`\n[private]", 1),
        ("a <private>b `</private>` c</private> d", "a [private] d", 1),
        ("a `<private>", "a `[private]", 1),
    ],
)
def test_private_text_is_taken_out(text: str, kept: str, count: int) -> None:
    assert without_private(text) == (kept, count)


@given(
    st.lists(
        st.sampled_from(["<private>", "</private>", "<private a>", "<", "private>", "x", "`", "\n"]), max_size=12
    ).map("".join)
)
def test_taking_private_text_out_twice_changes_nothing_more(text: str) -> None:
    kept, _ = without_private(text)
    assert without_private(kept) == (kept, 0)


def test_a_key_that_names_a_secret_makes_its_value_one() -> None:
    value = {
        "user": "ada",
        "password": "letmein please",
        "dbPassword": ["one thing", 7],
        "nested": [{"API_KEY": "plain words"}],
        "token_type": "bearer",
        "next_page_token": "CAoQAA",
        "secret": "",
        "port": 8678,
    }
    assert redact_json(value) == (
        {
            "user": "ada",
            "password": "[redacted: password]",
            "dbPassword": ["[redacted: password]", 7],
            "nested": [{"API_KEY": "[redacted: secret]"}],
            "token_type": "bearer",
            "next_page_token": "CAoQAA",
            "secret": "",
            "port": 8678,
        },
        3,
        ("password", "secret"),
    )
    assert redact_json(redact_json(value).value).count == 0


def test_secrets_in_keys_and_in_any_string_of_metadata_are_taken_out() -> None:
    made = [characters("abcdefghijklmnopqrstuvwxyz0123456789", 36, "ghp_")(rng) for rng in map(random.Random, range(3))]
    redacted = redact_json({made[0]: 1, made[1]: 2, "log": [f"used {made[2]} and {made[0]}"]})
    assert redacted.count == 4
    assert redacted.kinds == ("GitHub token",)
    assert not any(secret in str(redacted.value) for secret in made)
    assert list(redacted.value.values())[:2] == [1, 2]


def test_what_is_nested_too_deep_is_replaced_whole() -> None:
    value: object = "x"
    for _ in range(10_000):
        value = [value]
    redacted = redact_json(value)
    assert redacted.count == 1
    assert str(redacted.value).count("[") == DEPTH_MAX + 1


def test_importing_takes_the_standard_library_alone() -> None:
    script = (
        "import sys; before = set(sys.modules); import services.kit.redaction;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["services"]
