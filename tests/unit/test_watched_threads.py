"""What `make bench` says of a server's threads: whose they are, which part they are in, and its flame graph."""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.performance.calls.threads import flames, parts, spent_ms, stacks

_loop = "MainThread;runpy:_run_code;asyncio.events:_run;"
STACKS = [
    f"{_loop}uvicorn.protocols.http:run;services.gateway.app:call;json:dumps 600",
    f"{_loop}uvicorn.protocols.http:run 300",
    "MainThread;runpy:_run_code;asyncio.base_events:_run_once 100",
    "memory-index_0;threading:run;services.memory.index.parts:candidates 5000",
]


def test_a_library_counts_for_the_part_that_called_it_and_other_threads_not_for_the_loop() -> None:
    assert parts(STACKS) == {"gateway": 0.6, "door": 0.3, "asyncio": 0.1}


def test_a_flame_graph_has_the_call_the_kinds_of_threads_and_what_the_loop_ran() -> None:
    assert list(flames("seen", STACKS)) == [
        "seen;event loop;uvicorn.protocols.http:run;services.gateway.app:call;json:dumps 600",
        "seen;event loop;uvicorn.protocols.http:run 300",
        "seen;event loop;runpy:_run_code;asyncio.base_events:_run_once 100",
        "seen;index;threading:run;services.memory.index.parts:candidates 5000",
    ]


def test_a_sample_has_the_stacks_of_all_threads_that_do_not_wait(waiting: int, tmp_path: Path) -> None:
    with (tmp_path / "samples").open("wb") as file:
        for _ in range(2):
            faulthandler.dump_traceback(file, all_threads=True)
            os.write(file.fileno(), b"\n")
    seen = [each for its in stacks((tmp_path / "samples").read_text()).values() for each in its.items()]
    assert [times for stack, times in seen if "tests.unit.test_watched_threads:test_a_sample" in stack] == [2]
    assert not [stack for stack, _ in seen if stack.endswith("threading:wait")]


@pytest.fixture
def waiting() -> Iterator[int]:
    """A thread's number in the system."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield thread.native_id or 0
    end.set()
    thread.join()


@pytest.mark.linux
def test_the_time_of_a_thread_is_that_of_its_kind_and_all_else_is_of_the_rest(waiting: int) -> None:
    spent = spent_ms(os.getpid(), {str(waiting): "index"})
    assert set(spent) == {"index", "rest"}
    assert spent["index"] < spent["rest"]
