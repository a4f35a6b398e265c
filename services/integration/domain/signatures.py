"""Signatures: of the webhooks that Segue sends (standardwebhooks.com), and of the reports that it is sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

ENCODED_PREFIX = "whsec_"


def webhook_headers(secret: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows that the body is Segue's, and when it was sent."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def key_of(secret: str) -> bytes:
    """The key: after `whsec_` it is in base64, as the libraries for receivers expect it."""
    if secret.startswith(ENCODED_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(ENCODED_PREFIX), validate=True)
        except ValueError:
            pass
    return secret.encode()


def is_signed_by_github(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether `X-Hub-Signature-256` is the body's."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), headers.get("x-hub-signature-256", "").encode())


def is_signed_by_gitlab(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether GitLab knows the secret: by a signature of the body where it makes one, else by `X-Gitlab-Token`."""
    if signed := headers.get("webhook-signature"):
        named = (headers.get("webhook-id", ""), headers.get("webhook-timestamp", ""))
        if not named[1].isdigit():
            return False
        expected = webhook_headers(secret, named[0], int(named[1]), body)["webhook-signature"]
        return any(hmac.compare_digest(expected.encode(), each.encode()) for each in signed.split())
    return hmac.compare_digest(secret.encode(), headers.get("x-gitlab-token", "").encode())
