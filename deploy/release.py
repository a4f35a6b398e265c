"""Makes a release: one version for package, plugin, chart and changelog; wheels, chart, lists of parts, images, tag.

`make release VERSION=1.2.3` runs it; `DRY_RUN=1` says what it would do, and changes nothing. Nothing leaves this
machine. What failed on the way goes on where it stopped: the commit is made once, and the tag last.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

IMAGES = ("gateway", "session", "quality", "memory", "integration", "entry")
VERSIONED = (
    ("services/__init__.py", r'(__version__ = ")[^"]+'),
    ("clients/claude-code/.claude-plugin/plugin.json", r'("version": ")[^"]+'),
    ("services/cli/bridge/lists.json", r'("name": "segue", "version": ")[^"]+'),
    ("docs/reference/systems.md", r"(dist/segue-)\d+\.\d+\.\d+"),
    ("deploy/helm/segue/Chart.yaml", r"((?:v|appV)ersion: )\d+\.\d+\.\d+"),
)
"""The files that name the version, and what stands before it there."""
CHANGELOG = "CHANGELOG.md"
_heading = "## [Unreleased]\n"
_semantic = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)


class CannotRelease(Exception):
    """Why there is no release, for who asked for it."""


def parsed_version(text: str) -> tuple[int, ...]:
    """The three numbers of a version; raises CannotRelease for anything else."""
    found = _semantic.fullmatch(text)
    if not found:
        raise CannotRelease(f"{text!r} is no version: three numbers are, as in VERSION=1.2.3")
    return tuple(map(int, found.groups()))


def changelog_with(text: str, version: str, date: str) -> str:
    """The changelog with what was unreleased under the version; raises CannotRelease if nothing was."""
    before, heading, after = text.partition(_heading)
    unreleased = re.split(r"^## \[", after, maxsplit=1, flags=re.MULTILINE)[0]
    if not heading or not re.search(r"^- ", unreleased, re.MULTILINE):
        raise CannotRelease(f"{CHANGELOG} has nothing under [Unreleased]")
    return f"{before}{heading}\n## [{version}] - {date}\n{after}"


class Checkout:
    """A clone that a release is made of."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def version(self) -> str:
        """The one it has now."""
        return self._text("services/__init__.py").partition('__version__ = "')[2].partition('"')[0]

    def git(self, *arguments: str) -> str:
        """What git prints; raises CannotRelease with its error."""
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRelease(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def is_cut(self, version: str) -> bool:
        """Whether the last commit is this release's, and it waits for what is built of it."""
        return self.version == version and self.git("log", "-1", "--format=%s") == _subject(version)

    def check(self, version: str) -> None:
        """Raises CannotRelease if this is no place or no time for the version."""
        asked, now = parsed_version(version), parsed_version(self.version)
        if changed := self.git("status", "--porcelain"):
            raise CannotRelease(f"commit or remove first what is not committed:\n{changed}")
        if self.git("tag", "--list", f"v{version}"):
            raise CannotRelease(f"v{version} is tagged already")
        if asked <= now and not self.is_cut(version):
            raise CannotRelease(f"{version} is not later than {self.version}")

    def changes(self, version: str) -> dict[str, str]:
        """The new text of each file that names the version; raises CannotRelease if one of them does not."""
        changed = {CHANGELOG: changelog_with(self._text(CHANGELOG), version, f"{datetime.now(UTC):%Y-%m-%d}")}
        for name, pattern in VERSIONED:
            changed[name], count = re.subn(pattern, rf"\g<1>{version}", self._text(name))
            if not count:
                raise CannotRelease(f"{name} names no version")
        return changed

    def _text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def cut(self, version: str) -> None:
        """Commits the version and its changelog."""
        changed = self.changes(version)
        for name, text in changed.items():
            (self.root / name).write_text(text, encoding="utf-8")
        self.git("commit", "--quiet", "--message", _subject(version), "--", *changed)


def _subject(version: str) -> str:
    return f"Release {version}"


def build_parts_list(checkout: Checkout, version: str, tool: Path, name: str) -> None:
    """Writes dist/segue-NAME-VERSION.cdx.json: what the lock of that name installs, as CycloneDX."""
    lock = checkout.root / "deploy/requirements" / f"{name}.txt"
    written = checkout.root / "dist" / f"segue-{name}-{version}.cdx.json"
    options = [
        "--output-reproducible",
        "--pyproject",
        str(checkout.root / "pyproject.toml"),
        "--mc-type",
        "application",
    ]
    _run([str(tool.absolute()), "requirements", *options, "--output-file", str(written), str(lock)], checkout.root)


def build_image(checkout: Checkout, version: str, name: str) -> None:
    """Builds segue-NAME:VERSION, with labels that say of what it was made."""
    labels = {
        "title": f"segue-{name}",
        "version": version,
        "revision": checkout.git("rev-parse", "HEAD"),
        "created": checkout.git("log", "-1", "--format=%cI"),
        "licenses": "MIT",
    }
    options = [part for key, value in labels.items() for part in ("--label", f"org.opencontainers.image.{key}={value}")]
    of_name = (
        ["deploy/entry"] if name == "entry" else ["--build-arg", f"SERVICE={name}", "--file", "deploy/Dockerfile", "."]
    )
    _run(["docker", "build", "--quiet", *options, "--tag", f"segue-{name}:{version}", *of_name], checkout.root)


def build_chart(checkout: Checkout, helm: Path) -> None:
    """Writes dist/segue-VERSION.tgz, which `helm install` takes."""
    _run([str(helm.absolute()), "package", "deploy/helm/segue", "--destination", "dist"], checkout.root)


def write_checksums(directory: Path) -> None:
    """Writes SHA256SUMS of what is in a directory, which `sha256sum --check` reads."""
    files = sorted(path for path in directory.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (directory / "SHA256SUMS").write_text("".join(lines))


def _run(command: Sequence[str], root: Path) -> None:
    try:
        has_failed = subprocess.run(command, cwd=root, check=False).returncode != 0
    except OSError as error:
        raise CannotRelease(f"{command[0]} cannot be run: {error.strerror}") from error
    if has_failed:
        raise CannotRelease(f"{command[0]} failed; the same command goes on from here")


def steps(checkout: Checkout, options: argparse.Namespace) -> list[tuple[str, Callable[[], None]]]:
    """What is done after the commit, in order: a line for who looks on, and what does it."""
    version: str = options.version
    locked = ["laptop", *(name for name in options.images if name != "entry")]
    list_parts = partial(build_parts_list, checkout, version, options.parts_tool)
    return [
        ("build the wheels into dist", partial(_run, ["make", "--no-print-directory", "wheels"], checkout.root)),
        ("package the Helm chart in dist", partial(build_chart, checkout, options.helm)),
        *((f"list the parts of {name} in dist (CycloneDX)", partial(list_parts, name)) for name in locked),
        ("write dist/SHA256SUMS", partial(write_checksums, checkout.root / "dist")),
        *(
            (f"build the image segue-{name}:{version}", partial(build_image, checkout, version, name))
            for name in options.images
        ),
        (f"tag v{version}", partial(_tag, checkout, version)),
    ]


def release(checkout: Checkout, options: argparse.Namespace) -> None:
    """All of it; raises CannotRelease."""
    version: str = options.version
    checkout.check(version)
    planned = steps(checkout, options)
    if not checkout.is_cut(version):
        checkout.changes(version)  # what is wrong with them is said by a dry run, too
        said = f"commit the version {version} (now {checkout.version}) and its changelog"
        planned.insert(0, (said, partial(checkout.cut, version)))
    for said, act in planned:
        print(said, flush=True)
        if not options.dry_run:
            act()
    print("Nothing was done." if options.dry_run else "To publish: git push --follow-tags, and what is in dist.")


def _tag(checkout: Checkout, version: str) -> None:
    checkout.git("tag", "--annotate", f"v{version}", "--message", f"Segue {version}")


def main(arguments: Sequence[str] | None = None) -> int:
    """1 with one line of why, where there is no release."""
    parser = argparse.ArgumentParser(prog="make release")
    parser.add_argument("version")
    parser.add_argument("--images", nargs="*", choices=IMAGES, default=IMAGES)
    parser.add_argument("--parts-tool", type=Path, required=True)
    parser.add_argument("--helm", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true")
    try:
        release(Checkout(Path.cwd()), parser.parse_args(arguments))
    except CannotRelease as reason:
        print(f"make release: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
