"""Habits of this code base that a machine can check: where imports lead, how large things are, what they are called."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT_TESTS = Path(__file__).parent
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SOURCES = sorted(path for path in (ROOT / "services").rglob("*.py") if "pb" not in path.parts)
KNOWN = frozenset(SOURCES)
SERVICES = {"gateway", "session", "memory", "quality", "integration"}
SHARED = {"kit", "pb", "workspace"}
ADAPTERS = {"grpc", "duckdb", "redis", "fastmcp", "onnxruntime", "starlette", "uvicorn", "psycopg", "psycopg_pool"}
PURE = (
    "memory/domain",
    "memory/search",
    "memory/text",
    "memory/imports",
    "session/domain",
    "quality/domain",
    "integration/domain",
    "quality/collectors",
    "workspace",
)
"""Nothing in these folders reaches an adapter, by whatever way of imports."""
DOMAINS = tuple(
    f"{service}/domain" for service in sorted(SERVICES) if (ROOT / "services" / service / "domain").is_dir()
)
STANDARD_LIBRARY_ALONE = (
    "quality/collectors",
    "quality/tool_runs",
    "workspace",
    "memory/imports",
    "cli/hooks",
    "cli/bridge",
)
"""What clients run on their users' machines, without waiting for packages."""
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
FOLDER_MODULES_MAX = 16
VAGUE = {"utils", "helpers", "helper", "manager", "common", "base", "misc"}
SPAN_MAKER = "kit/observability/telemetry.py"
"""The one place where spans are made, and where it is ensured that they hold no error's text."""

Finder = Callable[[Path, ast.Module], Iterator[str]]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def place(path: Path) -> str:
    return path.relative_to(ROOT / "services").as_posix()


def offences(find: Finder, paths: list[Path] | None = None) -> list[str]:
    return [f"{place(path)}: {offence}" for path in paths or SOURCES for offence in find(path, parsed(path))]


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules that are imported when this is, and inside its functions; for types alone does not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id in {"TYPE_CHECKING", "MYPY"}:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        yield from imported(node)


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    return tuple(imported(parsed(path)))


@cache
def module_of(name: str) -> Path | None:
    path = ROOT / name.replace(".", "/")
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate in KNOWN), None)


@cache
def reached(path: Path) -> frozenset[str]:
    """The top-level packages that importing this module brings in, by whatever way."""
    seen, waiting, outside = {path}, [path], set[str]()
    while waiting:
        for name in imports_of(waiting.pop()):
            module = module_of(name) if name.startswith("services.") else None
            if module and module not in seen:
                seen.add(module)
                waiting.append(module)
            elif not name.startswith("services"):
                outside.add(name.split(".")[0])
    return frozenset(outside)


def within(*folders: str) -> list[Path]:
    return [path for path in SOURCES if place(path).startswith(tuple(f"{folder}/" for folder in folders))]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_a_service_imports_itself_and_what_is_shared() -> None:
    def find(path: Path, _: ast.Module) -> Iterator[str]:
        owner = path.relative_to(ROOT / "services").parts[0]
        if owner in {"cli", "embedded.py", "__init__.py"}:
            return
        allowed = SHARED - ({"workspace"} if owner == "kit" else set()) | {owner, "__version__"}
        theirs = {name.split(".")[1] for name in imports_of(path) if name.startswith("services.")}
        yield from sorted(theirs - allowed)

    assert not offences(find)


@pytest.mark.parametrize("folder", PURE)
def test_no_way_of_imports_leads_from_the_domain_to_an_adapter(folder: str) -> None:
    paths = within(folder)
    assert paths
    assert not offences(lambda path, _: iter(sorted(reached(path) & ADAPTERS)), paths)


@pytest.mark.parametrize("folder", STANDARD_LIBRARY_ALONE)
def test_what_runs_at_the_client_needs_the_standard_library_alone(folder: str) -> None:
    paths = within(folder)
    assert paths
    assert not offences(lambda path, _: iter(sorted(reached(path) - sys.stdlib_module_names)), paths)


def test_a_file_is_small_and_says_what_it_owns() -> None:
    def find(path: Path, tree: ast.Module) -> Iterator[str]:
        lines = len(path.read_text().splitlines())
        if lines > FILE_LINES_MAX:
            yield f"{lines} lines"
        if not ast.get_docstring(tree):
            yield "no docstring"

    assert not offences(find)


def test_a_function_fits_on_a_screen() -> None:
    def find(_: Path, tree: ast.Module) -> Iterator[str]:
        for node in functions(tree):
            lines = (node.end_lineno or 0) - node.lineno + 1
            is_registration = any(isinstance(inner, ast.AsyncFunctionDef) for inner in node.body)
            if lines > FUNCTION_LINES_MAX and not is_registration:
                yield f"{node.name} has {lines} lines"

    assert not offences(find)


def test_a_folder_is_taken_in_at_a_glance() -> None:
    modules = (path for path in SOURCES + TESTS if path.stem != "__init__")
    sizes = Counter(path.parent.relative_to(ROOT).as_posix() for path in modules)
    assert not {folder: size for folder, size in sizes.items() if size > FOLDER_MODULES_MAX}


def test_unit_tests_are_laid_out_as_what_they_test() -> None:
    tests = [path.relative_to(UNIT_TESTS) for path in UNIT_TESTS.glob("*/**/test_*.py")]
    assert tests
    assert not [test for test in tests if not (ROOT / "services" / test.parent).is_dir()]


