"""Three PostgreSQL servers that Patroni watches, with etcd, in one container: a leader, a synchronous standby and one
more. Their addresses are the same inside and outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.patience import until
from tests.servers.postgres import USER
from tests.servers.redis import container, free_ports, run

IMAGE = "segue-test-patroni:17"
DOCKERFILE = """
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-common \\
 && echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf \\
 && apt-get install -y --no-install-recommends postgresql-17 patroni python3-etcd python3-dnspython etcd-server \\
 && rm -rf /var/lib/apt/lists/*
"""
WATCHED = {
    "ttl": 20,
    "loop_wait": 3,
    "retry_timeout": 5,
    "maximum_lag_on_failover": 1_048_576,
    "synchronous_mode": True,
    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 60, "synchronous_commit": "on"}},
}
"""As docs/guides/failover.md says it."""


def build_image() -> None:
    """Builds it, from Debian's packages, where it is not there yet."""
    done = subprocess.run(
        ["docker", "build", "--quiet", "--tag", IMAGE, "-"],
        input=DOCKERFILE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


class Patroni:
    """The three servers by their ports."""

    def __init__(self, made: Any, ports: Sequence[int]) -> None:
        self._made = made
        self.ports = ports

    @property
    def url(self) -> str:
        """The database on whichever of them takes writes."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"postgresql://{USER}@{hosts}/postgres?target_session_attrs=read-write"

    def leader(self) -> int:
        """The port of the one that takes writes; 0 if none does."""
        return next((port for port in self.ports if self._ask(port, "SELECT NOT pg_is_in_recovery()") == [True]), 0)

    def roles(self) -> list[str]:
        """What each of the living is to the others, as etcd knows it: only a synchronous standby may become leader."""
        members = run(self._made, f"patronictl -c /data/{self.ports[0]}.yml list --format json")
        return sorted(each["Role"] for each in json.loads(members) if each["State"] in {"running", "streaming"})

    def kill_leader(self) -> int:
        """Ends the leader's server and its Patroni, as if its machine were gone; its port."""
        port = self.leader()
        assert port
        pids = f"$(cat /data/{port}.pid) $(head -1 /data/{port}/postmaster.pid)"
        run(self._made, f"kill -KILL {pids}")
        return port

    def _ask(self, port: int, statement: str) -> list[Any]:
        try:
            with psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres", connect_timeout=2) as connection:
                return [row[0] for row in connection.execute(statement)]
        except psycopg.Error:
            return []


@contextmanager
def patroni() -> Iterator[Patroni]:
    """The three, once both standbys follow the leader, one of them synchronously."""
    build_image()
    etcd, etcd_peer, *ports = free_ports(8, 26_000)  # apart from Redis's, which others may choose at the same time
    servers, watching = ports[:3], ports[3:]
    urls = f"--listen-client-urls http://127.0.0.1:{etcd} --advertise-client-urls http://127.0.0.1:{etcd}"
    peer = f"http://127.0.0.1:{etcd_peer}"
    peers = f"--listen-peer-urls {peer} --initial-advertise-peer-urls {peer} --initial-cluster default={peer}"
    lines = [
        "mkdir -p /data && chown postgres: /data",
        f"etcd --data-dir /tmp/etcd {urls} {peers} >/tmp/etcd.log 2>&1 &",
    ]
    for port, rest in zip(servers, watching, strict=True):
        lines.append(f"cat >/data/{port}.yml <<'end'\n{json.dumps(_settings(port, rest, etcd))}\nend")
        as_postgres = "exec setpriv --reuid=postgres --regid=postgres --init-groups"
        lines.append(
            f"(cd /data; {as_postgres} patroni /data/{port}.yml >/tmp/{port}.log 2>&1) & echo $! >/data/{port}.pid"
        )
    with container("\n".join([*lines, "wait"]), servers, IMAGE) as made:
        watched = Patroni(made, servers)
        until(lambda: watched.leader() and watched.roles() == ["Leader", "Replica", "Sync Standby"])
        yield watched


def _settings(port: int, rest: int, etcd: int) -> dict[str, Any]:
    """Of one server's Patroni; YAML takes JSON."""
    return {
        "scope": "segue",
        "name": f"of-{port}",
        "restapi": {"listen": f"127.0.0.1:{rest}", "connect_address": f"127.0.0.1:{rest}"},
        "etcd3": {"hosts": f"127.0.0.1:{etcd}"},
        "bootstrap": {"dcs": WATCHED, "initdb": [{"encoding": "UTF8"}, {"locale": "C"}]},
        "postgresql": {
            "listen": f"0.0.0.0:{port}",
            "connect_address": f"127.0.0.1:{port}",
            "data_dir": f"/data/{port}",
            "bin_dir": "/usr/lib/postgresql/17/bin",
            "pgpass": f"/data/{port}.pgpass",
            "pg_hba": ["local all all trust", "host all all all trust", "host replication all all trust"],
            "authentication": {"superuser": {"username": USER}, "replication": {"username": "copying"}},
            "parameters": {"unix_socket_directories": "/tmp"},
        },
    }
