"""`encryption.json` beside the data: the data key, wrapped by the user's key."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.kit.durable_files import write_private
from services.kit.encryption.key_file import Key, key_bytes
from services.kit.encryption.vault import derive_key, invalid_tag, nonce_bytes
from services.kit.errors import InvalidInput

if TYPE_CHECKING:  # where nothing is encrypted it need not be installed
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEYRING = "encryption.json"
_format = 1
_salt_bytes = 16
_file_max_bytes = 4096


@dataclass(frozen=True, slots=True)
class Keyring:
    """A wrapped data key; `key_id` names the user's key that unwraps it."""

    key_id: str
    salt: str
    wrapped: str

    def unwrap(self, key: Key) -> bytes:
        """The data key; InvalidInput if another key wraps it."""
        salt, wrapped = bytes.fromhex(self.salt), bytes.fromhex(self.wrapped)
        try:
            return _wrapping(key, salt).decrypt(wrapped[:nonce_bytes], wrapped[nonce_bytes:], _purpose)
        except invalid_tag() as error:
            reason = "is another one" if self.key_id != key.id else "does not open it: its keyring is damaged"
            raise InvalidInput(
                f"What is encrypted here needs the key {self.key_id}, and {key.id} {reason}.",
                f"Name the file of the key {self.key_id}.",
            ) from error


_purpose = b"segue data key 1"


def _wrapping(key: Key, salt: bytes) -> AESGCM:
    secret = derive_key(key.secret, salt, "segue wrap")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(secret)


def new_data_key() -> bytes:
    """A random data key."""
    return secrets.token_bytes(key_bytes)


def wrap(data_key: bytes, key: Key) -> Keyring:
    """Wraps the data key with the user's key."""
    salt, nonce = secrets.token_bytes(_salt_bytes), secrets.token_bytes(nonce_bytes)
    return Keyring(key.id, salt.hex(), (nonce + _wrapping(key, salt).encrypt(nonce, data_key, _purpose)).hex())


def read_keyring(home: Path) -> Keyring | None:
    """The keyring of a directory, None if nothing is encrypted there; InvalidInput if it is damaged."""
    path = home / KEYRING
    try:
        with path.open("rb") as file:
            content = file.read(_file_max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    return parse_keyring(content, str(path))


def parse_keyring(content: str | bytes, place: str) -> Keyring:
    """The keyring that was written so; InvalidInput if it is damaged. `place` says where it was found."""
    try:
        fields = json.loads(content)
        keyring = Keyring(str(fields["key_id"]), str(fields["salt"]), str(fields["wrapped"]))
        if fields["format"] != _format:
            raise InvalidInput(f"{place} has format {fields['format']}; this version of Segue knows {_format}.")
        bytes.fromhex(keyring.salt + keyring.wrapped)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{place} is damaged, and without it nothing here can be read.", "Restore it from a backup."
        ) from error
    return keyring


def write_keyring(home: Path, keyring: Keyring) -> None:
    """Writes the keyring in one step, replacing an earlier one."""
    write_private(home / KEYRING, json.dumps({"format": _format, **asdict(keyring)}) + "\n")