@pytest.mark.parametrize("module", [place(path) for path in within(*DOMAINS) if path.stem != "__init__"])
def test_each_module_of_a_domain_has_tests_that_are_named_for_it(module: str) -> None:
    service, _, file = module.split("/")
    tests = UNIT_TESTS / service / "domain" / f"test_{file}"
    assert tests.exists(), f"no tests in {tests.relative_to(ROOT)}"
    name = f"services.{module.removesuffix('.py').replace('/', '.')}"
    assert name in set(imported(ast.parse(tests.read_text()))), f"{tests.relative_to(ROOT)} does not import {name}"


def test_imports_have_no_circle() -> None:
    def find(path: Path, _: ast.Module) -> Iterator[str]:
        own_face = path.parent / "__init__.py"  # Python has imported it already
        direct = {module_of(name) for name in imports_of(path) if name.startswith("services.")} - {None, path, own_face}
        for module in sorted(filter(None, direct)):
            if path.stem != "__init__" and path in {
                module_of(name) for name in imports_of(module) if name.startswith("services.")
            }:
                yield place(module)

    assert not offences(find)


def test_importing_opens_nothing() -> None:
    """No settings object, client, connection or loop at module level."""
    openers = re.compile(r"(Settings|Client|Redis|FastMCP|connect|open|getaddrinfo|new_event_loop|InferenceSession)$")

    def find(_: Path, tree: ast.Module) -> Iterator[str]:
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                called = ast.unparse(node.value.func)
                if openers.search(called):
                    yield f"calls {called} when it is imported"

    assert not offences(find)


def test_spans_are_made_in_one_place() -> None:
    makes = re.compile(r"\.(start_span|start_as_current_span|record_exception)\(")
    makers = [place(path) for path in SOURCES if makes.search(path.read_text())]
    assert makers == [SPAN_MAKER]


def test_names_say_what_a_thing_is() -> None:
    assert not [place(path) for path in SOURCES if path.stem in VAGUE]


PARTICIPLE = re.compile(
    r"_*(?:[a-z]+ed|found|kept|told|given|taken|made|done|known|said|sent|held|left|lost|paid|seen|gone)"
)
VERBS = {"embed", "feed", "need", "seed", "shed", "speed", "proceed", "exceed"}
"""Words that end as participles do, and are none."""


def test_a_function_is_called_by_what_it_does_or_returns() -> None:
    """A bare participle hides which of the two it is."""

    def find(_: Path, tree: ast.Module) -> Iterator[str]:
        for node in functions(tree):
            if PARTICIPLE.fullmatch(node.name) and node.name.strip("_") not in VERBS:
                yield node.name

    assert not offences(find)


OLD_WORDS = set("door mend mends owe owed owing patience patient pay purse roaming tell told".split())  # noqa: SIM905
"""What the code once called authentication, a remedy, a deferred store, a timeout, a token bucket and an answer."""


def names_given(tree: ast.Module) -> Iterator[str]:
    """What a module calls its functions, their parameters, its classes, fields and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.AnnAssign):
            yield node.target.attr if isinstance(node.target, ast.Attribute) else ast.unparse(node.target)
        elif isinstance(node, ast.Assign):
            yield from (target.attr for target in node.targets if isinstance(target, ast.Attribute))


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_a_name_is_a_word_that_explains_itself() -> None:
    assert words_of("_PatientProtocol") == {"patient", "protocol"}
    assert words_of("PATIENCE_S") == {"patience", "s"}
    protos = "".join(path.read_text() for path in (ROOT / "proto").glob("*.proto"))
    on_the_wire = set(re.findall(r"\brpc (\w+)", protos))

    def find(_: Path, tree: ast.Module) -> Iterator[str]:
        yield from (name for name in names_given(tree) if words_of(name) & OLD_WORDS and name not in on_the_wire)

    assert not offences(find)


def test_files_are_synced_in_one_place() -> None:
    """The system's own call is not enough everywhere."""
    syncs = re.compile(r"\b(fsync|fdatasync|F_FULLFSYNC)\b")
    assert [place(path) for path in SOURCES if syncs.search(path.read_text())] == ["kit/durable_files.py"]


def test_what_not_every_system_has_is_used_in_one_place() -> None:
    """Synced files need one of them, and what confines a tool is run by itself."""
    systems_own = {"fcntl", "resource", "termios", "pwd", "grp", "msvcrt", "winreg"}

    def find(path: Path, _: ast.Module) -> Iterator[str]:
        if path.stem not in {"systems", "durable_files", "confinement"}:
            yield from sorted(set(imports_of(path)) & systems_own)

    assert not offences(find)


def test_nothing_is_used_that_python_has_on_linux_alone() -> None:
    """A name in a text, for `getattr`, is looked for and not relied on."""
    missing = runpy.run_path(str(ROOT / "tests" / "mac" / "site" / "macos_names.py"))["MISSING"]

    def find(_: Path, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = node.value.id
                if node.attr in missing.get(module, "").split():
                    yield f"{module}.{node.attr}"

    assert not offences(find)


def test_the_generated_code_is_fresh(tmp_path: Path) -> None:
    protos = sorted((ROOT / "proto").glob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-Iservices/pb={ROOT / 'proto'}"]
    outs = ("python_out=", "grpc_python_out=", "mypy_out=quiet:", "mypy_grpc_out=quiet,only_async:")
    plugins = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    arguments = [*command, *(f"--{out}{tmp_path}" for out in outs), *map(str, protos)]
    subprocess.run(arguments, check=True, env=os.environ | {"PATH": plugins})
    for made in (tmp_path / "services" / "pb").iterdir():
        assert made.read_text() == (ROOT / "services" / "pb" / made.name).read_text(), f"{made.name}: run `make proto`"


def test_the_locks_name_no_host() -> None:
    for lock in (ROOT / "deploy" / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text()
