"""Several real Redis servers in one container, with the addresses that they tell their clients: a Cluster of six nodes,
or a master with a replica and three Sentinels."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

IMAGE = "redis:8.0"
_kept = "--appendonly yes --appendfsync always --save '' --protected-mode no --pidfile $PWD/server.pid"


def free_ports(count: int, first: int = 21_000) -> list[int]:
    """Ports from `first` on that nobody has now, low enough for the port above them that nodes talk by."""
    with ExitStack() as stack:
        found: list[int] = []
        for port in range(first, first + 5_000):
            taken = stack.enter_context(socket.socket())
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise AssertionError("no ports are free")


@contextmanager
def container(script: str, ports: list[int], image: str = IMAGE) -> Iterator[Any]:
    """A container that runs the script, with the ports at the same numbers outside."""
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    testcontainers_config.ryuk_disabled = True
    made = DockerContainer(image).with_kwargs(entrypoint=["sh", "-c", script])
    for port in ports:
        made.with_bind_ports(port, port)
    with made:
        yield made


def run(made: Any, command: str) -> str:
    """What a command in the container says."""
    return str(made.exec(["sh", "-c", command]).output.decode())


def send_signal(made: Any, port: int, signal: str) -> None:
    """To the server at the port, by its process id."""
    run(made, f"kill -{signal} $(cat /data/{port}/server.pid)")


def wait_for(made: Any, command: str, sign: str) -> None:
    """Until the command's answer has the sign."""
    until = time.monotonic() + 60
    while sign not in (said := run(made, command)):
        assert time.monotonic() < until, said
        time.sleep(0.2)


@contextmanager
def cluster() -> Iterator[tuple[str, Any, list[int]]]:
    """A Cluster's URL, its container and ports: three masters and a replica of each."""
    ports = free_ports(6)
    nodes = " ".join(
        f"(mkdir -p /data/{port} && cd /data/{port} && exec redis-server --port {port} --cluster-enabled yes"
        f" --cluster-node-timeout 2000 --cluster-announce-ip 127.0.0.1 {_kept}) &"
        for port in ports
    )
    with container(f"{nodes} wait", ports) as made:
        for port in ports:
            wait_for(made, f"redis-cli -p {port} ping", "PONG")
        places = " ".join(f"127.0.0.1:{port}" for port in ports)
        run(made, f"redis-cli --cluster create {places} --cluster-replicas 1 --cluster-yes")
        for port in ports:
            wait_for(made, f"redis-cli -p {port} cluster info", "cluster_state:ok")
        yield f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in ports[:3])}", made, ports


@contextmanager
def sentinels() -> Iterator[tuple[str, Any, list[int]]]:
    """The URL of the Sentinels, their container and ports: the master's is the first, then the replica's."""
    master, replica, *watching = ports = free_ports(5)
    announce = "--replica-announce-ip 127.0.0.1"
    servers = [
        f"(mkdir -p /data/{master} && cd /data/{master} && exec redis-server --port {master} {announce} {_kept}) &",
        f"(mkdir -p /data/{replica} && cd /data/{replica} && exec redis-server --port {replica} {announce}"
        f" --replicaof 127.0.0.1 {master} {_kept}) &",
    ]
    for port in watching:
        lines = [
            f"port {port}",
            f"sentinel monitor main 127.0.0.1 {master} 2",
            "sentinel announce-ip 127.0.0.1",
            "sentinel down-after-milliseconds main 1500",
            "sentinel failover-timeout main 6000",
            "protected-mode no",
        ]
        written = "\\n".join(lines)
        servers.append(
            f"(sleep 1; printf '{written}\\n' >/tmp/{port}.conf; exec redis-server /tmp/{port}.conf --sentinel) &"
        )
    with container(f"{' '.join(servers)} wait", ports) as made:
        wait_for(made, f"redis-cli -p {replica} info replication", "master_link_status:up")
        for port in watching:
            wait_for(made, f"redis-cli -p {port} sentinel master main", "num-other-sentinels\n2")
            wait_for(made, f"redis-cli -p {port} sentinel replicas main", str(replica))
        yield f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in watching)}/main", made, ports
