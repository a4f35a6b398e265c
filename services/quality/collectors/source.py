"""Source code: complexity, annotations of functions, docstrings.

Python by its syntax tree, other languages by estimate; from a bounded, even sample of the files in the order of their
paths, which is the same each time.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from services.quality.collectors.applicability import main_languages
from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import is_aside, is_test, language_of, says_it_is_generated
from services.quality.domain.evidence import Evidence, no_measurement, not_applicable

sample_max_bytes = 300_000
sample_files_max = 200
file_max_bytes = 200_000
complexity_max = 10
"""McCabe's limit for a function."""

_parsing = threading.Lock()
"""Warning filters are global to the process; the interpreter parses one file at a time anyway."""
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_branches = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler,
    ast.IfExp, ast.comprehension, ast.match_case, ast.Assert,
)  # fmt: skip
_other_function = re.compile(
    r"^[ \t]*(?:pub(?:\([^)]*\))? |export |default |static |public |private |protected |unsafe )*(?:async )?"
    r"(?:(?:func|fn|function)\b|(?!(?:if|for|while|switch|catch|match|return|else|do)\b)[\w$#]+ ?\([^()\n]*\) ?\{)"
    r"|=> ?\{",
    re.MULTILINE,
)
_texts = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.){2,200}'", re.DOTALL)
ESTIMATED = frozenset(
    "javascript typescript go rust java kotlin scala csharp c cpp php swift".split()  # noqa: SIM905
)
"""Languages whose functions have braces."""
ANNOTATED = frozenset({"python", "javascript", "typescript"})
"""Languages in which types are optional."""
_typed_function = re.compile(
    r"^[ \t]*(?!(?:if|for|while|switch|catch|return|else|do|new|throw|using|lock|synchronized)\b)"
    r"(?:[\w<>\[\],.?&*:~@]+[ \t]+){0,8}[\w:~]+[ \t]*\([^;{}()]*(?:\([^;{}()]*\)[^;{}()]*)*\)"
    r"[ \t\n]*(?:throws[ \w.,\n]+|const|override|noexcept|final|[ \t\n]|: ?[\w<>?, ]+|where [^{]*)*(?:\{|=>)",
    re.MULTILINE,
)
"""A function of a language in which its type stands before its name."""
TYPE_FIRST = frozenset({"java", "csharp", "c", "cpp", "php"})
_other_branch = re.compile(r"\b(?:if|for|while|case|catch|loop)\b|&&|\|\||\?\s")


@dataclass
class Tally:
    """Counts of a sample."""

    files: int = 0
    functions: int = 0
    complex: int = 0
    annotated: int = 0
    public: int = 0
    documented: int = 0

    def add(self, other: Tally) -> None:
        """Adds the counts of another tally."""
        for name in vars(other):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def source(place: Place) -> list[Evidence]:
    """The shares of complex functions, of functions with annotations, and of public names with docstrings.

    Python counts where the project is written in it, not where another has a script.
    """
    is_python = "python" in main_languages(place)
    python, others = _own(place.sources("python")) if is_python else [], _own(_others(place))
    if not python and not others:
        names = ("complexity", "annotations", "docstrings")
        if known := ", ".join(sorted(place.by_language)):
            return [not_applicable(name, f"it is not measured in {known}") for name in names]
        return [no_measurement(name, "no source in a known language") for name in names]
    tally = _python_tally(place, python)
    complexity, functions = _estimate_complexity(place, others)
    note = f"{tally.files} of {len(python)} Python files read" if python else ""
    estimate = "other languages by estimate" if functions else ""
    return [
        _share(place, "complexity", tally.complex + complexity, tally.functions + functions, (note, estimate)),
        _annotations(place, tally, note),
        _share(place, "docstrings", tally.documented, tally.public, (note,))
        if python
        else not_applicable("docstrings", "no Python in what it is written in"),
    ]


def _share(place: Place, name: str, some: int, total: int, notes: Sequence[str]) -> Evidence:
    if not total:
        return no_measurement(name, "nothing to count", "source")
    detail = "; ".join(filter(None, (f"{some} of {total}", *notes)))
    return Evidence(name, round(some / total, 4), True, "source", place.now, detail=detail)


def _annotations(place: Place, tally: Tally, note: str) -> Evidence:
    """Weighted by size: Python by its functions, TypeScript always has them. JavaScript can have none: beside Python it
    does not count, and the part that TypeScript has of both is more than anybody asks for."""
    sizes = {
        language: sum(file.size for file in _own(files))
        for language, files in place.by_language.items()
        if language in ANNOTATED
    }
    if tally.functions:
        sizes.pop("javascript", None)
    else:
        sizes.pop("python", None)
    if set(sizes) <= {"javascript"}:
        return not_applicable("annotations", "no source in a language with optional types")
    shares = {"python": tally.annotated / max(tally.functions, 1), "javascript": 0.0}
    total = sum(sizes.values())
    if not total:
        return no_measurement("annotations", "no functions", "source")
    value = sum(size * shares.get(language, 1.0) for language, size in sizes.items()) / total
    detail = "; ".join(filter(None, (", ".join(sorted(sizes)), note)))
    is_asked = bool(tally.functions)
    return Evidence("annotations", round(value, 4), True, "source", place.now, detail=detail, applies=is_asked)


