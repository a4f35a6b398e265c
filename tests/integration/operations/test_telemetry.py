"""One process and a real receiver of OTLP: the tree of a trace, whose parent counts, numbers, logs, and no content."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from prometheus_client.parser import text_string_to_metric_families

from services.cli.gateway.mcp_call import Gateway
from tests.integration.stack import ROOT, ProcessStack
from tests.repositories import RepositoryOnDisk
from tests.servers.otlp import Receiver, SentSpan, edges

pytestmark = pytest.mark.slow

OBSERVABILITY = ROOT / "deploy" / "observability"
AT_ONCE = {
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_BLRP_SCHEDULE_DELAY": "100",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
}
"""Milliseconds until what there is is sent."""


@dataclass
class Traced:
    """A server that sends all it has to a receiver."""

    stack: ProcessStack
    receiver: Receiver
    stderr: Path

    def call(self, name: str, **arguments: Any) -> str:
        """Calls the tool within a trace of the client's own; the trace's id."""
        caller = Caller()
        send(self.stack.url, name, arguments, meta=caller)
        self.receiver.wait_for(lambda: any(span.parent_id == caller.span_id for span in self.receiver.spans))
        return caller.trace_id

    def metrics(self) -> str:
        with urllib.request.urlopen(self.stack.url.removesuffix("/mcp") + "/metrics") as answer:
            text: str = answer.read().decode()
        return text


@dataclass
class Caller:
    """A client's own span, which is sent nowhere."""

    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    flags: str = "01"

    @property
    def traceparent(self) -> dict[str, str]:
        return {"traceparent": f"00-{self.trace_id}-{self.span_id}-{self.flags}"}


def send(
    url: str, name: str, arguments: dict[str, Any], *, meta: Caller | None = None, header: Caller | None = None
) -> None:
    """Calls a tool by plain HTTP: with a parent in the request's `_meta`, in the HTTP request's headers, or both."""
    gateway = Gateway(url)
    gateway.open()
    gateway._headers |= header.traceparent if header else {}
    result = gateway._request(
        "tools/call", {"name": name, "arguments": arguments, "_meta": meta.traceparent if meta else {}}
    )
    assert not result.get("isError"), result


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Traced]:
    directory = tmp_path_factory.mktemp("traced")
    with Receiver() as receiver, (directory / "stderr").open("w") as stderr:
        every = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_TRACES_SAMPLER": "parentbased_always_on"}
        model = {"SEGUE_MEMORY_MODEL_DIRECTORY": str(model_directory)}
        stack = ProcessStack(directory / "data", **AT_ONCE, **every, **model)
        stack.stderr = stderr
        with stack:
            yield Traced(stack, receiver, directory / "stderr")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.org")
    made = RepositoryOnDisk(tmp_path / "heron")
    made.commit(a__py="value = 1\n")
    return made


# --- the tree -----------------------------------------------------------------------------------

SEARCH = [
    ("tools/call reflect_on_past", "segue.memory.v1.Memory/Search CLIENT"),
    ("segue.memory.v1.Memory/Search CLIENT", "segue.memory.v1.Memory/Search SERVER"),
    ("segue.memory.v1.Memory/Search SERVER", "embed"),
    ("segue.memory.v1.Memory/Search SERVER", "index.candidates"),
    ("segue.memory.v1.Memory/Search SERVER", "duckdb"),
]
STORE = [
    ("tools/call store_reflection", "segue.memory.v1.Memory/Store CLIENT"),
    ("segue.memory.v1.Memory/Store CLIENT", "segue.memory.v1.Memory/Store SERVER"),
    ("segue.memory.v1.Memory/Store SERVER", "embed"),
    ("segue.memory.v1.Memory/Store SERVER", "duckdb"),
    ("segue.memory.v1.Memory/Store SERVER", "index.add"),
]
INIT = [
    ("tools/call init", "git status"),
    ("tools/call init", "segue.session.v1.Session/Init CLIENT"),
    ("segue.session.v1.Session/Init CLIENT", "segue.session.v1.Session/Init SERVER"),
    ("tools/call init", "segue.quality.v1.Quality/Check CLIENT"),
    ("segue.quality.v1.Quality/Check SERVER", "git log"),
]
CHECKPOINT = [
    ("tools/call checkpoint", "git commit-tree"),
    ("tools/call checkpoint", "segue.session.v1.Session/Checkpoint CLIENT"),
    ("segue.session.v1.Session/Checkpoint CLIENT", "segue.session.v1.Session/Checkpoint SERVER"),
    ("segue.quality.v1.Quality/Check SERVER", "duckdb"),
]
SQLITE = [
    ("segue.session.v1.Session/Init SERVER", "sqlite"),
    ("segue.session.v1.Session/Checkpoint SERVER", "sqlite"),
]


def assert_has(traced: Traced, trace_id: str, wanted: list[tuple[str, str]]) -> None:
    found = edges(traced.receiver.spans, trace_id)
    missing = [edge for edge in wanted if edge not in found]
    assert not missing, sorted(found)


