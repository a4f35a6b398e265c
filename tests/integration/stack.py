"""Running Segue whole, in one process or in compose, as its users do."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import IO, ClassVar, Protocol, Self
from urllib.request import urlopen

from fastmcp import Client

from services.cli import local_server
from tests.model import shared_model
from tests.patience import PATIENCE_S
from tests.servers.preloaded import PreloadedServer

ROOT = Path(__file__).parents[2]
IMAGES = f"test-{hashlib.sha256(bytes(ROOT)).hexdigest()[:8]}"
"""This checkout's images, so that another's tests do not run on them."""


class Stack(Protocol):
    """A running Segue; a context that ends it."""

    @property
    def url(self) -> str: ...

    @property
    def environment(self) -> dict[str, str]:
        """What a command line needs to reach it."""
        ...

    def restart(self) -> None:
        """Ends it as its user would, and starts it again on the same data."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def client(stack: Stack) -> Client:  # type: ignore[type-arg]
    return Client(stack.url)


def segue(stack: Stack, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the command line against the stack."""
    command = [sys.executable, "-m", "services.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | stack.environment, capture_output=True, text=True, timeout=300, check=False
    )


class ProcessStack:
    """`segue serve` on a data directory of its own; with the tests' model, where that and `settings` have none."""

    is_preloaded: ClassVar[bool] = True
    """Whether its imports are shared with other servers of the tests; not where its start or its memory is measured."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.settings = settings
        self.program: tuple[str, ...] = ("-m", "services.cli")
        self.stderr: IO[str] | None = None
        self.process: PreloadedServer | subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        info = local_server.read_server(self.data_dir)
        assert info is not None
        return info.url

    @property
    def environment(self) -> dict[str, str]:
        return {"SEGUE_DATA_DIR": str(self.data_dir)}

    def __enter__(self) -> Self:
        environment = os.environ | self.environment | self._model() | self.settings
        arguments = ("serve", "--port", "0")
        if self.is_preloaded and "LD_PRELOAD" not in environment:  # which is read where a program begins
            self.process = PreloadedServer(arguments, environment, self.stderr)
        else:
            command, out = [sys.executable, *self.program, *arguments], subprocess.PIPE
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=self.stderr, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("Segue is ready"), line
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0
        assert self.process.stdout
        self.process.stdout.close()

    def restart(self) -> None:
        self.__exit__()
        self.__enter__()

    def _model(self) -> dict[str, str]:
        is_without = "SEGUE_MEMORY_MODEL_BUILD" in os.environ | self.settings
        has_own = is_without or (self.data_dir / "memory" / "model").exists()
        return {} if has_own else {"SEGUE_MEMORY_MODEL_DIRECTORY": str(shared_model())}


class ComposeStack:
    """`docker compose up` under a project name and port of its own; its volumes go with it.

    `scale` says how many of which service, `settings` what its user would have in `.env`.
    """

    def __init__(
        self, scale: Mapping[str, int] | None = None, settings: Mapping[str, str] | None = None, root: Path = ROOT
    ) -> None:
        self.name = f"segue-test-{secrets.token_hex(3)}"
        self._port = free_port()
        self._scale = scale or {}
        self._settings = settings or {}
        self._root = root
        self._rests = False

    def with_settings(self, **settings: str) -> ComposeStack:
        """The same containers and volumes, by another `.env`."""
        other = copy(self)
        other._settings = {**self._settings, **settings}
        return other

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/mcp"

    @property
    def environment(self) -> dict[str, str]:
        return {"SEGUE_URL": self.url}

    def compose(self, *arguments: str) -> str:
        """Runs `docker compose` on this project; its output."""
        done = self.attempted(*arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def attempted(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same where it may fail."""
        command = ["docker", "compose", "--project-name", self.name, *arguments]
        environment = os.environ | {"SEGUE_PORT": str(self._port), "SEGUE_VERSION": IMAGES} | dict(self._settings)
        return subprocess.run(command, cwd=self._root, env=environment, capture_output=True, text=True, check=False)

    def up(self, *arguments: str) -> None:
        """`docker compose up`, until all of it is healthy."""
        scale = [part for service, count in self._scale.items() for part in ("--scale", f"{service}={count}")]
        self.compose("up", "--detach", "--wait", *scale, *arguments)

    def __enter__(self) -> Self:
        try:
            self.up("--build")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._rests:
            self.compose("unpause")
        self.compose("down", "--volumes", "--remove-orphans")

    @contextmanager
    def awake(self) -> Iterator[None]:
        """In use meanwhile, and paused after it: health checks of a whole stack take a third of a processor."""
        if self._rests:
            self.compose("unpause")
            self._rests = False
            self._wait_until_ready()
        yield
        self.compose("pause")
        self._rests = True

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError), urlopen(self.url.removesuffix("mcp") + "ready", timeout=PATIENCE_S):
                return
            assert time.monotonic() < deadline, "it did not wake up"
            time.sleep(0.2)  # its processes are waited for

    def restart(self) -> None:
        self.compose("down")
        self.up()

    def upgrade(self) -> None:
        """From the version it was started with to this checkout's, in place."""
        self._root, self._settings = ROOT, {}
        self.up("--build", "--remove-orphans")


def documented(part: str, place: str, meant: str) -> list[list[str]]:
    """What deploy/README.md says to type to compose, `meant` for `place`, in the block that has `part` in it."""
    blocks = re.findall(r"```\n(.*?)```", (ROOT / "deploy" / "README.md").read_text(), re.DOTALL)
    (block,) = (each for each in blocks if part in each)
    lines = [line for line in block.replace(place, meant).splitlines() if not line.startswith("sudo ")]
    return [shlex.split(line.removeprefix("docker compose ")) for line in lines]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
