"""Compose with a receiver of OTLP and a real Prometheus on its network: traces, scrapes, rules, and logs."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.cli.gateway.mcp_call import Gateway
from tests.integration.operations.test_telemetry import SEARCH, STORE, Caller, send, send_everywhere
from tests.integration.stack import IMAGES, ROOT, ComposeStack
from tests.patience import PATIENCE_S
from tests.servers.otlp import SentSpan, edges, spans_in

pytestmark = [pytest.mark.containers, pytest.mark.parametrize("stack", ["compose"], indirect=True)]
OBSERVABILITY = ROOT / "deploy" / "observability"
JOBS = {"gateway", "session", "quality", "history", "memory"}
PROMETHEUS = "segue-test-prometheus"


def docker(*arguments: str, given: str | None = None) -> str:
    """Runs docker; what it prints."""
    done = subprocess.run(["docker", *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def until(found: Callable[[], Any], what: str) -> Any:
    """What `found` returns once that is anything."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.5)  # another process is waited for
    raise AssertionError(f"{what} did not come in time")


@dataclass
class Watched:
    """A stack with a collector on its network."""

    stack: ComposeStack
    collector: str

    @property
    def network(self) -> str:
        return f"{self.stack.name}_inside"

    def requests(self) -> list[dict[str, Any]]:
        """All that the services sent so far."""
        return [json.loads(line) for line in docker("logs", self.collector).splitlines()]

    def spans(self) -> list[SentSpan]:
        return [span for request in self.requests() for span in spans_in(request)]

    def ask(self, path: str) -> Any:
        """What Prometheus answers."""
        code = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
        return json.loads(docker("exec", self.collector, "python", "-c", code, f"http://prometheus:9090/api/v1/{path}"))


@pytest.fixture(scope="module")
def watched(stack: ComposeStack) -> Iterator[Watched]:
    """The collector comes after the services that send to it."""
    name = f"{stack.name}-collector"
    receiver = f"{ROOT / 'tests' / 'servers' / 'otlp.py'}:/otlp.py:ro"
    place = ("--network", f"{stack.name}_inside", "--network-alias", "collector", "--volume", receiver)
    docker("run", "--detach", "--name", name, *place, f"segue-memory:{IMAGES}", "python", "/otlp.py")
    try:
        yield Watched(stack, name)
    finally:
        docker("rm", "--force", "--volumes", name)


@pytest.mark.parametrize(
    ("tool", "arguments", "wanted"),
    [
        ("store_reflection", {"content": "The heron stands on one leg."}, STORE),
        ("reflect_on_past", {"query": "birds that balance"}, [*SEARCH, (SEARCH[2][0], "redis")]),
        (
            "init",
            {"working_directory": "/elsewhere/heron"},
            [
                ("tools/call init", "segue.session.v1.Session/Init CLIENT"),
                ("segue.session.v1.Session/Init CLIENT", "segue.session.v1.Session/Init SERVER"),
                ("segue.session.v1.Session/Init SERVER", "redis"),
            ],
        ),
        (
            "checkpoint",
            {"session_id": "of /elsewhere/heron"},
            [
                ("segue.session.v1.Session/Checkpoint CLIENT", "segue.session.v1.Session/Checkpoint SERVER"),
                ("segue.session.v1.Session/Checkpoint SERVER", "redis"),
            ],
        ),
    ],
)
def test_a_call_is_one_tree_across_the_containers(
    watched: Watched, tool: str, arguments: dict[str, str], wanted: list[tuple[str, str]]
) -> None:
    caller = Caller()
    if "session_id" in arguments:
        gateway = Gateway(watched.stack.url)
        gateway.open()
        arguments = {"session_id": gateway.call("init", working_directory="/elsewhere/heron")["session_id"]}
    send(watched.stack.url, tool, dict(arguments), meta=caller)
    until(lambda: set(wanted) <= edges(watched.spans(), caller.trace_id), f"{wanted}")
    mine = [span for span in watched.spans() if span.trace_id == caller.trace_id]
    assert {"segue-gateway"} < {span.service for span in mine}
    (server,) = [span for span in mine if span.name == f"tools/call {tool}"]
    assert server.parent_id == caller.span_id


def tools(watched: Watched) -> set[str]:
    """Names of the spans that the gateway has sent of tools."""
    return {span.name for span in watched.spans() if span.name.startswith("tools/call")}


async def test_nothing_that_leaves_the_containers_has_what_a_client_sends(watched: Watched, tmp_path: Path) -> None:
    mark = f"kestrel{secrets.token_hex(6)}"
    await send_everywhere(watched.stack.url, mark, tmp_path)
    caller = Caller()
    send(watched.stack.url, "reflection_stats", {}, meta=caller)
    # What is last is not enough: each service sends what is its own in its own time.
    await asyncio.to_thread(until, lambda: edges(watched.spans(), caller.trace_id), "the last trace")
    await asyncio.to_thread(until, lambda: len(tools(watched)) > 20, "the spans of all tools")
    assert mark not in json.dumps(watched.requests())
    logs = watched.stack.compose("logs", "--no-log-prefix", "gateway", "session", "memory", "quality", "history")
    logs = logs.replace("\x1b[2K", "")  # compose's own, where a line may be overwritten
    assert mark not in logs
    assert len(logs.splitlines()) > 5
    for line in logs.splitlines():
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()


@pytest.fixture(scope="module")
def prometheus(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's Prometheus with our configuration, but that it looks every second."""
    packages = "apt-get update -qq && apt-get install -qq --no-install-recommends prometheus"
    docker("build", "--quiet", "--tag", PROMETHEUS, "-", given=f"FROM debian:trixie-slim\nRUN {packages}\n")
    directory = tmp_path_factory.mktemp("prometheus")
    directory.chmod(0o755)
    quick = (OBSERVABILITY / "prometheus.yaml").read_text().replace("15s", "1s")
    (directory / "prometheus.yaml").write_text(quick)
    (directory / "alerts.yaml").write_text((OBSERVABILITY / "alerts.yaml").read_text())
    name = f"{watched.stack.name}-prometheus"
    place = ("--network", watched.network, "--network-alias", "prometheus", "--volume", f"{directory}:/config:ro")
    command = ("prometheus", "--config.file=/config/prometheus.yaml", "--storage.tsdb.path=/tmp/tsdb")
    docker("run", "--detach", "--name", name, *place, PROMETHEUS, *command)
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def test_prometheus_takes_our_configuration_and_rules(prometheus: str) -> None:
    assert "SUCCESS" in docker("exec", prometheus, "promtool", "check", "config", "/config/prometheus.yaml")


@pytest.mark.usefixtures("prometheus")
def test_prometheus_scrapes_every_service_without_an_error(watched: Watched) -> None:
    def targets() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = watched.ask("targets")["data"]["activeTargets"]
        scraped = {each["labels"]["job"] for each in found if each["health"] == "up"}
        return found if scraped == JOBS else []

    def reachable() -> bool:
        try:
            return bool(watched.ask("targets"))
        except AssertionError:
            return False

    until(reachable, "Prometheus")
    for target in until(targets, "every service"):
        assert target["lastError"] == ""
    for series in ("segue_part_health", "mcp_server_operation_duration_seconds_count", "segue_memories"):
        assert watched.ask(f"query?query={series}")["data"]["result"], series
    rules = [rule for group in watched.ask("rules")["data"]["groups"] for rule in group["rules"]]
    assert len(rules) == (OBSERVABILITY / "alerts.yaml").read_text().count("- alert:")
    until(lambda: all(each["health"] == "ok" for each in watched.ask("rules")["data"]["groups"][0]["rules"]), "rules")