def test_a_search_and_a_store_are_one_tree_from_the_client_to_the_database(traced: Traced) -> None:
    stored = traced.call("store_reflection", content="The heron stands on one leg.")
    assert_has(traced, stored, STORE)
    found = traced.call("reflect_on_past", query="birds that balance")
    assert_has(traced, found, SEARCH)
    by_name = {span.name: span for span in traced.receiver.spans if span.trace_id == found}
    assert by_name["embed"].attributes["gen_ai.operation.name"] == "embeddings"
    assert by_name["tools/call reflect_on_past"].attributes["gen_ai.tool.name"] == "reflect_on_past"


def test_init_and_checkpoint_are_one_tree_down_to_git_and_the_sessions(
    traced: Traced, repository: RepositoryOnDisk
) -> None:
    begun = traced.call("init", working_directory=str(repository.root))
    assert_has(traced, begun, [*INIT, SQLITE[0]])
    repository.write("a.py", "value = 2\n")
    kept = traced.call("checkpoint")
    assert_has(traced, kept, [*CHECKPOINT, SQLITE[1]])


# --- whose parent -------------------------------------------------------------------------------


def test_the_request_s_own_parent_counts_and_that_of_its_http_request_is_linked(traced: Traced) -> None:
    carrying, naming = Caller(), Caller()
    send(traced.stack.url, "quick_search", {"query": "heron"}, meta=naming, header=carrying)
    send(traced.stack.url, "reflection_stats", {}, header=carrying)
    traced.receiver.wait_for(lambda: bool(named(traced, "tools/call reflection_stats", carrying.span_id)))
    (search,) = named(traced, "tools/call quick_search", naming.span_id)
    assert search.links == [carrying.span_id]
    assert not named(traced, "tools/call reflection_stats", carrying.span_id)[0].links


def named(traced: Traced, name: str, parent_id: str) -> list[SentSpan]:
    return [span for span in traced.receiver.spans if span.name == name and span.parent_id == parent_id]


def test_a_trace_that_the_client_does_not_keep_is_not_kept(traced: Traced) -> None:
    unkept = Caller(flags="00")
    send(traced.stack.url, "reflection_stats", {}, meta=unkept)
    traced.call("reflection_stats")  # which came after, and was sent
    assert not [span for span in traced.receiver.spans if span.trace_id == unkept.trace_id]


# --- no content ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mark(traced: Traced, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Text, names and paths that every tool, prompt, resource and route was sent: well, wrongly and in vain."""
    mark = f"kestrel{secrets.token_hex(6)}"
    asyncio.run(send_everywhere(traced.stack.url, mark, tmp_path_factory.mktemp("marked")))
    traced.call("reflection_stats")  # which came last, and was sent
    return mark


async def send_everywhere(url: str, mark: str, directory: Path) -> None:
    repository = RepositoryOnDisk(directory / mark)
    repository.commit(**{mark: "x = 1\n"})
    repository.write(f"{mark}.py", f"# {mark}\n")
    given = {"working_directory": str(repository.root), "session_id": None, "cursor": f"{mark}.1", "ids": [mark]}
    async with Client(url) as mcp:
        tools = await mcp.list_tools()
        for tool in sorted(tools, key=lambda tool: order(tool.name)):
            for arguments in (filled(tool.input_schema, mark, given), {"nonsense": mark}):
                with suppress(MCPError):  # such as one of a host that is too busy
                    await mcp.call_tool(tool.name, arguments, raise_on_error=False)
        for call in (
            mcp.call_tool(mark),
            mcp.get_prompt(mark, {"x": mark}),
            mcp.get_prompt("search", {"query": mark}),
            mcp.read_resource(f"segue://memory/{mark}"),
            mcp.read_resource(f"segue://handoff/{mark}"),
        ):
            with suppress(MCPError, ToolError):  # what the client is told is not what is looked at
                await call
    http(url, "/v1/memories", f'{{"content": "{mark}"}}\n{mark}\n'.encode())
    http(url, f"/v1/memories?after={mark}")
    http(url, "/v1/backup", json.dumps({"directory": f"/proc/{mark}"}).encode())


async def test_no_span_metric_or_log_has_what_a_client_sends(traced: Traced, mark: str) -> None:
    async with Client(traced.stack.url) as mcp:
        tools = await mcp.list_tools()
    called = {span.name: span.attributes.get("error.type") for span in traced.receiver.spans}
    assert {f"tools/call {tool.name}" for tool in tools} <= called.keys()
    assert {"tools/call _OTHER", "resources/read", "prompts/get search", "POST /v1/memories"} <= called.keys()
    assert mark not in json.dumps(traced.receiver.requests)
    assert mark not in traced.metrics()
    assert mark not in traced.stderr.read_text()


def order(name: str) -> tuple[int, str]:
    """`init` first, and what takes things away last."""
    return (["init"].index(name) - 1 if name == "init" else len(name.split("revoke")) + name.count("delete"), name)