def spread(files: Sequence[File], total_max_bytes: int, each_max_bytes: int = file_max_bytes) -> list[File]:
    """An even sample of the files within the limits; the same one each time."""
    files = [file for file in files if file.size <= each_max_bytes]
    step = max(1, -(-len(files) // sample_files_max), -(-sum(file.size for file in files) // total_max_bytes))
    return files[::step]


def _python_tally(place: Place, files: Sequence[File]) -> Tally:
    total = Tally()
    for file in spread(files, sample_max_bytes):
        place.check_time()
        total.add(place.once("source", file, partial(_tally_of, place, file)))
    return total


def _tally_of(place: Place, file: File) -> Tally:
    tally = Tally()
    tree = _syntax_tree(place, file)
    if tree is not None:
        tally.files += 1
        _count(tree, tally)
    return tally


def _syntax_tree(place: Place, file: File) -> ast.Module | None:
    """The syntax tree; None if it is not Python of this version, or the file cannot be read."""
    try:
        content = place.read(file.path, file_max_bytes)
        if says_it_is_generated(content):
            return None
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the source's own escapes
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError, Unmeasured):
        return None


def _count(tree: ast.Module, tally: Tally) -> None:
    for node, is_inside in _definitions(tree):
        if isinstance(node, Function):
            tally.functions += 1
            tally.complex += complexity_of(node) > complexity_max
            tally.annotated += is_annotated(node)
        if not is_inside and not node.name.startswith("_"):
            tally.public += 1
            tally.documented += ast.get_docstring(node, clean=False) is not None


def _definitions(tree: ast.Module) -> Iterator[tuple[Function | ast.ClassDef, bool]]:
    """Functions and classes, and whether they are inside a function."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        parent, is_inside = waiting.pop()
        for node in getattr(parent, "body", ()):
            if isinstance(node, Function | ast.ClassDef):
                yield node, is_inside
                waiting.append((node, is_inside or isinstance(node, Function)))
            elif isinstance(node, ast.If | ast.Try | ast.With):
                waiting.append((node, is_inside))


def complexity_of(function: Function) -> int:
    """McCabe's cyclomatic complexity: 1 plus one for every branch, `and` and `or`; includes nested functions."""
    found = 1
    waiting: list[ast.AST] = [function]
    while waiting:  # four times as fast as ast.walk
        node = waiting.pop()
        if isinstance(node, _branches):
            found += 1
        elif isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
        for value in vars(node).values():
            if isinstance(value, ast.AST):
                waiting.append(value)
            elif isinstance(value, list):
                waiting += [each for each in value if isinstance(each, ast.AST)]
    return found


def is_annotated(function: Function) -> bool:
    """Whether it annotates its result, or has parameters and annotates all of them."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    named = [each for each in arguments if each.arg not in {"self", "cls"}]
    has_types = all(each.annotation for each in named)
    return has_types and (function.returns is not None or bool(named))


def _own(files: Sequence[File]) -> list[File]:
    """The files that the project is made of: no tests; documentation and examples only where there is nothing else."""
    found = [file for file in files if not is_test(file.path)]
    return [file for file in found if not is_aside(file.path)] or found


def _others(place: Place) -> list[File]:
    return [file for language, files in place.by_language.items() if language in ESTIMATED for file in files]


def _without_texts(text: str) -> str:
    """The source without comments and strings, whose words are no branches."""
    return _texts.sub(lambda found: "\n" * found[0].count("\n") + " ", text)


def _estimate_complexity(place: Place, files: Sequence[File]) -> tuple[int, int]:
    """The numbers of complex functions and of all; the text up to the next function counts as the body."""
    complex_ones = total = 0
    for file in spread(files, sample_max_bytes):
        place.check_time()
        complex_here, here = place.once("estimate", file, partial(_estimated_in, place, file))
        complex_ones, total = complex_ones + complex_here, total + here
    return complex_ones, total


def _estimated_in(place: Place, file: File) -> tuple[int, int]:
    try:
        content = place.read(file.path, file_max_bytes)
    except Unmeasured:
        return 0, 0
    if says_it_is_generated(content):
        return 0, 0
    text = _without_texts(content.decode("utf-8", "replace"))
    pattern = _typed_function if language_of(file.path) in TYPE_FIRST else _other_function
    heads = [match.start() for match in pattern.finditer(text)]
    bodies = zip(heads, [*heads[1:], len(text)], strict=False)
    branches = [1 + len(_other_branch.findall(text, begin, end)) for begin, end in bodies]
    return sum(each > complexity_max for each in branches), len(branches)
