"""TLS before the entry, by the example in deploy/tls, with an authority that only this test knows."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults import docker
from tests.integration.stack import IMAGES, ROOT, ComposeStack, free_port

pytestmark = pytest.mark.containers


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and what it says `localhost` is."""
    directory = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    _openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ours")
    _openssl(directory, "req", *key, "-keyout", "key.pem", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "names").write_text("subjectAltName=DNS:localhost\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
    _openssl(directory, "x509", "-req", "-in", "server.csr", "-out", "fullchain.pem", *signing)
    for path in (directory, *directory.iterdir()):
        os.chown(path, os.geteuid() or 1000, os.getegid() or 1000)  # nginx is not to be root, even where the tests are
    return directory


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def url(team: ComposeStack, certificates: Path) -> Iterator[str]:
    """The team, by https."""
    name, image, port = f"{team.name}-tls-{secrets.token_hex(3)}", f"segue-tls:{IMAGES}", free_port()
    docker("build", "--quiet", "--tag", image, str(ROOT / "deploy" / "tls"))
    owner = certificates.stat()
    docker(
        *("run", "--detach", "--rm", "--name", name, "--network", f"{team.name}_edge", "--cap-drop", "ALL"),
        *("--read-only", "--tmpfs", "/tmp:size=64m,mode=1777", "--user", f"{owner.st_uid}:{owner.st_gid}"),
        *("--publish", f"127.0.0.1:{port}:8443", "--volume", f"{certificates}:/run/tls:ro", image),
    )
    try:
        yield f"https://localhost:{port}/mcp"
    finally:
        docker("stop", name)


def segue(url: str, authority: Path | None, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SEGUE_URL": url} | ({"SSL_CERT_FILE": str(authority)} if authority else {})
    command = [sys.executable, "-m", "services.cli", *arguments]
    return subprocess.run(
        command, env=environment, input=given, capture_output=True, text=True, timeout=120, check=False
    )


def test_doctor_and_connect_work_by_https_with_the_authority(url: str, certificates: Path) -> None:
    done = segue(url, certificates / "ca.pem", "doctor")
    assert "stored, found" in done.stdout, done.stdout + done.stderr
    handshake = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "tls", "version": "1"}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": handshake}
    connected = segue(url, certificates / "ca.pem", "connect", given=json.dumps(request) + "\n")
    answer = json.loads(connected.stdout.splitlines()[0])
    assert answer["result"]["serverInfo"]["name"] == "segue"


def test_without_the_authority_nothing_is_sent_and_the_reason_is_said(url: str) -> None:
    done = segue(url, None, "doctor")
    assert done.returncode == 1
    assert "certificate" in done.stdout + done.stderr


def test_with_tls_before_it_the_gateway_asks_who_is_calling() -> None:
    settings = {"SEGUE_TLS_DIRECTORY": "/srv/tls", "COMPOSE_FILE": "compose.yaml:deploy/tls/compose.yaml"}
    config = json.loads(ComposeStack(settings=settings).compose("config", "--format", "json"))["services"]
    assert config["gateway"]["environment"]["SEGUE_GATEWAY_AUTH"] == "tokens"
    assert config["gateway"]["environment"]["SEGUE_GATEWAY_PUBLISHED_ON"] == "0.0.0.0"
    tls = config["tls"]
    assert (tls["cap_drop"], tls["read_only"], tls["user"]) == (["ALL"], True, "10001:10001")
