"""Signatures: those of others are checked as they document them, ours are as receivers' libraries expect them."""

from __future__ import annotations

import base64
import hashlib
import hmac

from services.integration.domain.signatures import (
    is_signed_by_github,
    is_signed_by_gitlab,
    key_of,
    webhook_headers,
)

SECRET = "It's a Secret to Everybody"  # GitHub's documentation of its own example
BODY = b"Hello, World!"
GITHUBS = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_githubs_own_example_is_right_and_nothing_else_is() -> None:
    assert is_signed_by_github(SECRET, BODY, {"x-hub-signature-256": GITHUBS})
    for wrong in ("", "sha256=", GITHUBS[:-1], GITHUBS.upper(), GITHUBS.removeprefix("sha256="), "ä" * 71):
        assert not is_signed_by_github(SECRET, BODY, {"x-hub-signature-256": wrong})
    assert not is_signed_by_github(SECRET, BODY + b" ", {"x-hub-signature-256": GITHUBS})
    assert not is_signed_by_github("", BODY, {})


def test_gitlab_proves_itself_by_its_token_or_by_a_signature() -> None:
    assert is_signed_by_gitlab(SECRET, BODY, {"x-gitlab-token": SECRET})
    assert not is_signed_by_gitlab(SECRET, BODY, {"x-gitlab-token": ""})
    assert not is_signed_by_gitlab(SECRET, BODY, {})
    signed = webhook_headers(SECRET, "d1", 1_700_000_000, BODY)
    assert is_signed_by_gitlab(SECRET, BODY, signed)
    assert not is_signed_by_gitlab(SECRET, BODY + b" ", signed)
    assert not is_signed_by_gitlab(SECRET, BODY, {**signed, "webhook-timestamp": "1700000001"})
    assert not is_signed_by_gitlab(SECRET, BODY, {**signed, "webhook-timestamp": "soon", "x-gitlab-token": SECRET})


def test_a_receiver_computes_the_same_signature() -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 24).decode()
    headers = webhook_headers(secret, "e1", 1_700_000_000, b"{}")
    expected = hmac.new(b"k" * 24, b"e1.1700000000.{}", hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
    assert key_of("whsec_???") == b"whsec_???", "what is no base64 is a secret as it stands"
