"""`python -m tests.performance.throughput.hundred_clients compose`, or `serve`: what bounds a hundred clients.

Each client has a project of its own with ten memories in it, and one plain connection, and calls without a pause: 35 %
list_sessions, 35 % its latest search again, 20 % a new search, 10 % a store, after which its latest search is no longer
in the cache of results. All are one user's, without limits. What a container, or a kind of thread, spends is what the
kernel says.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.faults import docker
from tests.integration.load import at
from tests.integration.stack import ComposeStack
from tests.model import shared_model
from tests.performance.calls.plain_client import PlainClient
from tests.performance.calls.threads import LOOP, REST, WatchedStack, spent_ms
from tests.performance.corpora.synthetic import Synthetic, question
from tests.performance.rows import Row

clients, warm_up_s, load_s = 100, 4.0, 20.0
memories_each = 10
UNLIMITED = {"SEGUE_GATEWAY_CALLS_PER_MINUTE": "10000000", "SEGUE_GATEWAY_CALLS_AT_ONCE": "1000"}
MIX = {"list_sessions": 0.35, "the latest search again": 0.35, "a new search": 0.2, "a store": 0.1}


class Target(NamedTuple):
    """A running Segue, and what each of its parts has spent in milliseconds of processor time."""

    url: str
    spent: Callable[[], Counter[str]]


class Done(NamedTuple):
    """A call that was answered."""

    what: str
    ended: float
    took_s: float


class Agent:
    """One client."""

    def __init__(self, url: str, number: int) -> None:
        self._client = PlainClient(url)
        self._name = f"load-{number}"
        self._random = random.Random(number)  # no secret
        self._latest = question(self._name)
        self._number = 0

    def prepare(self) -> None:
        """Stores its memories, and searches once."""
        made = Synthetic(self._random.randrange(1 << 30))
        for _ in range(memories_each):
            self._client.call("store_reflection", self._reflection(" ".join(made.words(40))))
        self._client.call("reflect_on_past", self._search(self._latest))

    def work(self, until: float) -> list[Done]:
        """Calls one after the other."""
        done = []
        while (began := time.monotonic()) < until:
            what = self._random.choices(list(MIX), list(MIX.values()))[0]
            self._client.call(*self._call(what))
            done.append(Done(what, time.monotonic(), time.monotonic() - began))
        return done

    def _call(self, what: str) -> tuple[str, dict[str, Any]]:
        self._number += 1
        if what == "list_sessions":
            return "list_sessions", {"project": self._name, "limit": 5}
        if what == "a store":
            return "store_reflection", self._reflection(f"lesson {self._number} of {self._name}: measure first")
        if what == "a new search":
            self._latest = question(f"{self._name} {self._number}")
        return "reflect_on_past", self._search(self._latest)

    def _search(self, words: str) -> dict[str, Any]:
        return {"query": f"{words}?", "project": self._name, "limit": 5}

    def _reflection(self, content: str) -> dict[str, Any]:
        return {"content": content, "project": self._name}


def rows(target: Target, name: str) -> Iterator[Row]:
    """The lines of the report."""
    agents = [Agent(target.url, number) for number in range(clients)]
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(Agent.prepare, agents))
        until = time.monotonic() + warm_up_s + load_s
        working = [threads.submit(agent.work, until) for agent in agents]
        time.sleep(warm_up_s)
        began, before, own = time.monotonic(), target.spent(), time.process_time()
        time.sleep(load_s)
        spent, took_s, own = target.spent() - before, time.monotonic() - began, time.process_time() - own
        done = [each for future in working for each in future.result() if began <= each.ended < began + took_s]
    yield Row(f"{name}: {clients} clients at once", len(done) / took_s, "calls/s", "with the clients on the same cores")
    for what in MIX:
        times = sorted(each.took_s for each in done if each.what == what)
        yield Row(f"{name}: {what}, p50", at(times, 0.5), "ms", f"p99 {at(times, 0.99):.0f}, {len(times)} calls")
    yield Row(
        f"{name}: processor time a call",
        spent.total() / len(done),
        "ms",
        f"{spent.total() / took_s / 10:.0f} % of a core",
    )
    for part, its in spent.most_common():
        yield Row(f"{name}: of it {part}", its / len(done), "ms", f"{its / took_s / 10:.0f} % of a core")
    yield Row(f"{name}: the clients' own", own * 1e3 / len(done), "ms", f"{own * 100 / took_s:.0f} % of a core")


@contextmanager
def _serve() -> Iterator[Target]:
    model = {"SEGUE_MEMORY_MODEL_DIRECTORY": str(shared_model())}
    with tempfile.TemporaryDirectory() as name, WatchedStack(Path(name), **model, **UNLIMITED) as stack:
        PlainClient(stack.url).call("store_reflection", {"content": "all threads run"})
        stack.learn_threads()
        yield Target(stack.url, stack.spent_ms)


@contextmanager
def _compose() -> Iterator[Target]:
    with ComposeStack(settings=UNLIMITED) as stack:
        containers = [json.loads(line) for line in stack.compose("ps", "--format", "json").splitlines()]
        processes = {each["Service"]: _processes(each["Name"]) for each in containers}
        yield Target(stack.url, lambda: _spent_ms(processes))


def _processes(container: str) -> list[int]:
    """Their numbers outside of it; those of its health checks come and go."""
    return [int(line) for line in docker("top", container, "-eo", "pid").split()[1:]]


def _spent_ms(processes: dict[str, list[int]]) -> Counter[str]:
    spent: Counter[str] = Counter()
    for service, its in processes.items():
        for pid in its:
            of_pid = spent_ms(pid, {str(pid): LOOP})
            spent.update({f"{service}, first thread": of_pid[LOOP], f"{service}, other threads": of_pid[REST]})
    return spent


def main(name: str) -> None:
    """Measures one of the two."""
    with {"compose": _compose, "serve": _serve}[name]() as target:
        for row in rows(target, name):
            print(f"{row.name:50} {row.value:8.2f} {row.unit:10} {row.note}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
