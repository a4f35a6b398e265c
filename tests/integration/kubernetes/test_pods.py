"""The containers of the chart, run exactly as they are rendered until their probes are green; then used."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from services.kit.encryption.key_file import generate_key
from tests.integration.faults import docker
from tests.integration.kubernetes.chart import Resource, rendered
from tests.integration.kubernetes.node import Node, RunningPod
from tests.integration.stack import IMAGES, ROOT

pytestmark = pytest.mark.containers

STAND_IN = ("--set", "postgresql.image=pgvector/pgvector:pg17,postgresql.user=100")
"""An image of PostgreSQL 17 that is there; its user has another number."""
IMAGE = ("--set", f"image.tag={IMAGES}", "--set", "image.pullPolicy=Never")
ORDER = ("redis", "postgresql", "session", "history", "quality", "memory", "search", "integration", "gateway")
"""The containers of this test start one after another; Kubernetes' start at once, and wait for what they need."""


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    """Of this checkout, as the tests of compose have them."""
    for name in ("gateway", "session", "quality", "memory", "integration"):
        built = ["docker", "build", "--quiet", "--build-arg", f"SERVICE={name}", "--file", "deploy/Dockerfile"]
        done = subprocess.run(
            [*built, "--tag", f"segue-{name}:{IMAGES}", "."], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    key = tmp_path_factory.mktemp("key") / "memory.key"
    generate_key(key)
    password = secrets.token_hex(16)
    known = {
        "segue": {
            "service-secret": secrets.token_hex(32),
            "redis-password": secrets.token_hex(16),
            "database-password": password,
            "database-url": f"postgresql://segue:{password}@segue-postgresql:5432/segue\n",
            "memory.key": key.read_text(),
        }
    }
    with Node(known) as made:
        yield made


OWN = ("--set", "memory.database=own,search.enabled=true,integration.enabled=true,ingress.enabled=true")


@pytest.fixture(scope="module")
def resources() -> list[Resource]:
    return rendered(*IMAGE, *STAND_IN, *OWN)


@pytest.fixture(scope="module")
def running(node: Node, resources: list[Resource]) -> dict[str, RunningPod]:
    started = {}
    for component in ORDER:
        started[component] = node.run(resources, component)
        started[component].wait_until_green()
    return started


def token(running: dict[str, RunningPod]) -> str:
    """Somebody's first one, made as the notes say."""
    command = ("python", "-m", "services.cli", "token", "create", "ada", "--scope", "admin")
    (made,) = re.findall(r"segue_\w+", running["session"].exec(*command))
    return str(made)


def segue(running: dict[str, RunningPod], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line of who has that token."""
    url = f"http://127.0.0.1:{running['gateway'].port(8377)}/mcp"
    environment = {"SEGUE_URL": url, "SEGUE_TOKEN": token(running)}
    command = [sys.executable, "-m", "services.cli", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_every_probe_is_green(running: dict[str, RunningPod]) -> None:
    assert set(running) == set(ORDER)
    for pod in running.values():
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert pod.is_green(probe), (pod.name, probe)


def test_what_runs_is_as_hardened_as_it_is_rendered(running: dict[str, RunningPod]) -> None:
    for component, pod in running.items():
        status = pod.exec("sh", "-c", "id -u; cat /proc/1/status; touch /opt/x 2>&1 || true")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert int(status.splitlines()[0]) > 0, component
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0, component
        assert fields["NoNewPrivs"] == "1", component
        assert "Read-only file system" in status, component
        assert int(json.loads(docker("inspect", pod.name))[0]["HostConfig"]["Memory"]) > 0, component


def test_doctor_passes_through_all_of_them(running: dict[str, RunningPod]) -> None:
    done = segue(running, "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_is_inside_reaches_the_gateway_by_the_name_of_its_service(running: dict[str, RunningPod]) -> None:
    given = ("env", "SEGUE_URL=http://segue-gateway:8377/mcp", f"SEGUE_TOKEN={token(running)}")
    running["session"].exec(*given, "python", "-m", "services.cli", "doctor")


def test_no_password_is_in_a_log_or_a_command_line(running: dict[str, RunningPod], node: Node) -> None:
    for component, pod in running.items():
        seen = pod.logs() + pod.exec("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        for key, value in node.known["segue"].items():
            assert value.strip() not in seen, (component, key)


def test_a_pod_that_is_replaced_finds_what_was_stored(running: dict[str, RunningPod], node: Node) -> None:
    rows = "SELECT count(*) FROM memories"
    psql = ("psql", "-h", "127.0.0.1", "-U", "segue", "-d", "segue", "-Atc")
    password = node.known["segue"]["database-password"]
    postgres = running["postgresql"]
    before = docker("exec", "--env", f"PGPASSWORD={password}", postgres.name, *psql, rows)
    for component in ("postgresql", "redis", "memory"):
        docker("restart", "--time", "30", running[component].name)
        running[component].wait_until_green()
    assert docker("exec", "--env", f"PGPASSWORD={password}", postgres.name, *psql, rows) == before
    done = segue(running, "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--set", "fullnameOverride=files,secrets.encryptionKey.name=segue"),
        ("--set", "fullnameOverride=external,redis.deploy=true,memory.database=external"),
    ],
    ids=["a sealed file", "a database of others"],
)
def test_memory_of_other_kinds_is_green(running: dict[str, RunningPod], node: Node, options: tuple[str, ...]) -> None:
    if "external" in options[1]:
        docker("stop", running["memory"].name)  # one serves a database
    found = rendered(*IMAGE, *options)
    redis = node.run(found, "redis", "of-others")
    redis.wait_until_green()
    memory = node.run(found, "memory", "of-others")
    memory.wait_until_green()
    docker("rm", "--force", "--volumes", redis.name, memory.name)
    if "external" in options[1]:
        docker("start", running["memory"].name)
        running["memory"].wait_until_green()


def test_commands_have_the_data_while_memory_is_kept_from_serving(node: Node) -> None:
    found = rendered(*IMAGE, "--set", "fullnameOverride=resting,memory.maintenance=true")
    memory = node.run(found, "memory", "resting")
    memory.exec("python", "-m", "services.cli", "key", "generate", "/data/key/memory.key")
    memory.exec("sh", "-c", "mkdir /data/before && touch /backups/copy")
    docker("stop", "--time", "20", memory.name)
    state = json.loads(docker("inspect", "--format", "{{json .State}}", memory.name))
    assert state["ExitCode"] == 0, "it was killed"
