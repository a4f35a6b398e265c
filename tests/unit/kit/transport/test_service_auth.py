"""Services take calls from Segue's own processes alone: by a shared secret, and by certificates."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.kit.errors import NotReady, Unavailable
from services.kit.health.grpc_health import trouble
from services.kit.transport import rpc, service_auth
from services.pb import session_pb2 as pb
from services.pb.session_pb2_grpc import SessionStub
from services.session.app import open_session
from services.session.config import SessionSettings
from tests.integration.stack import free_port

REQUEST = pb.ListRequest(limit=1)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """The secret is read once a process."""
    service_auth.secret.cache_clear()
    yield
    service_auth.secret.cache_clear()


def use_secret(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("SEGUE_SERVICE_SECRET_FILE", str(path))
    service_auth.secret.cache_clear()


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[str]:
    target = f"127.0.0.1:{free_port()}"
    async with open_session(SessionSettings(address=target, directory=directory / "data")):
        yield target


async def ask(target: str) -> pb.ListResponse:
    async with rpc.open_channel(target) as channel:
        stub = SessionStub(channel)
        return await rpc.call(stub.List, REQUEST, user="ada", timeout_s=10)


# --- a shared secret ------------------------------------------------------------------------------


async def test_a_call_without_the_secret_or_with_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_secret(monkeypatch, tmp_path / "secret")
    async with serving(tmp_path) as target:
        assert not (await ask(target)).sessions
        (tmp_path / "other").write_text("x" * 64)
        use_secret(monkeypatch, tmp_path / "other")
        with pytest.raises(NotReady, match="own processes"):
            await ask(target)
        monkeypatch.delenv("SEGUE_SERVICE_SECRET_FILE")
        service_auth.secret.cache_clear()
        with pytest.raises(NotReady, match="own processes"):
            await ask(target)
        async with rpc.open_channel(target) as channel:
            assert not await trouble(channel)  # whether it works may be asked by anyone


def test_whoever_comes_first_makes_the_secret_and_all_have_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    command = [sys.executable, "-c", "from services.kit.transport import service_auth; print(service_auth.secret())"]
    environment = os.environ | {"SEGUE_SERVICE_SECRET_FILE": str(path)}
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    seen = {process.communicate()[0].strip() for process in started}
    assert seen == {path.read_text()}
    assert len(seen.pop()) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", ["", "short", "é" * 40])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    use_secret(monkeypatch, tmp_path / "secret")
    with pytest.raises(NotReady, match="SEGUE_SERVICE_SECRET_FILE"):
        service_auth.secret()


def test_a_secret_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_secret(monkeypatch, tmp_path / "nowhere" / "secret")
    with pytest.raises(NotReady, match="cannot be read or made"):
        service_auth.secret()


async def test_nothing_is_asked_for_on_a_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_secret(monkeypatch, tmp_path / "secret")
    address = f"unix:{tmp_path}/socket"
    async with open_session(SessionSettings(address=address, directory=tmp_path / "data")):
        monkeypatch.delenv("SEGUE_SERVICE_SECRET_FILE")
        service_auth.secret.cache_clear()
        assert not (await ask(address)).sessions


# --- certificates on both sides -------------------------------------------------------------------


class Authority:
    """A certificate authority of one's own."""

    def __init__(self, directory: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Segue's test authority")])
        self._directory = directory
        directory.mkdir()
        self._write("ca.pem", self._signed(self._name, self._key, is_authority=True))

    def use(self, monkeypatch: pytest.MonkeyPatch, name: str = "segue") -> None:
        """A certificate for `name` becomes this process's own."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self._write("key.pem", key.private_bytes(serialization.Encoding.PEM, *private))
        self._write("cert.pem", self._signed(subject, key))
        for variable, file in (("CA", "ca"), ("CERT", "cert"), ("KEY", "key")):
            monkeypatch.setenv(f"SEGUE_TLS_{variable}_FILE", str(self._directory / f"{file}.pem"))

    def _write(self, name: str, content: bytes) -> None:
        (self._directory / name).write_bytes(content)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        names = [
            x509.DNSName(str(common).replace(" ", "-").replace("'", "")),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def without_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CA", "CERT", "KEY"):
        monkeypatch.delenv(f"SEGUE_TLS_{variable}_FILE")


async def test_with_certificates_only_those_of_the_same_authority_get_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    ours.use(monkeypatch)
    async with serving(tmp_path) as target:
        assert not (await ask(target)).sessions
        checked = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.kit.health.grpc_health", target)
        assert await checked.wait() == 0
        theirs.use(monkeypatch)
        with pytest.raises(Unavailable):
            await ask(target)
        without_certificates(monkeypatch)
        with pytest.raises(Unavailable):
            await ask(target)


async def test_a_server_that_is_not_segue_is_not_spoken_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Authority(tmp_path / "ours")
    ours.use(monkeypatch, "somebody-else")
    async with serving(tmp_path) as target:
        ours.use(monkeypatch)
        with pytest.raises(Unavailable):
            await ask(target)


@pytest.mark.parametrize("missing", ["CA", "CERT", "KEY"])
async def test_half_a_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    Authority(tmp_path / "ours").use(monkeypatch)
    monkeypatch.delenv(f"SEGUE_TLS_{missing}_FILE")
    with pytest.raises(NotReady, match="all of"):
        await ask("127.0.0.1:1")
    monkeypatch.setenv(f"SEGUE_TLS_{missing}_FILE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(NotReady, match="cannot be read"):
        await ask("127.0.0.1:1")
