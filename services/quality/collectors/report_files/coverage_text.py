"""Coverage as text: lcov's tracefiles and Go's cover profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.report_files.line_counts import Lines, by_lines, mark, totals, whole_number
from services.quality.collectors.reports import Parsed
from services.workspace.text import text_of

_go_line = re.compile(r"(?P<path>[^:\n]+):\d+\.\d+,\d+\.\d+ (?P<statements>\d{1,6}) (?P<count>\d{1,20})")
_go_mode = re.compile(r"mode: \w+\s*")


def parse_lcov(place: Place, content: bytes) -> Parsed:
    """`lcov.info`: SF names a file, DA a line; without those, LF counts its lines, LH its covered lines."""
    counts = {"LF": 0, "LH": 0}
    lines: Lines = {}
    path, is_whole, without_lines = "", False, set[str]()
    for place_in_file, line in enumerate(text_of(content).splitlines()):
        if place_in_file % 10_000 == 0:
            place.check_time()
        key, _, value = line.strip().partition(":")
        if key == "SF":
            path = value.strip()
            lines.setdefault(path, {})
        elif key in counts:
            counts[key] += whole_number(value.strip())
            without_lines |= {path} if not lines.get(path) and value.strip() != "0" else set()
        elif key == "DA" and path:
            number_of, _, rest = value.partition(",")
            mark(lines[path], whole_number(number_of.strip()), _is_run(rest.partition(",")[0].strip()))
        is_whole = key == "end_of_record" if key and not key.startswith("#") else is_whole
    if not is_whole:
        raise Unmeasured("is not complete lcov")
    if without_lines:
        return totals(counts["LH"], counts["LF"], list(lines))
    return by_lines(lines, list(lines))


def _is_run(count: str) -> bool:
    """A count may be a fraction, or below 0 where it has overflowed, which says nothing; `-` and `#####` are gcov's."""
    return count[:1].isdigit() and count.strip("0.eE+") != ""


def parse_go(place: Place, content: bytes) -> Parsed:
    """`go test -coverprofile`: counts statements rather than lines; paths begin with the module's name.

    Profiles that were put together have several heads.
    """
    text = text_of(content)
    if not text.startswith("mode: "):
        raise Unmeasured("is not a cover profile")
    modules = go_modules(place)
    blocks: dict[str, tuple[int, bool]] = {}
    paths: dict[str, None] = {}
    for line in text.splitlines():
        match = _go_line.fullmatch(line.strip())
        if not match and (not line.strip() or _go_mode.fullmatch(line)):
            continue
        if not match:
            raise Unmeasured("is not a complete cover profile")
        paths[_go_path(match["path"], modules)] = None
        block = line.split(" ", 1)[0]  # a block is repeated for each package tested
        ran = int(match["count"]) > 0 or blocks.get(block, (0, False))[1]
        blocks[block] = (int(match["statements"]), ran)
    covered = sum(statements for statements, ran in blocks.values() if ran)
    return totals(covered, sum(statements for statements, _ in blocks.values()), list(paths))


def _go_path(path: str, modules: Mapping[str, str]) -> str:
    fitting = [name for name in modules if path.startswith(f"{name}/")]
    if not fitting:
        return path
    module = max(fitting, key=len)
    return f"{modules[module]}{path.removeprefix(f'{module}/')}"


def go_modules(place: Place) -> dict[str, str]:
    """The names of the modules here, each with its directory and a slash."""
    found = {}
    for package in place.packages:
        path = f"{package}/go.mod" if package else "go.mod"
        if path in place.paths:
            match = re.search(r"^module\s+(\S+)", place.text(path), re.MULTILINE)
            if match:
                found[match[1].strip('"')] = f"{package}/" if package else ""
    return found
