"""The key in its file, the keyring beside the data, and what is sealed under them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.kit.encryption.key_file import Key, generate_key, read_key
from services.kit.encryption.keyring import KEYRING, new_data_key, read_keyring, wrap, write_keyring
from services.kit.encryption.sealed_directory import Place
from services.kit.encryption.vault import SealBroken, Vault, identity
from services.kit.errors import AlreadyExists, InvalidInput, NotReady

VAULT = Vault(bytes(range(32)))


def place(home: Path) -> Place:
    return Place(home, "The memories", "SEGUE_X", "*.duckdb")


# --- the key file -------------------------------------------------------------------------------


def test_a_key_is_written_once_for_its_owner_alone_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "memory.key"
    key = generate_key(path)
    assert read_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    before = path.read_bytes()
    with pytest.raises(AlreadyExists):
        generate_key(path)
    assert path.read_bytes() == before
    assert key.secret.hex() not in repr(key)
    assert generate_key(tmp_path / "other").id != key.id


def mistyped(path: Path) -> None:
    text = path.read_text()
    path.write_text(text.replace(text[20], "0" if text[20] != "0" else "1", 1))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (Path.unlink, "No such file"),
        (mistyped, "holds no key, or not all of it"),
        (lambda path: os.truncate(path, 40), "holds no key, or not all of it"),
        (lambda path: path.write_bytes(os.urandom(32)), "holds no key, or not all of it"),
        (lambda path: path.chmod(0o604), "Others than its owner"),
        (lambda path: path.chmod(0o640), "Others than its owner"),
    ],
)
def test_a_key_file_that_is_not_in_order_is_refused_with_what_to_do(
    tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "key"
    generate_key(path)
    harm(path)
    with pytest.raises(InvalidInput) as refused:
        read_key(path)
    assert said in refused.value.message
    assert str(path) in refused.value.message
    assert refused.value.suggestions


def test_a_key_survives_being_copied_with_other_line_ends(tmp_path: Path) -> None:
    key = generate_key(tmp_path / "key")
    (tmp_path / "key").write_bytes((tmp_path / "key").read_bytes().strip() + b"\r\n\r\n")
    assert read_key(tmp_path / "key") == key


# --- the vault ----------------------------------------------------------------------------------


def test_what_is_sealed_opens_for_the_same_purpose_identity_and_key_alone() -> None:
    sealed = VAULT.seal("memory", identity(1, "a"), b"the otter")
    assert VAULT.open("memory", identity(1, "a"), sealed) == b"the otter"
    assert sealed != VAULT.seal("memory", identity(1, "a"), b"the otter")
    for vault, purpose, whose, content in (
        (Vault(bytes(32)), "memory", identity(1, "a"), sealed),
        (VAULT, "link", identity(1, "a"), sealed),
        (VAULT, "memory", identity(2, "a"), sealed),
        (VAULT, "memory", identity(1, "a"), sealed[:-1]),
        (VAULT, "memory", identity(1, "a"), bytes([sealed[0] ^ 1]) + sealed[1:]),
        (VAULT, "memory", identity(1, "a"), b""),
    ):
        with pytest.raises(SealBroken):
            vault.open(purpose, whose, content)


def test_an_identity_is_another_for_other_parts() -> None:
    assert len({identity("a", "b"), identity("ab"), identity("a,b"), identity('a", "b'), identity("a", "", "b")}) == 5
    assert identity(1) != identity("1")


def test_a_name_is_sealed_the_same_each_time_and_opens_for_its_identity_alone() -> None:
    for name in ("shop", "", "a" * 31, "a" * 32, "日本語" * 60, "ends in zeros\0\0", "\x80", "\ud800"):
        sealed = VAULT.seal_name("project", identity("ann"), name)
        assert sealed == VAULT.seal_name("project", identity("ann"), name)
        assert VAULT.name("project", identity("ann"), sealed) == name
    sealed = VAULT.seal_name("project", identity("ann"), "shop")
    assert sealed != VAULT.seal_name("project", identity("bob"), "shop")
    assert len(sealed) == len(VAULT.seal_name("project", identity("ann"), "a longer name"))
    for vault, whose, text in (
        (VAULT, "bob", sealed),
        (Vault(bytes(32)), "ann", sealed),
        (VAULT, "ann", sealed[:-2]),
        (VAULT, "ann", "shop"),
    ):
        with pytest.raises(SealBroken):
            vault.name("project", identity(whose), text)


def test_a_digest_is_equal_for_equal_contents_under_one_key() -> None:
    assert VAULT.digest("p", b"x") == Vault(bytes(range(32))).digest("p", b"x")
    assert len({VAULT.digest("p", b"x"), VAULT.digest("q", b"x"), Vault(bytes(32)).digest("p", b"x")}) == 3


def test_the_pieces_of_a_stream_open_in_their_order_alone() -> None:
    pieces = [b"one", b"two", b"", b"two"]
    seal, other = VAULT.sealing("snapshot"), VAULT.sealing("snapshot")
    sealed, others = [seal(piece) for piece in pieces], [other(piece) for piece in pieces]
    unseal = VAULT.opening("snapshot")
    assert [unseal(piece) for piece in sealed] == pieces
    for wrong in ([sealed[0], sealed[3]], [sealed[0], others[1]], [sealed[1]]):
        unseal = VAULT.opening("snapshot")
        with pytest.raises(SealBroken):
            list(map(unseal, wrong))


def test_threads_may_share_a_vault() -> None:
    def there_and_back(number: int) -> bool:
        content = os.urandom(2000)
        return VAULT.open("m", identity(number), VAULT.seal("m", identity(number), content)) == content

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(there_and_back, range(2000)))


# --- the keyring and its place ------------------------------------------------------------------


def test_a_data_key_is_unwrapped_by_its_key_alone(tmp_path: Path) -> None:
    key, other, data_key = Key(bytes(32)), Key(bytes(range(32))), new_data_key()
    write_keyring(tmp_path, wrap(data_key, key))
    keyring = read_keyring(tmp_path)
    assert keyring
    assert keyring.unwrap(key) == data_key
    with pytest.raises(InvalidInput, match=f"needs the key {key.id}, and {other.id} is another one"):
        keyring.unwrap(other)
    assert (tmp_path / KEYRING).stat().st_mode & 0o777 == 0o600
    assert data_key.hex() not in (tmp_path / KEYRING).read_text()
    assert key.secret.hex() not in (tmp_path / KEYRING).read_text()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 1, "key_id": "a", "salt": "x", "wrapped": "y"}'])
def test_a_keyring_that_is_damaged_is_not_taken_for_none(tmp_path: Path, content: str) -> None:
    (tmp_path / KEYRING).write_text(content)
    with pytest.raises(InvalidInput, match="damaged"):
        place(tmp_path).ready_vault(None)


def test_a_new_place_takes_the_key_it_is_given_and_keeps_it(tmp_path: Path) -> None:
    home, key_file = tmp_path / "home", tmp_path / "key"
    generate_key(key_file)
    first = place(home).ready_vault(key_file)
    (home / "x.duckdb").touch()
    again = place(home).ready_vault(key_file)
    assert first
    assert again
    assert first.id == again.id
    with pytest.raises(NotReady, match="are encrypted, and SEGUE_X is not set"):
        place(home).ready_vault(None)
    generate_key(tmp_path / "other")
    with pytest.raises(InvalidInput, match="is another one"):
        place(home).ready_vault(tmp_path / "other")


def test_a_place_with_clear_data_refuses_a_key_and_says_how_to_encrypt(tmp_path: Path) -> None:
    generate_key(tmp_path / "key")
    (tmp_path / "x.duckdb").touch()
    with pytest.raises(NotReady) as refused:
        place(tmp_path).ready_vault(tmp_path / "key")
    assert f"segue key encrypt {tmp_path / 'key'}" in refused.value.suggestions[0]
    assert place(tmp_path).ready_vault(None) is None
    assert not (tmp_path / KEYRING).exists()


def test_a_key_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        place(tmp_path / "home").ready_vault(tmp_path / "missing")
    assert not (tmp_path / "home").exists()
