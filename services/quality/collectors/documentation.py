"""Documentation and continuous integration of a project."""

from __future__ import annotations

import re

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.domain.evidence import Evidence, no_measurement
from services.workspace import landmarks
from services.workspace.text import wide_letters

readme_max_bytes = 1024 * 1024
_word = re.compile(r"\w+")


def documentation(place: Place) -> list[Evidence]:
    """The number of words in the README, and of other documents."""
    found = landmarks.readmes(place.root)
    if not found:
        if not place.files:
            return [no_measurement("readme", "no files")]
        return [Evidence("readme", 0.0, True, "names of files", place.now, detail="no README")]
    problems = []
    others = sum(file.path.startswith(("docs/", "doc/")) for file in place.files)
    for name in found:
        try:
            words = _words(place.text(_target(place, name), readme_max_bytes))
        except Unmeasured as reason:
            problems.append(str(reason))
            continue
        return [Evidence("readme", float(words), True, name, place.now, detail=f"{others} files in docs")]
    return [no_measurement("readme", problems[0], found[0])]


def _words(text: str) -> int:
    """The number of words; a script without spaces has about one in two letters."""
    wide = len(wide_letters.findall(text))
    return len(_word.findall(wide_letters.sub(" ", text) if wide else text)) + wide // 2


def _target(place: Place, name: str) -> str:
    """The file that a README which is a link leads to. Unmeasured if it leads elsewhere than into the project."""
    path = place.root / name
    if not path.is_symlink():
        return name
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise Unmeasured(f"{name} is a link to nothing") from error
    if not real.is_relative_to(place.root.resolve()):
        raise Unmeasured(f"{name} is a link out of the project")
    return real.relative_to(place.root.resolve()).as_posix()


def continuous_integration(place: Place) -> list[Evidence]:
    """Whether a continuous integration service is configured, for a package at the top of its repository."""
    if not place.files:
        return [no_measurement("continuous_integration", "no files")]
    found = landmarks.continuous_integration(place.root, place.roots)
    detail = ", ".join(found) or "no configuration found"
    return [Evidence("continuous_integration", float(bool(found)), True, "names of files", place.now, detail=detail)]
