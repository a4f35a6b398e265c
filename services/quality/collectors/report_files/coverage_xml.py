"""Coverage as XML: Clover, Cobertura, JaCoCo, OpenCover and SonarQube's generic form, told by their first element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.report_files.line_counts import Lines, by_lines, mark, totals, whole_number
from services.quality.collectors.report_files.xml import first_element, read_xml
from services.quality.collectors.reports import Parsed, epoch_time


def parse_clover(_: Place, content: bytes) -> Parsed:
    """Clover XML, also by Istanbul, Vitest and PHPUnit: statements and branches count by their lines; methods do not,
    nor do the tests themselves. Without lines its totals count."""
    lines: Lines = {}
    stamps: list[str] = []
    counts: list[tuple[str, str]] = []
    current: dict[int, bool] = {}
    is_clover = is_of_tests = False

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal is_clover, is_of_tests, current
        if name == "coverage":
            is_clover = True
            stamps.append(attributes.get("generated", ""))
        elif name in {"project", "testproject"}:
            is_of_tests = name == "testproject"
        elif name == "file" and not is_of_tests:
            current = lines.setdefault(attributes.get("path") or attributes.get("name", ""), {})
        elif name == "line" and lines and not is_of_tests and attributes.get("type") != "method":
            mark(current, whole_number(attributes.get("num")), any(map(_is_run, _counts(attributes))))
        elif name == "metrics" and not is_of_tests and "statements" in attributes:
            counts.append((attributes["statements"], attributes.get("coveredstatements", "0")))

    read_xml(content, element)
    if not is_clover:
        raise Unmeasured("does not have the format of such a report")
    taken_at = epoch_time(stamps[0])
    if any(lines.values()) or not counts:
        return by_lines(lines, list(lines), taken_at)
    whole = max((whole_number(every), whole_number(run)) for every, run in counts)
    return totals(whole[1], whole[0], list(lines), taken_at)


def _counts(attributes: Mapping[str, str]) -> list[str]:
    """How often a line ran; of a branch, with which outcome."""
    named = [attributes[name] for name in ("count", "truecount", "falsecount") if name in attributes]
    if not named:
        raise Unmeasured("does not have the format of such a report")
    return named


def _is_run(count: str) -> bool:
    return count[:1].isdigit() and count.strip("0.") != ""


def parse_cobertura(place: Place, content: bytes) -> Parsed:
    """Cobertura XML, by coverage.py, gocover-cobertura, tarpaulin, gcovr, coverlet and many others."""
    root: dict[str, str] = {}
    lines: Lines = {}
    sources: list[str] = []
    current: list[str] = []

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "coverage":
            root.update(attributes)
        elif name == "class" and "filename" in attributes:
            lines.setdefault(attributes["filename"], {})
            current.append(attributes["filename"])
        elif name == "line" and current and "hits" in attributes:
            mark(lines[current[-1]], whole_number(attributes.get("number")), _is_run(attributes["hits"]))

    read_xml(content, element, lambda name, text: sources.append(text.strip()) if name == "source" else None)
    whole = list(filter(None, sources))
    paths = _below_sources(place, list(lines), whole)
    located: Lines = {}
    for path, each in lines.items():
        known = located.setdefault(paths[path], {})
        for line, is_run in each.items():
            mark(known, line, is_run)
    taken_at = epoch_time(root.get("timestamp", "0").partition(".")[0])
    if any(lines.values()):
        return by_lines(located, list(located), taken_at)
    covered, valid = whole_number(root.get("lines-covered")), whole_number(root.get("lines-valid"))
    return totals(covered, valid, list(located), taken_at)


def _below_sources(place: Place, names: Sequence[str], sources: Sequence[str]) -> dict[str, str]:
    """Cobertura's file names are relative to one of its `<source>`s, which may be a directory of another machine.

    Of names that are both here as they are and below the only source, the reading counts that more of the names fit.
    """
    is_windows = any("\\" in source for source in sources)
    directories = [source.replace("\\", "/").rstrip("/") for source in sources[:20]]
    plain = {name: name.replace("\\", "/") if is_windows else name for name in names}
    if len(directories) == 1:
        below = {name: f"{directories[0]}/{path}" for name, path in plain.items()}
        count = sum(_ends_as_a_file_here(place, path) for path in below.values())
        if count > sum(path in place.paths for path in plain.values()):
            return {name: path if _ends_as_a_file_here(place, path) else plain[name] for name, path in below.items()}
    return {name: _below_a_source(place, path, directories) for name, path in plain.items()}


def _below_a_source(place: Place, path: str, directories: Sequence[str]) -> str:
    choices = [path, *(f"{directory}/{path}" for directory in directories)]
    root = f"{place.root}/"
    here = next((each for each in choices if each.removeprefix(root) in place.paths), "")
    return here or next((each for each in choices[1:] if _ends_as_a_file_here(place, each)), path)


def _ends_as_a_file_here(place: Place, path: str) -> bool:
    parts = path.split("/")
    return any("/".join(parts[at:]) in place.paths for at in range(1, len(parts) - 1))


def parse_jacoco(_: Place, content: bytes) -> Parsed:
    """JaCoCo's XML, which Kover writes, too: of each line its covered instructions; its files are below a source root.

    Of classes without line numbers only the counters of lines count.
    """
    lines: Lines = {}
    stamps: list[str] = []
    counters: list[tuple[int, int]] = []
    package = file = ""

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal package, file
        if name == "sessioninfo":
            stamps.append(attributes.get("dump", ""))
        elif name == "package":
            package, file = attributes.get("name", ""), ""
        elif name == "sourcefile":
            file = f"{package}/{attributes.get('name', '')}".lstrip("/")
            lines.setdefault(file, {})
        elif name == "line" and file:
            mark(lines[file], whole_number(attributes.get("nr")), whole_number(attributes.get("ci")) > 0)
        elif name == "counter" and attributes.get("type") in {"LINE", "INSTRUCTION"}:
            missed, covered = whole_number(attributes.get("missed")), whole_number(attributes.get("covered"))
            counters.append((missed + covered, covered))

    read_xml(content, element)
    times = [time for stamp in stamps if (time := epoch_time(stamp))]
    if any(lines.values()) or not counters:
        return by_lines(lines, list(lines), max(times, default=None))
    total, covered = max(counters)
    return totals(covered, total, list(lines), max(times, default=None))


def parse_opencover(_: Place, content: bytes) -> Parsed:
    """OpenCover's XML: sequence points by the file's number, or by that of their method."""
    files: dict[str, str] = {}
    points: list[tuple[str, str, str]] = []
    of_method = ""

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal of_method
        if name == "File":
            files[attributes.get("uid", "")] = attributes.get("fullPath", "")
        elif name == "Method":
            of_method = ""
        elif name == "FileRef":
            of_method = attributes.get("uid", "")
        elif name == "SequencePoint":
            points.append((attributes.get("fileid") or of_method, attributes.get("sl", ""), attributes.get("vc", "")))

    read_xml(content, element)
    lines: Lines = {}
    for file, line, count in points:
        if file in files:
            mark(lines.setdefault(files[file], {}), whole_number(line), _is_run(count))
    return by_lines(lines, list(lines))


def parse_generic(_: Place, content: bytes) -> Parsed:
    """SonarQube's generic coverage."""
    lines: Lines = {}
    current: dict[int, bool] = {}

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal current
        if name == "file":
            current = lines.setdefault(attributes.get("path", ""), {})
        elif name == "lineToCover":
            mark(current, whole_number(attributes.get("lineNumber")), attributes.get("covered") == "true")

    read_xml(content, element)
    return by_lines(lines, list(lines))


def parse_xml(place: Place, content: bytes) -> Parsed:
    """Whichever of the XML formats it is: several tools write a `coverage.xml`."""
    name, attributes = first_element(content)
    if name == "report":
        return parse_jacoco(place, content)
    if name == "CoverageSession":
        return parse_opencover(place, content)
    if name == "coverage" and ("clover" in attributes or "generated" in attributes):
        return parse_clover(place, content)
    if name == "coverage" and "version" in attributes and len(attributes) == 1:
        return parse_generic(place, content)
    return parse_cobertura(place, content)
