"""Tools are run confined, bounded and whole; nothing of them stays."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.quality.collectors.directory import Unmeasured
from services.quality.collectors.lint import parse_clippy
from services.quality.collectors.scan import look
from services.quality.tool_runs import crackerjack
from services.quality.tool_runs.child_process import Child, Ended, can_confine, run_child
from services.quality.tool_runs.runs import Ran, Runs
from services.quality.tool_runs.toolbox import (
    missing_tools,
    parse_cargo_test,
    parse_go_test,
    parse_go_vet,
    parse_npm_ls,
    parse_pip_check,
)
from tests.patience import eventually_so


async def run(tmp_path: Path, code: str, timeout_s: float = 20.0) -> Ended:
    return await run_child(Child([sys.executable, "-c", code], tmp_path, tmp_path, timeout_s, await can_confine()))


async def test_what_a_tool_prints_is_kept(tmp_path: Path) -> None:
    ended = await run(tmp_path, "print('hello'); raise SystemExit(3)")
    assert (ended.outcome, ended.code, ended.output) == ("finished", 3, b"hello\n")


async def test_a_tool_that_hangs_is_ended_at_its_limit(tmp_path: Path) -> None:
    assert (await run(tmp_path, "import time; time.sleep(600)", timeout_s=0.3)).outcome == "timed out"


async def test_a_tool_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    ended = await run(tmp_path, "import os\nwhile True: os.write(1, b'x' * 65536)")
    assert ended.outcome == "too much output"
    assert len(ended.output) < 20 * 1024 * 1024


async def test_a_tool_that_a_signal_ends_says_so(tmp_path: Path) -> None:
    assert (await run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")).outcome == "killed"


async def test_a_tool_that_is_not_there_says_so(tmp_path: Path) -> None:
    for is_confined in {False, await can_confine()}:
        ended = await run_child(Child([str(tmp_path / "nothing")], tmp_path, tmp_path, 20.0, is_confined))
        assert ended.outcome == "not started"


# Each prints the id it has where the test looks, forks, and leaves a grandchild that holds the pipe open.
FORKS = """
import os, time
if os.fork() == 0:
    {leave}
    with open('beat', 'w') as beat:
        for number in range(3000):
            print(number, file=beat, flush=True)
            time.sleep(0.01)
    os._exit(0)
while not (os.path.exists('beat') and os.path.getsize('beat')):
    time.sleep(0.01)
{then}
"""
LAST_BEAT = "2999"


@pytest.mark.slow
@pytest.mark.parametrize("is_confined", [True, False])
@pytest.mark.parametrize("leave", ["pass", "os.setsid()"])
@pytest.mark.parametrize(("then", "outcome"), [("os._exit(0)", "finished"), ("time.sleep(600)", "timed out")])
async def test_what_a_tool_leaves_behind_ends_with_it_or_is_not_waited_for(
    tmp_path: Path, is_confined: bool, leave: str, then: str, outcome: str
) -> None:
    if is_confined and not await can_confine():
        pytest.skip("this kernel gives us no process namespace")
    command = [sys.executable, "-c", FORKS.format(leave=leave, then=then)]
    limit_s = 20.0 if outcome == "finished" else 1.5
    ended = await run_child(Child(command, tmp_path, tmp_path, limit_s, is_confined))
    assert ended.outcome == outcome
    assert LAST_BEAT not in (tmp_path / "beat").read_text()
    if is_confined or leave == "pass":  # without a namespace, what leaves the group stays
        await it_is_silent(tmp_path)


async def it_is_silent(tmp_path: Path) -> None:
    last = (tmp_path / "beat").read_text()
    for _ in range(5):
        await run(tmp_path, "pass")  # as long as many beats take
    assert (tmp_path / "beat").read_text() == last


async def test_nothing_secret_is_in_a_tools_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_TOKEN", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    ended = await run(tmp_path, "import os, json; print(json.dumps(dict(os.environ)))")
    environment = json.loads(ended.output)
    assert "made-up" not in environment.values()
    assert environment["HOME"] == str(tmp_path)


CONNECTS = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
print("loopback")
socket.create_connection(("127.0.0.1", {port}), timeout=5)
print("network")
"""


