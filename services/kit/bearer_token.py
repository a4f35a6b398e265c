"""The format of Segue's own bearer tokens: `segue_`, 256 random bits, a checksum. Secret scanners recognise it."""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

PREFIX = "segue_"
_alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
_random_chars = 43  # 62 to the power of 43 is more than 2 to the power of 256
_checksum_chars = 6
_chars = len(PREFIX) + _random_chars + _checksum_chars


def new_token() -> str:
    """A random, unguessable token."""
    body = PREFIX + _base62(secrets.randbits(256), _random_chars)
    return body + _checksum(body)


def is_token(text: str) -> bool:
    """Whether the text has the format; if not, it need not be looked up."""
    return len(text) == _chars and text.startswith(PREFIX) and _checksum(text[:-_checksum_chars]) == text[-6:]


def digest(token: str) -> bytes:
    """The hash that is stored and looked up: a fast hash is enough for unguessable tokens."""
    return hashlib.sha256(token.encode("ascii")).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _checksum_chars)


def _base62(number: int, width: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(_alphabet))
        text = _alphabet[digit] + text
    return text.rjust(width, _alphabet[0])
