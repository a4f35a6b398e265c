"""The `stack` fixture: the same scenarios on one process and on compose. And a bridge to a stand-in."""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from services.cli.local_server import ServerInfo, ensure_server, read_server
from tests.bridged import CONNECT, Connect, Connection, StandInGateway, kill
from tests.integration.stack import ComposeStack, ProcessStack, Stack
from tests.patience import PATIENCE_S
from tests.stand_in_server import STAND_IN


@pytest.fixture(scope="session")
def process_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("segue")) as made:
        yield made


@pytest.fixture(scope="session")
def compose_stack() -> Iterator[ComposeStack]:
    """It tells a collector that a test may bring of every call."""
    endpoint = "http://collector:4317"
    every = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_SAMPLER": "parentbased_always_on"}
    with ComposeStack(settings=every) as made:
        yield made


@pytest.fixture(scope="module", params=["process", pytest.param("compose", marks=pytest.mark.containers)])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running Segue; each scenario uses a project of its own."""
    made = request.getfixturevalue(f"{request.param}_stack")
    with made.awake() if isinstance(made, ComposeStack) else nullcontext():
        yield made


@pytest.fixture(scope="session")
def claude_code() -> None:
    """The real client, installed once on this machine: whoever comes second waits, for an installation has no lock."""
    from tests.integration.claude_code.test_conversation import CLIENT

    with (Path(tempfile.gettempdir()) / f"segue-claude-code-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([CLIENT / "install"], stdout=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="session")
def team_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a team's projects; not root's, where the tests are."""
    directory = tmp_path_factory.mktemp("projects")
    if os.geteuid() == 0:
        os.chown(directory, 1000, 1000)
    return directory


@pytest.fixture(scope="session")
def team_stack(team_workspace: Path) -> Iterator[ComposeStack]:
    """Replicas behind one address, and a workspace in which checkpoints commit, as its owner."""
    owner = team_workspace.stat()
    settings = {
        "SEGUE_WORKSPACE": str(team_workspace),
        "SEGUE_WORKSPACE_MODE": "rw",
        "SEGUE_WORKSPACE_USER": f"{owner.st_uid}:{owner.st_gid}",
        "SEGUE_GATEWAY_CALLS_PER_MINUTE": "1000000",  # all that the tests do is one user's
        "SEGUE_GATEWAY_CALLS_AT_ONCE": "1000",
    }
    with ComposeStack({"gateway": 2, "session": 2, "quality": 2}, settings) as made:
        yield made


@pytest.fixture(scope="module")
def team(team_stack: ComposeStack) -> Iterator[ComposeStack]:
    """The same, while a module uses it."""
    with team_stack.awake():
        yield team_stack


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a line to whoever runs the tests, at once."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}", end="", flush=True)

    return say


@pytest.fixture
def project() -> str:
    """A project nobody else has."""
    return f"project-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInGateway]:
    """The stand-in, for tests that leave it as it is."""
    directory = tmp_path_factory.mktemp("stand-in")
    server = ensure_server(directory, PATIENCE_S, STAND_IN)
    yield StandInGateway(server.url, directory)
    kill(directory, server)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Of a local server that a test has started; whatever serves it ends with the test."""
    yield tmp_path / "data"
    if server := read_server(tmp_path / "data"):
        kill(tmp_path / "data", server)


@pytest.fixture
def server(data_dir: Path) -> ServerInfo:
    """A stand-in of the test's own, serving `data_dir`."""
    return ensure_server(data_dir, PATIENCE_S, STAND_IN)


@pytest.fixture
def connect(data_dir: Path) -> Iterator[Connect]:
    """Starts `segue connect` with arguments, on `data_dir`; they end with the test."""
    connections = []

    def start(*arguments: str, command: tuple[str, ...] = CONNECT, **environment: str) -> Connection:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
        settings = {**inherited, "SEGUE_DATA_DIR": str(data_dir), **environment}
        connections.append(Connection((*command, *arguments), settings))
        return connections[-1]

    yield start
    for connection in connections:
        if connection.process.poll() is None:
            connection.end()


@pytest.fixture
def data(tmp_path: Path, model_directory: Path) -> Path:
    """A data directory that has the model already."""
    directory = tmp_path / "data"
    (directory / "memory").mkdir(mode=0o700, parents=True)
    (directory / "memory" / "model").symlink_to(model_directory)
    return directory
