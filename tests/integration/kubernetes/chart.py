"""The chart, rendered by the real helm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.stack import ROOT

CHART = ROOT / "deploy" / "helm" / "segue"
TOOLS = ROOT / ".venv" / "chart" / "bin"
RELEASE = "segue"
OLDEST, NEWEST = "1.27", "1.37"
"""The versions of Kubernetes between which the chart is checked."""
VALUES: Mapping[str, Sequence[str]] = {
    "default": (),
    **{path.stem.removesuffix("-values"): ("--values", str(path)) for path in sorted((CHART / "ci").glob("*.yaml"))},
}
"""Options that render each set of values that is tried."""

Resource = dict[str, Any]


def tool(name: str) -> str:
    """The path of a program that `make test-containers` installs."""
    path = TOOLS / name
    if not path.exists():
        pytest.skip(f"{name} is not installed; make test-containers does it")
    return str(path)


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("helm"), *map(str, arguments)], capture_output=True, text=True, check=False)


def text_of(*options: str) -> str:
    """What `helm template` writes."""
    done = helm("template", RELEASE, CHART, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(*options: str) -> list[Resource]:
    return [each for each in yaml.safe_load_all(text_of(*options)) if each]


def of_kind(resources: Sequence[Resource], *kinds: str) -> dict[str, Resource]:
    """Those of the kinds, by name."""
    return {each["metadata"]["name"]: each for each in resources if each["kind"] in kinds}


def pods(resources: Sequence[Resource]) -> Iterator[tuple[str, Resource]]:
    """Each workload's component, and the template of its Pods."""
    for workload in of_kind(resources, "Deployment", "StatefulSet").values():
        template = workload["spec"]["template"]
        yield template["metadata"]["labels"]["app.kubernetes.io/component"], template


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()
