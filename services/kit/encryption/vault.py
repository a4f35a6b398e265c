"""Seals and opens bytes with keys derived from one data key: AES-256-GCM, HMAC-SHA-256, HKDF-SHA-256."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from services.kit.errors import NotReady, Unavailable

if TYPE_CHECKING:  # where nothing is encrypted it need not be installed
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

nonce_bytes = 12
"""A random nonce for each sealing: among 2^32 under one key, two are equal with a probability below 2^-32 (NIST SP
800-38D, 8.3). Each purpose has a key of its own, so that is about four billion memories."""
_stream_bytes = 16
_name_step_bytes = 32
"""Names are padded to a multiple of this length, which hides most of their length."""


class SealBroken(Unavailable):
    """Sealed bytes were changed, moved, or damaged."""


class Vault:
    """Holds the keys; safe to use from any thread."""

    def __init__(self, data_key: bytes) -> None:
        self._data_key = data_key
        self._keys: dict[str, bytes] = {}
        self._ciphers: dict[str, AESGCM] = {}
        self._siv: dict[str, AESSIV] = {}
        self.id = self.digest("id", b"").hex()[:16]
        """Identifies the data key without revealing it."""

    def _purpose_key(self, purpose: str) -> bytes:
        if purpose not in self._keys:
            self._keys[purpose] = derive_key(self._data_key, b"", f"segue data {purpose}")
        return self._keys[purpose]

    def _cipher(self, purpose: str) -> AESGCM:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            cipher = self._ciphers.setdefault(purpose, AESGCM(self._purpose_key(purpose)))
        return cipher

    def seal(self, purpose: str, identity: bytes, content: bytes) -> bytes:
        """Seals the content; only `open` with the same purpose and identity can read it."""
        nonce = secrets.token_bytes(nonce_bytes)
        return nonce + self._cipher(purpose).encrypt(nonce, content, identity)

    def open(self, purpose: str, identity: bytes, sealed: bytes) -> bytes:
        """The sealed content; SealBroken if it was not sealed by this vault for this purpose and identity."""
        try:
            return self._cipher(purpose).decrypt(sealed[:nonce_bytes], sealed[nonce_bytes:], identity)
        except (invalid_tag(), ValueError) as error:
            raise SealBroken(f"A {purpose} is not as it was stored.", "Restore a backup.") from error

    def seal_name(self, purpose: str, identity: bytes, name: str) -> str:
        """Seals a short text deterministically (AES-256-SIV, RFC 5297), so that equal names stay comparable."""
        padded = name.encode("utf-8", "surrogatepass") + b"\x80"
        padded += b"\0" * (-len(padded) % _name_step_bytes)
        return self._names(purpose).encrypt(padded, [identity]).hex()

    def name(self, purpose: str, identity: bytes, sealed: str) -> str:
        """The text given to `seal_name`; SealBroken if this vault did not seal it for this purpose and identity."""
        try:
            padded = self._names(purpose).decrypt(bytes.fromhex(sealed), [identity])
        except (invalid_tag(), ValueError) as error:
            raise SealBroken(f"A {purpose} is not as it was stored.", "Restore a backup.") from error
        return padded.rstrip(b"\0")[:-1].decode("utf-8", "surrogatepass")

    def _names(self, purpose: str) -> AESSIV:
        cipher = self._siv.get(purpose)
        if cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV

            key = self._purpose_key(f"{purpose} name, synthetic") + self._purpose_key(f"{purpose} name")
            cipher = self._siv.setdefault(purpose, AESSIV(key))
        return cipher

    def digest(self, purpose: str, content: bytes) -> bytes:
        """A keyed digest of 32 bytes: equal for equal contents; without the key, contents cannot be guessed from it."""
        return hmac.digest(self._purpose_key(f"{purpose} digest"), content, "sha256")

    def sealing(self, purpose: str) -> Callable[[bytes], bytes]:
        """Returns a function that seals the pieces of one stream in order; they open in this order only."""
        stream, number = secrets.token_bytes(_stream_bytes), count()

        def seal(piece: bytes) -> bytes:
            place = next(number)
            sealed = self.seal(purpose, identity(stream.hex(), place), piece)
            return sealed if place else stream + sealed

        return seal

    def opening(self, purpose: str) -> Callable[[bytes], bytes]:
        """Returns a function that opens the pieces that `sealing` sealed."""
        stream, number = b"", count()

        def unseal(sealed: bytes) -> bytes:
            nonlocal stream
            place = next(number)
            if not place:
                stream, sealed = sealed[:_stream_bytes], sealed[_stream_bytes:]
            return self.open(purpose, identity(stream.hex(), place), sealed)

        return unseal


def identity(*parts: str | int) -> bytes:
    """Encodes parts as associated data; different parts give different bytes."""
    return json.dumps(parts).encode()


def derive_key(secret: bytes, salt: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose; everything encrypted begins with one. NotReady where nothing can be."""
    try:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise NotReady("Encryption needs the package cryptography, which is not installed.", "Install it.") from error
    return HKDF(SHA256(), 32, salt or None, purpose.encode()).derive(secret)


def invalid_tag() -> type[Exception]:
    """What is raised for what was not sealed with this key."""
    from cryptography.exceptions import InvalidTag

    return InvalidTag