async def test_a_tool_reaches_itself_and_nobody_else(tmp_path: Path) -> None:
    if not await can_confine():
        pytest.skip("this kernel does not let the network be taken away")
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1") as outside:
        ended = await run(tmp_path, CONNECTS.format(port=outside.sockets[0].getsockname()[1]))
    assert ended.output == b"loopback\n"


async def test_cancelling_a_run_ends_the_tool(tmp_path: Path) -> None:
    task = asyncio.create_task(run(tmp_path, FORKS.format(leave="pass", then="time.sleep(600)"), timeout_s=60))
    await eventually_so((tmp_path / "beat").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await it_is_silent(tmp_path)


# --- all tools of a project ----------------------------------------------------------------------


def project(root: Path, ruff: str) -> Path:
    """A project whose own environment brings a `ruff`."""
    (root / ".venv/bin").mkdir(parents=True)
    (root / "shop.py").write_text("import os\n")
    (root / "pyproject.toml").write_text("[tool.ruff]\n")
    program = root / ".venv/bin/ruff"
    program.write_text(f"#!{sys.executable}\n{ruff}\n")
    program.chmod(0o755)
    return root


WAITS = "import os, time\nopen('started', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
REPORTS = 'import os; os.system("echo run >> runs"); print(\'[{"filename": "shop.py"}]\')'


async def run_all(root: Path, timeout_s: float = 20.0) -> Ran:
    async with Runs(timeout_s) as runs:
        return await runs.run(look(root, [root.parent]), lambda *_: None)


async def test_a_projects_own_tools_are_evidence(tmp_path: Path) -> None:
    ran = await run_all(project(tmp_path, REPORTS))
    assert [(each.tool, each.outcome) for each in ran.runs] == [("ruff", "finished")]
    assert [(each.name, each.source) for each in ran.evidence] == [("lint", "ruff, run now")]
    assert "network" in ran.runs[0].detail


@pytest.mark.parametrize(
    ("ruff", "outcome"),
    [
        ("print('[')", "finished"),
        ("raise SystemExit(70)", "failed"),
        ("import os; os.abort()", "killed"),
        ('print(\'[{"filename": "/etc/passwd"}]\')', "finished"),
    ],
)
async def test_a_tool_that_says_nothing_of_use_is_no_evidence(tmp_path: Path, ruff: str, outcome: str) -> None:
    ran = await run_all(project(tmp_path, ruff))
    assert ran.evidence == []
    assert ran.runs[0].outcome == outcome


async def test_a_second_caller_joins_the_run_that_is_on(tmp_path: Path) -> None:
    root = project(tmp_path, f"{WAITS}{REPORTS}")
    told: list[tuple[int, int, str]] = []
    async with Runs(20.0) as runs:
        place = look(root, [root.parent])
        first = asyncio.create_task(runs.run(place, lambda *_: None))
        second = asyncio.create_task(runs.run(place, lambda *each: told.append(each)))
        await eventually_so((root / "started").exists)
        (root / "go").touch()
        assert await first is await second
        assert told[-1] == (1, 1, "done")
        assert (root / "runs").read_text() == "run\n"
        await runs.run(place, lambda *_: None)
        assert (root / "runs").read_text() == "run\nrun\n"


async def test_a_caller_that_leaves_does_not_end_the_run_of_another(tmp_path: Path) -> None:
    root = project(tmp_path, f"{WAITS}{REPORTS}")
    async with Runs(20.0) as runs:
        place = look(root, [root.parent])
        leaving = asyncio.create_task(runs.run(place, lambda *_: None))
        staying = asyncio.create_task(runs.run(place, lambda *_: None))
        await eventually_so((root / "started").exists)
        leaving.cancel()
        (root / "go").touch()
        assert (await staying).evidence


# --- other systems ----------------------------------------------------------------------------------

NO_NAMESPACES = """
import ctypes
class Libc:
    def __init__(self, *_, **__): pass
ctypes.CDLL = Libc
"""
REFUSED_HALFWAY = """
import ctypes, pathlib
class Libc:
    def __init__(self, *_, **__): pass
    def unshare(self, flags): return 0 if flags & 0x10000000 else -1
    def prctl(self, *_): return 0
def refused(*_, **__): raise PermissionError(1, "not permitted")
ctypes.CDLL = Libc
pathlib.Path.write_text = refused
"""


@pytest.fixture(params=[NO_NAMESPACES, REFUSED_HALFWAY], ids=["no namespaces", "refused halfway"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system without namespaces, by a Python that knows none; a directory for a project."""
    start = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    program = tmp_path / "python"
    code = f"{request.param}{start}".replace('"', '\\"')
    program.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -I -S -c "{code}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    (tmp_path / "shop").mkdir()
    return tmp_path / "shop"


async def test_where_there_are_no_namespaces_tools_run_with_network_and_say_so(elsewhere: Path) -> None:
    python = sys.executable.replace(str(elsewhere.parent / "python"), sys.base_prefix + "/bin/python3")
    root = project(elsewhere, REPORTS)
    program = root / ".venv/bin/ruff"
    program.write_text(program.read_text().replace(str(elsewhere.parent / "python"), python))
    assert not await can_confine()
    ran = await run_all(root)
    assert [(each.tool, each.outcome) for each in ran.runs] == [("ruff", "finished")]
    assert [each.name for each in ran.evidence] == ["lint"]
    assert "with network" in ran.runs[0].detail


async def test_how_a_tool_ended_is_known_without_namespaces(elsewhere: Path) -> None:
    async def run_shell(command: str) -> Ended:
        return await run_child(Child(["sh", "-c", command], elsewhere, elsewhere, 20.0, False))

    assert (await run_shell("echo hi; exit 3")).code == 3
    assert (await run_shell("kill -SEGV $$")).outcome == "killed"
    assert int((await run_shell("ulimit -f")).output) > 0
    confined = await run_child(Child(["echo", "hi"], elsewhere, elsewhere, 20.0, True))
    assert (confined.outcome, confined.output) == ("not started", b"")


def typescript(root: Path, tsc: str) -> Path:
    """A project that brings a `tsc` and a `go`."""
    for directory, name in (("node_modules/.bin", "tsc"), (".venv/bin", "go")):
        (root / directory).mkdir(parents=True)
        (root / directory / name).write_text(f"#!/bin/sh\n{tsc}\n")
        (root / directory / name).chmod(0o755)
    (root / "tsconfig.json").write_text("{}")
    (root / "go.mod").write_text("module shop\n")
    (root / "shop.ts").write_text("let x = 1\n")
    (root / "shop.go").write_text("package shop\n")
    return root


@pytest.mark.parametrize("tsc", ["exit 1", "exit 2", "exit 125", "exit 127", "echo broken >&2; exit 1", "kill -9 $$"])
async def test_a_silent_tool_that_did_not_end_well_found_nothing_out(tmp_path: Path, tsc: str) -> None:
    ran = await run_all(typescript(tmp_path, tsc))
    assert {each.tool for each in ran.runs} >= {"tsc"}
    assert ran.evidence == []


async def test_a_silent_tool_that_ended_well_found_nothing_wrong(tmp_path: Path) -> None:
    ran = await run_all(typescript(tmp_path, "exit 0"))
    assert ("types", 0.0) in [(each.name, each.value) for each in ran.evidence]


async def test_a_tool_that_always_prints_and_did_not_has_no_result(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/pip").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / ".venv/bin/pip").chmod(0o755)
    ran = await run_all(tmp_path)
    assert "nothing was printed" in ran.runs[0].detail
    assert "no conflicts" not in ran.runs[0].detail


# --- what tools print ------------------------------------------------------------------------------


def test_conflicts_among_what_is_installed_are_read_and_none_is_no_evidence(tmp_path: Path) -> None:
    place = look(tmp_path, [tmp_path])
    pip = b"shop 1.0 requires rich, which is not installed.\nbank 2.0 has requirement x>=2, but you have x 1.0.\n"
    assert parse_pip_check(place, pip).counted == 2
    assert "rich" in parse_pip_check(place, pip).detail
    npm = json.dumps({"problems": ["missing: left-pad@1, required by shop@1"]}).encode()
    assert parse_npm_ls(place, npm).counted == 1
    for parse, content in ((parse_pip_check, b"No broken requirements found.\n"), (parse_npm_ls, b'{"name": "shop"}')):
        with pytest.raises(Unmeasured, match="no conflicts"):
            parse(place, content)
    with pytest.raises(Unmeasured):
        parse_npm_ls(place, b'{"problems": 5}')


@pytest.mark.slow
async def test_a_real_pip_finds_the_conflicts_of_the_projects_own_environment(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "shop/.venv"], check=True, capture_output=True)
    (tmp_path / "shop/cart.py").write_text("x = 1\n")
    assert (await run_all(tmp_path / "shop")).evidence == []
    installed = next((tmp_path / "shop/.venv/lib").glob("python*/site-packages")) / "bank-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: bank\nVersion: 1.0\nRequires-Dist: vault\n")
    ran = await run_all(tmp_path / "shop")
    assert [(each.name, each.value, each.source) for each in ran.evidence] == [
        ("dependencies", 0.0, "pip check, run now")
    ]
    assert "vault" in ran.evidence[0].detail


def test_go_and_cargo_are_read(tmp_path: Path) -> None:
    place = look(tmp_path, [tmp_path])
    events = [{"Action": "pass", "Test": "TestA"}, {"Action": "fail", "Test": "TestB"}, {"Action": "fail"}]
    go = parse_go_test(place, b"# compiler\n" + "\n".join(map(json.dumps, events)).encode())
    assert (go.counted, go.total) == (1, 2)
    assert parse_go_vet(place, b"# pkg\nvet: ./a.go:3:2: unreachable code\n./b.go:1:1: x\n").counted == 2
    cargo = parse_cargo_test(
        place, b"test result: FAILED. 3 passed; 1 failed; 0 ignored\ntest result: ok. 2 passed; 0 failed;\n"
    )
    assert (cargo.counted, cargo.total) == (5, 6)
    message = {"reason": "compiler-message", "message": {"level": "warning", "spans": [{}]}}
    assert parse_clippy(place, json.dumps(message, separators=(",", ":")).encode()).counted == 1


CRACKERJACK = """
validate-regex-patterns........................................... ✅
ruff-check........................................................ ❌
uv-lock........................................................... ❌

❌ Fast hooks attempt 1: 1/3 passed in 45.66s

Fast Hook Results:
 - ruff-check :: FAILED | 5.00s | issues=2
 - uv-lock :: FAILED | 12.62s | issues=7
"""


def test_crackerjacks_checks_are_read() -> None:
    hooks = crackerjack.parse_hooks(CRACKERJACK.encode())
    assert hooks.passed == ("validate-regex-patterns",)
    assert hooks.failed == ("ruff-check", "uv-lock")
    assert crackerjack.as_lint(hooks).counted == 2
    assert hooks.detail() == "1 of 3 checks passed; failed: ruff-check, uv-lock"


def test_a_check_of_crackerjack_that_could_not_run_says_nothing() -> None:
    hooks = crackerjack.parse_hooks(CRACKERJACK.replace("issues=2", "issues=0").encode())
    with pytest.raises(Unmeasured):
        crackerjack.as_lint(hooks)


def test_output_that_is_not_crackerjacks_is_refused() -> None:
    with pytest.raises(Unmeasured):
        crackerjack.parse_hooks(b"Traceback (most recent call last):\n")


def test_a_version_without_the_options_that_keep_it_harmless_is_not_run() -> None:
    with pytest.raises(Unmeasured, match="--no-config-updates"):
        crackerjack.known_options("--fast --json")
    assert crackerjack.known_options("--fast, --no-config-updates -n") == ["--fast", "--no-config-updates"]


def test_what_cannot_be_run_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"devDependencies": {"jest": "30"}}')
    (tmp_path / "index.test.js").write_text("test('a', () => {});\n")
    reasons = dict(missing_tools(look(tmp_path, [tmp_path.parent])))
    assert "install the packages" in reasons["npm"]
    assert "junit.xml" in reasons["jest"]
    (tmp_path / "package.json").unlink()
    assert dict(missing_tools(look(tmp_path, [tmp_path.parent]))) == {
        "none": "no tool that Segue can run is configured here"
    }


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (4, "an option or a plugin that the project configures is not installed"),
        (5, "no tests were found"),
        (2, "could not be imported"),
        (77, "the last words"),
    ],
)
async def test_why_a_tool_failed_is_said_in_words(tmp_path: Path, code: int, why: str) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / "test_shop.py").write_text("def test_a(): pass\n")
    program = tmp_path / ".venv/bin/pytest"
    program.write_text(f"#!/bin/sh\necho first\necho the last words\nexit {code}\n")
    program.chmod(0o755)
    ran = await run_all(tmp_path)
    detail = next(each.detail for each in ran.runs if each.tool == "pytest")
    assert f"exit code {code}: " in detail
    assert why in detail