def filled(schema: Mapping[str, Any], mark: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument that the tool takes, with the mark where it is text."""
    values = {name: given.get(name, made(name, each, mark)) for name, each in schema["properties"].items()}
    return {name: value for name, value in values.items() if value is not None}


def made(name: str, schema: Mapping[str, Any], mark: str) -> Any:
    kinds = {each.get("type") for each in [schema, *schema.get("anyOf", ())]}
    if "enum" in schema or "timestamp" in name or name in {"since", "until", "before", "kind", "decision", "scope"}:
        return "allow" if name == "decision" else None
    if "string" in kinds:
        return mark
    if "array" in kinds:
        return [mark]
    return {"object": {mark: mark}, "boolean": None}.get(next(iter(kinds - {None, "null"}), ""))


def http(url: str, path: str, body: bytes | None = None) -> None:
    request = urllib.request.Request(url.removesuffix("/mcp") + path, body)
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as error:
        error.close()


def test_every_line_of_the_log_is_json(traced: Traced) -> None:
    for line in traced.stderr.read_text().splitlines():
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mark")
async def test_system_metrics_tells_the_numbers_of_metrics(traced: Traced) -> None:
    async with Client(traced.stack.url) as mcp:
        before = values(traced.metrics())
        told = (await mcp.call_tool("system_metrics")).structured_content or {}
        after = values(traced.metrics())
    calls = told["requests_per_minute"] * told["window_s"] / 60
    count = 'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call"}'
    assert before[count] - 1 < calls < after[count] + 1
    assert 0 < told["error_rate"] < 1  # what `mark` sent in vain
    assert told["memory_usage_mb"] == pytest.approx(after["process_memory_usage_bytes{}"] / 1e6, rel=0.2)
    assert told["average_response_time_ms"] > told["database_query_time_ms"] > 0
    assert told["embedding_generation_time_ms"] > 0
    assert set(told["cache_hit_rates"]) == {"l1", "embedding"}
    assert not told["missing"]


def values(text: str) -> dict[str, float]:
    """Each metric's total, and of calls those of tools."""
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            method = sample.labels.get("mcp_method_name")
            key = f'{sample.name}{{mcp_method_name="{method}"}}' if method else f"{sample.name}{{}}"
            totals[key] = totals.get(key, 0.0) + sample.value
    return totals


@pytest.mark.usefixtures("mark")
def test_dashboards_and_alerts_ask_for_what_there_is(traced: Traced) -> None:
    there = {sample.name for family in text_string_to_metric_families(traced.metrics()) for sample in family.samples}
    dashboards = [json.loads(path.read_text()) for path in (OBSERVABILITY / "grafana" / "dashboards").glob("*.json")]
    queries = [target["expr"] for board in dashboards for panel in board["panels"] for target in panel["targets"]]
    queries += re.findall(r"expr: ((?:.|\n)*?)\n +(?:for|labels):", (OBSERVABILITY / "alerts.yaml").read_text())
    asked = {
        name for query in queries for name in re.findall(r"\b(?:segue|mcp|rpc|db|process|http)_\w+(?=[\[{ )])", query)
    }
    assert len(asked) > 15
    assert {name for name in asked if name.endswith(_told) and not name.startswith(_of_redis)} <= there


_of_redis = "segue_redis_"
"""There where a team's deployment has a Redis."""
_told = (
    "_bucket",
    "_count",
    "_sum",
    "_total",
    "_bytes",
    "_seconds",
    "_waiting",
    "_active",
    "_memories",
    "_unread",
    "_health",
)


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    alerts = re.findall(r"- alert: (\w+)", (OBSERVABILITY / "alerts.yaml").read_text())
    entries = re.findall(r"^### (\w+)$", (OBSERVABILITY / "README.md").read_text(), re.MULTILINE)
    assert alerts == entries


# --- logs and metrics by OTLP; a collector that is away -----------------------------------------


def test_logs_and_metrics_are_sent_too(tmp_path: Path) -> None:
    with Receiver() as receiver:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "SEGUE_MEMORY_MODEL_BUILD": "false", **AT_ONCE}
        with ProcessStack(tmp_path, **settings):
            receiver.wait_for(lambda: "segue.part.health" in json.dumps(receiver.requests))
        logs = [request for request in receiver.requests if "resourceLogs" in request]
    assert "no embedding model" in json.dumps(logs)


async def test_a_collector_that_is_away_keeps_nobody_waiting(tmp_path: Path) -> None:
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "SEGUE_MEMORY_MODEL_BUILD": "false"}
    with ProcessStack(tmp_path, **nowhere) as stack:  # which must end by itself, too
        async with Client(stack.url) as mcp:
            await mcp.call_tool("store_reflection", {"content": "The heron stands on one leg."})
            found = (await mcp.call_tool("reflect_on_past", {"query": "heron"})).structured_content or {}
    assert found["total_found"] == 1
