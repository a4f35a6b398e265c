"""The habits of this code base that a machine can check: imports point one way, files and functions stay small."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for path in (ROOT / "services").rglob("*.py") if "pb" not in path.parts)
SERVICES = {"gateway", "session", "memory", "quality"}
SHARED = {"kit", "pb", "workspace"}
ADAPTERS = {"grpc", "duckdb", "redis", "fastmcp", "onnxruntime"}
QUALITY_DOMAIN = {"evidence.py", "scoring.py", "trend.py", "checking.py"}
DOMAIN = {"memories.py", "ranking.py", "searching.py", "storing.py", "text.py", "condition.py"}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


@every_source
def test_a_service_imports_itself_and_what_is_shared(path: Path) -> None:
    owner = path.relative_to(ROOT / "services").parts[0]
    if owner in {"cli", "embedded.py", "__init__.py"}:
        return
    allowed = SHARED - ({"workspace"} if owner == "kit" else set()) | {owner}
    theirs = {name.split(".")[1] for name in imported(path) if name.startswith("services.")}
    assert theirs - {"__version__"} <= allowed


@every_source
def test_the_domain_knows_no_adapter(path: Path) -> None:
    is_quality = path.name in QUALITY_DOMAIN or path.parent.name in {"collectors", "running"}
    if (path.name in DOMAIN and path.parent.name == "memory") or (is_quality and "quality" in path.parts):
        assert not {name.split(".")[0] for name in imported(path)} & ADAPTERS


@pytest.mark.parametrize("directory", ["collectors", "running"])
def test_what_looks_at_a_directory_needs_the_standard_library_alone(directory: str) -> None:
    """`segue connect` runs the collectors on its user's machine."""
    for path in (ROOT / "services/quality" / directory).glob("*.py"):
        outside = {name.split(".")[0] for name in imported(path)} - {"services"}
        assert outside <= sys.stdlib_module_names, path.name


@every_source
def test_a_file_is_small_and_says_what_it_owns(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LINES_MAX
    assert ast.get_docstring(ast.parse(text))


@every_source
def test_a_function_fits_on_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            is_registration = any(isinstance(inner, ast.AsyncFunctionDef) for inner in node.body)
            assert lines <= FUNCTION_LINES_MAX or is_registration, f"{node.name} has {lines} lines"


@every_source
def test_importing_opens_nothing(path: Path) -> None:
    """No settings object, client, connection or loop at module level."""
    openers = re.compile(r"(Settings|Client|Redis|FastMCP|connect|open|getaddrinfo|new_event_loop|InferenceSession)$")
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            assert not openers.search(called), f"{path.name} calls {called} when it is imported"


@every_source
def test_spans_are_made_in_one_place(path: Path) -> None:
    """Where it is seen to that they hold no error's text."""
    if path != ROOT / "services" / "kit" / "telemetry.py":
        assert not re.search(r"\.(start_span|start_as_current_span|record_exception)\(", path.read_text())


@every_source
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "helper", "manager", "common", "base", "misc"}


def test_the_generated_code_is_fresh(tmp_path: Path) -> None:
    protos = sorted((ROOT / "proto").glob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-Iservices/pb={ROOT / 'proto'}"]
    outs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run([*command, *outs, *map(str, protos)], check=True)
    for made in (tmp_path / "services" / "pb").iterdir():
        assert made.read_text() == (ROOT / "services" / "pb" / made.name).read_text(), f"{made.name}: run `make proto`"


def test_the_locks_name_no_host() -> None:
    for lock in (ROOT / "deploy" / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text()
