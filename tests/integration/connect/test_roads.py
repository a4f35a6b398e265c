"""The ways on which `segue connect` reaches a gateway, and how much goes over them."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from services.cli.local_server import ServerInfo, ensure_server
from tests.bridged import CONNECT, HANDSHAKE, Connect, StandInGateway, lines, text, tool_call
from tests.patience import PATIENCE_S
from tests.stand_in_server import STAND_IN

MEBIBYTE = 1 << 20


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def serving(data_dir: Path, **environment: str | Path) -> ServerInfo:
    settings = [f"{name}={value}" for name, value in environment.items()]
    return ensure_server(data_dir, PATIENCE_S, ("/usr/bin/env", *settings, *STAND_IN))


@pytest.mark.slow
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_address_is_reached(data_dir: Path, connect: Connect) -> None:
    server = serving(data_dir, STAND_IN_HOST="::1")
    assert server.url.startswith("http://[::1]:")
    assert text(connect(server.url).opened().call(1, "echo", text="six")) == "six"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of one's own, and what it certified for 127.0.0.1."""
    directory = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Our own", *usage)
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=gateway")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.pem", *signed_by)
    return directory


@pytest.mark.slow
def test_a_certificate_of_ones_own_authority_is_trusted_where_it_is_named(
    data_dir: Path, connect: Connect, authority: Path
) -> None:
    server = serving(data_dir, STAND_IN_TLS=f"{authority}/server.pem:{authority}/server.key")
    connection = connect(server.url, SSL_CERT_FILE=str(authority / "ca.pem")).opened()
    assert text(connection.call(1, "echo", text="sealed")) == "sealed"
    error = connect(server.url).handshake()["error"]["message"]
    assert "certificate verify failed" in error
    assert "SSL_CERT_FILE" in error


@pytest.mark.slow
def test_huge_messages_pass_whole_in_both_directions(gateway: StandInGateway, connect: Connect) -> None:
    connection = connect(gateway.url).opened()
    sent = "ü" * (3 * MEBIBYTE // 2)
    assert text(connection.call(1, "echo", text=sent)) == sent
    assert len(text(connection.call(2, "repeat", text="x" * 1024, times=16 * 1024))) == 16 * MEBIBYTE


def test_a_message_that_is_too_large_for_the_gateway_is_answered_with_its_limit(
    gateway: StandInGateway, connect: Connect
) -> None:
    connection = connect(gateway.url).opened()
    assert "a call has 4 MiB at most" in connection.call(1, "echo", text="x" * (5 * MEBIBYTE))["error"]["message"]
    assert text(connection.call(2, "echo", text="smaller")) == "smaller"


def test_a_client_that_does_not_read_holds_up_nobody_but_itself(gateway: StandInGateway, connect: Connect) -> None:
    """Its answers wait at the gateway's end: the bridge holds a message for each call, and ends when it is told to."""
    with subprocess.Popen([*CONNECT, gateway.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as deaf:
        assert deaf.stdin
        calls = ({"id": n, **tool_call("repeat", text="x" * 1024, times=1024)} for n in range(1, 33))
        deaf.stdin.write(lines(*HANDSHAKE, *calls))
        deaf.stdin.flush()
        assert text(connect(gateway.url).opened().call(1, "echo", text="heard")) == "heard"
        deaf.stdin.close()
        assert deaf.wait(PATIENCE_S) == 0


@pytest.mark.slow
def test_many_in_flight_are_each_answered_with_their_own(gateway: StandInGateway, connect: Connect) -> None:
    connection = connect(gateway.url).opened()
    for round_ in range(4):
        ids = [f"{round_}-{n}" for n in range(60)]
        connection.send(*({"id": each, **tool_call("echo", text=each)} for each in ids))
        assert [text(connection.answer(each)) for each in ids] == ids
