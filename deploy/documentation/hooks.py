"""Hooks of MkDocs: documents that lie elsewhere in the repository are pages, too, and links between them hold.

A link in any document is relative to the repository, so that it works on a forge; here it becomes one of the site.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ELSEWHERE = (
    *("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("deploy/README.md", "deploy/observability/README.md", "examples/README.md"),
)
"""What is a page under its path in the repository."""
_link = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
_text_before_list = re.compile(r"(?m)^((?!\s*(?:[-*|>#]|\d+\. )).+)\n(?=(?:[-*] |\d+\. ))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the documents from elsewhere."""
    for name in ELSEWHERE:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """The page's text with links of the site. A file of the repository that is no page is named, and not linked."""
    source = page.file.src_uri if page.file.src_uri in ELSEWHERE else f"docs/{page.file.src_uri}"
    folder = posixpath.dirname(source)

    def link(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        if not (ROOT / path).exists():
            return found[0]  # which the strict build then says
        if path == "README.md":
            path, anchor = "docs/index.md", ""
        if path not in ELSEWHERE and not path.startswith("docs/"):
            return "]"
        here = os.path.relpath(path.removeprefix("docs/"), posixpath.dirname(page.file.src_uri) or ".")
        return f"]({here}{anchor})"

    return _spaced(_link.sub(link, markdown))


def _spaced(markdown: str) -> str:
    """A list that follows a line of text directly is a list, as on a forge."""
    parts = re.split(r"(?ms)(^```.*?^```$)", markdown)
    return "".join(part if part.startswith("```") else _text_before_list.sub(r"\1\n\n", part) for part in parts)
