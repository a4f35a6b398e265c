"""What a call costs the server in processor time, from a plain HTTP client, beside a FastMCP tool that does nothing.

Servers are asked in turns, some calls here and some there, so that the machine's other work weighs on all of them.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.integration.stack import ProcessStack
from tests.performance.bare_server import bare_server
from tests.performance.rows import Row
from tests.performance.searches import asked

rounds, calls_each, idle_s = 12, 25, 10.0
results_each = 10
"""Of a search, as of the tool that does nothing."""
_ERA = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": _ERA,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "Mcp-Protocol-Version": _ERA,
    "Mcp-Method": "tools/call",
}
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Milliseconds of processor time of so many calls, `loop_ms` of it on the thread of the event loop."""

    calls: int = 0
    all_ms: float = 0.0
    loop_ms: float = 0.0
    wall_ms: list[float] = field(default_factory=list)

    @property
    def of_one(self) -> float:
        return self.all_ms / self.calls

    @property
    def of_one_on_the_loop(self) -> float:
        return self.loop_ms / self.calls


class PlainClient:
    """Without a library for the protocol; its connection stays for as long as it is used."""

    def __init__(self, url: str, pid: int) -> None:
        self._at, self._pid = urlsplit(url), pid
        self._connection = http.client.HTTPConnection(self._at.hostname or "", self._at.port)

    def call(self, tool: str, arguments: dict[str, Any]) -> bytes:
        """The answer as it came; AssertionError unless the tool answered."""
        params = {"name": tool, "arguments": arguments, "_meta": _META}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        headers = {**_HEADERS, "Mcp-Name": tool}
        self._connection.request("POST", self._at.path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:500]
        assert b'"isError":true' not in content.replace(b" ", b""), content[:500]
        return content

    def measure(self, cost: Cost, tool: str, arguments: Callable[[int], dict[str, Any]]) -> None:
        """Adds what `calls_each` of them cost the server."""
        self._connection.close()  # the server has, if others were measured for long; it opens by itself
        before, on_loop = processor_ms(self._pid)
        for number in range(cost.calls, cost.calls + calls_each):
            began = time.perf_counter()
            self.call(tool, arguments(number))
            cost.wall_ms.append((time.perf_counter() - began) * 1e3)
        after, on_loop_after = processor_ms(self._pid)
        cost.calls += calls_each
        cost.all_ms += after - before
        cost.loop_ms += on_loop_after - on_loop


def processor_ms(pid: int) -> tuple[float, float]:
    """Of the whole process, and of its first thread, since they started."""
    return _spent_ms(Path(f"/proc/{pid}/stat")), _spent_ms(Path(f"/proc/{pid}/task/{pid}/stat"))


def _spent_ms(stat: Path) -> float:
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1e3 / _TICKS_PER_S


def rows(data: Path, size: int) -> Iterator[Row]:
    """The lines of the report, of a server on `data`, which holds `size` memories."""
    with ProcessStack(data) as stack, bare_server("least") as server:
        assert stack.process
        bare = PlainClient(*server)
        segue = PlainClient(stack.url, stack.process.pid)
        costs = {name: Cost() for name in ("nothing", "smallest", "seen", "unseen")}
        bare.call("ten_results", {})
        for number in range(calls_each):
            answer = segue.call("reflect_on_past", asked(f"warm up {number}"))
            assert len(json.loads(answer)["result"]["structuredContent"]["results"]) == results_each, answer[:500]
        for _ in range(rounds):
            bare.measure(costs["nothing"], "ten_results", lambda _: {})
            segue.measure(costs["smallest"], "list_sessions", lambda _: {"limit": 1})
            segue.measure(costs["seen"], "reflect_on_past", lambda _: asked("again"))
            segue.measure(costs["unseen"], "reflect_on_past", lambda number: asked(str(number)))
        idle_ms, _ = processor_ms(stack.process.pid)
        time.sleep(idle_s)
        idle_ms = (processor_ms(stack.process.pid)[0] - idle_ms) / idle_s
    nothing = costs.pop("nothing").of_one
    yield Row(f"cost at {size:,}: a FastMCP tool that does nothing", nothing, "ms", "processor time; the baseline")
    for name, cost in costs.items():
        note = f"{cost.of_one / nothing:.1f} x nothing; {cost.of_one_on_the_loop:.2f} ms on the event loop"
        yield Row(f"cost at {size:,}: {name}", cost.of_one, "ms", note)
    yield Row(f"cost at {size:,}: a server that is asked nothing", idle_ms, "ms/s", "processor time")
