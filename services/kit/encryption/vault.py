"""Seals and opens bytes under keys that are derived from one data key: AES-256-GCM, HMAC-SHA-256, HKDF-SHA-256."""

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
"""Random for each sealing: up to 2^32 under one key two are equal with a chance below 2^-32 (NIST SP 800-38D, 8.3).
Each purpose has a key of its own, so that is four thousand million memories."""
_stream_bytes = 16
_name_step_bytes = 32
"""Names are padded to a multiple of this, so that little is seen of how long they are."""


class SealBroken(Unavailable):
    """What was sealed is not as it was, or not where it was: changed, moved, or damaged."""


class Vault:
    """Holds the keys; any thread may use it."""

    def __init__(self, data_key: bytes) -> None:
        self._data_key = data_key
        self._keys: dict[str, bytes] = {}
        self._ciphers: dict[str, AESGCM] = {}
        self._siv: dict[str, AESSIV] = {}
        self.id = self.digest("id", b"").hex()[:16]
        """Names the data key and says nothing of it."""

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
        """The content as only `open` reads it, for the same purpose and identity."""
        nonce = secrets.token_bytes(nonce_bytes)
        return nonce + self._cipher(purpose).encrypt(nonce, content, identity)

    def open(self, purpose: str, identity: bytes, sealed: bytes) -> bytes:
        """What was sealed; SealBroken where it was not sealed here, for this."""
        try:
            return self._cipher(purpose).decrypt(sealed[:nonce_bytes], sealed[nonce_bytes:], identity)
        except (invalid_tag(), ValueError) as error:
            raise SealBroken(f"A {purpose} is not as it was stored.", "Restore a backup.") from error

    def seal_name(self, purpose: str, identity: bytes, name: str) -> str:
        """A short text sealed so that it is the same each time (AES-256-SIV, RFC 5297): equal names can be compared."""
        padded = name.encode("utf-8", "surrogatepass") + b"\x80"
        padded += b"\0" * (-len(padded) % _name_step_bytes)
        return self._names(purpose).encrypt(padded, [identity]).hex()

    def name(self, purpose: str, identity: bytes, sealed: str) -> str:
        """What `named` was given; SealBroken where it was not sealed here, for this."""
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
        """32 bytes that are equal for equal contents; nobody without the key can try contents out."""
        return hmac.digest(self._purpose_key(f"{purpose} digest"), content, "sha256")

    def sealing(self, purpose: str) -> Callable[[bytes], bytes]:
        """Seals the pieces of one stream, one after the other, so that they open in this order alone."""
        stream, number = secrets.token_bytes(_stream_bytes), count()

        def seal(piece: bytes) -> bytes:
            place = next(number)
            sealed = self.seal(purpose, identity(stream.hex(), place), piece)
            return sealed if place else stream + sealed

        return seal

    def opening(self, purpose: str) -> Callable[[bytes], bytes]:
        """Opens the pieces that `sealing` sealed."""
        stream, number = b"", count()

        def unseal(sealed: bytes) -> bytes:
            nonlocal stream
            place = next(number)
            if not place:
                stream, sealed = sealed[:_stream_bytes], sealed[_stream_bytes:]
            return self.open(purpose, identity(stream.hex(), place), sealed)

        return unseal


def identity(*parts: str | int) -> bytes:
    """Parts as associated data: different for different parts."""
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
