"""A directory with data that may be encrypted: whether it is, and whether the settings match."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.kit.encryption.key_file import read_key
from services.kit.encryption.keyring import Keyring, new_data_key, read_keyring, wrap, write_keyring
from services.kit.encryption.vault import Vault
from services.kit.errors import NotReady


@dataclass(frozen=True, slots=True)
class Place:
    """`home`, the data's name for messages, the setting with the key file, and the pattern of the databases' names."""

    home: Path
    what: str
    setting: str
    databases: str

    @property
    def has_data(self) -> bool:
        """Whether there is a database."""
        return any(self.home.glob(self.databases))

    def vault(self, key_file: Path | None) -> Vault | None:
        """The vault for the existing data, None if it is not encrypted; changes nothing.

        InvalidInput if the key is unusable or wrong; NotReady if the data is encrypted and no key is set, or is not
        encrypted and one is.

        """
        return self.vault_of(read_keyring(self.home), key_file)

    def vault_of(self, keyring: Keyring | None, key_file: Path | None) -> Vault | None:
        """The same for a keyring that was found elsewhere."""
        if key_file is None:
            if keyring:
                raise self._locked_error(keyring)
            return None
        key = read_key(key_file)
        if keyring is None:
            raise self._plain(key_file)
        return Vault(keyring.unwrap(key))

    def ready_vault(self, key_file: Path | None) -> Vault | None:
        """The same; if nothing is stored yet, a configured key creates a keyring."""
        if key_file and not self.has_data and read_keyring(self.home) is None:
            key = read_key(key_file)
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_keyring(self.home, wrap(new_data_key(), key))
        return self.vault(key_file)

    def backup_vault(self, key_file: Path | None) -> Vault | None:
        """Like `vault`, for a backup."""
        if key_file and self.has_data and read_keyring(self.home) is None:
            raise NotReady(
                f"{self.what} in the backup are not encrypted, and {self.setting} is set.",
                f"Unset it, restore, then encrypt them with `segue key encrypt {key_file}`.",
            )
        return self.vault(key_file) if self.has_data else None

    def _locked_error(self, keyring: Keyring) -> NotReady:
        return NotReady(
            f"{self.what} in {self.home} are encrypted, and {self.setting} is not set.",
            f"Set it to the file of the key {keyring.key_id}. Without it nobody can read them.",
        )

    def _plain(self, key_file: Path) -> NotReady:
        return NotReady(
            f"{self.what} in {self.home} are not encrypted, and {self.setting} is set.",
            f"Encrypt them with `segue key encrypt {key_file}`, or unset {self.setting}.",
        )
