"""The files that a memory's text and metadata mention."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

paths_max = 1_000
"""The maximum of files stored per text; beyond that, a text's words decide whether it mentions a file."""
parts_max = 12
field_files_max = 1_000
field_file_max_chars = 1_000
_file_fields = ("file_path", "file", "path", "files", "file_paths", "files_changed")

_run = re.compile(r"[\w@:/.\\+~\[\]-]+")
"""Runs of characters of paths. One search of a long text for whole paths would hold the interpreter for 0.2 s."""
_path = re.compile(
    r"""(?<![\w@:/.\\-])                       # not in the middle of something, nor of a URL
        (?:[A-Za-z]:[\\/]|~?/|\.{1,2}/)?       # C:\, ~/, /, ./, ../
        (?:[\w@.+\[\]-]{1,100}[\\/]){0,12}   # directories
        \.?[\w@+\[\]-][\w@.+\[\]-]{0,99}     # the file
        (?::\d+)?(?![\w\\/])""",
    re.VERBOSE,
)
_extension = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]{0,9}|(?:^|[/\\])\.[a-z][\w-]+)$")
_whole_names = re.compile(
    r"(?:Makefile|Dockerfile|Containerfile|Justfile|Procfile|Jenkinsfile|Vagrantfile|LICENSE|go\.mod)$"
)
_top_level = re.compile(r"\.(?:com|org|net|io|dev|ai|co|uk|de|eu|app|gov|edu|me|info)$", re.IGNORECASE)


def file_paths(content: str, metadata: Mapping[str, Any]) -> list[str]:
    """The files mentioned, as plain paths, without repetitions; those in `metadata` first."""
    named = (plain_path(each) for field in _file_fields for each in _strings(metadata.get(field)))
    composed = unicodedata.normalize("NFC", content)
    runs = (run[0] for run in _run.finditer(composed))
    texts = (each[0].rstrip(".,") for run in runs for each in _path.finditer(run))
    written = (plain_path(text) for text in texts if _is_file(text))
    found = dict.fromkeys(path for path in (*named, *written) if path)
    return list(found)[:paths_max]


def plain_path(path: str) -> str:
    """The path in lower case with slashes; without line number, `./`, `../`, `~` or drive."""
    path = unicodedata.normalize("NFC", path)  # macOS has file names in NFD
    plain = re.sub(r":\d+(?::\d+)?$", "", path.strip().strip("`'\"")).replace("\\", "/").casefold()
    parts = [part for part in re.sub(r"^[a-z]:/", "", plain).split("/") if part not in {"", ".", "..", "~"}]
    return "/".join(parts[-parts_max:])


def names_same_file(one: str, other: str) -> bool:
    """Whether two plain paths may mean the same file: one is a suffix of the other, by whole names."""
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def _is_file(path: str) -> bool:
    name = re.sub(r":\d+$", "", path)
    if _whole_names.search(name):
        return True
    if not _extension.search(name) or not re.search(r"[A-Za-z~]", name.rsplit(".", 1)[0]):
        return False
    return "/" in name or "\\" in name or name.startswith(".") or not (_top_level.search(name) or _is_attribute(name))


def _is_attribute(name: str) -> bool:
    """Whether it is an attribute (`os.path`, `self.value`, `numpy.ndarray`), as its ending is no file suffix."""
    return name.rsplit(".", 1)[1].casefold() not in _file_endings


_file_endings = frozenset(
    """
    astro bash bat c cc cfg clj cmake conf cpp cs css csv cxx dart db diff dockerfile duckdb ejs elm env erl ex
    exs feature fs gif go gradle graphql h hbs hpp hs htm html ico ini ino ipynb java jinja jinja2 jl jpeg jpg
    js json jsonl jsx kt kts less lock log lua m make md mdx mjs ml mm mod nix onnx parquet pas patch pdf php pl
    png prisma properties proto ps1 py pyi pyx r rb rs rst s sass scala scss service sh sol sql sqlite sum
    svelte svg swift tcl tex tf tfvars toml ts tsv tsx txt v vb vhdl vue wasm xml yaml yml zig zip zsh
    """.split()  # noqa: SIM905  # a list of quoted words takes a page
)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value[:field_file_max_chars]
    elif isinstance(value, list):
        yield from (each[:field_file_max_chars] for each in value[:field_files_max] if isinstance(each, str))
