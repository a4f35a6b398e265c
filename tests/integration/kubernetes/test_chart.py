"""What the chart renders: valid for every version that is supported, hardened as compose is; and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from pydantic_settings import BaseSettings

from services.gateway.config import GatewaySettings
from services.integration.config import IntegrationSettings
from services.memory.config import MemorySettings
from services.quality.config import QualitySettings
from services.session.config import SessionSettings
from tests.integration.kubernetes.chart import (
    CHART,
    NEWEST,
    OLDEST,
    VALUES,
    Resource,
    helm,
    of_kind,
    pods,
    rendered,
    selects,
    text_of,
    tool,
)
from tests.integration.stack import ROOT

pytestmark = pytest.mark.containers

SETTINGS: list[type[BaseSettings]] = [
    GatewaySettings,
    SessionSettings,
    MemorySettings,
    QualitySettings,
    IntegrationSettings,
]
OWN = {"redis", "postgresql"}
STRANGERS = ("monitoring.coreos.com/v1",)
"""Kinds of the Prometheus operator, which Kubernetes itself has no schema of."""


@cache
def resources(name: str) -> list[Resource]:
    return rendered(*VALUES[name])


def component(resource: Resource) -> str:
    return str(resource["metadata"]["labels"]["app.kubernetes.io/component"])


@pytest.mark.parametrize("name", VALUES)
def test_helm_finds_nothing_wrong(name: str) -> None:
    done = helm("lint", "--strict", CHART, *VALUES[name])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", VALUES)
def test_every_resource_is_of_kubernetes_own_schema(name: str, version: str, tmp_path: Path) -> None:
    texts = yaml.safe_load_all(text_of(*VALUES[name], "--kube-version", f"{version}.0"))
    ours = [each for each in texts if each and each["apiVersion"] not in STRANGERS]
    assert len(ours) > 15
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump_all(ours))
    checked = [tool("kubernetes-validate"), "--strict", "-k", version, str(tmp_path / "rendered.yaml")]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_key_that_kubernetes_does_not_know_would_be_seen(tmp_path: Path) -> None:
    wrong = of_kind(resources("default"), "Service")["segue-gateway"]
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump({**wrong, "spec": {**wrong["spec"], "selektor": {}}}))
    checked = [tool("kubernetes-validate"), "--strict", "-k", NEWEST, str(tmp_path / "rendered.yaml")]
    assert subprocess.run(checked, capture_output=True, check=False).returncode


def test_an_older_kubernetes_is_refused() -> None:
    done = helm("template", "segue", CHART, "--kube-version", "1.26.0")
    assert done.returncode
    assert "1.27" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        "gateway.auth=none",
        "gateway.replicas=0",
        "gateway.autoscaling.cpu=700",
        "memory.replicas=2",
        "memory.database=mysql",
        "search.balancing=random",
        "search.enabled=true",
        "secrets.service.name=",
        "env.PATH=evil",
        "redis.user=0",
        "networkPolicy.redisPorts={}",
        "sesion.replicas=2",
        "history.storage.size=plenty",
    ],
)
def test_a_value_that_is_none_is_refused_by_its_name(wrong: str) -> None:
    done = helm("template", "segue", CHART, "--set", wrong)
    assert done.returncode
    assert any(part in done.stderr for part in wrong.partition("=")[0].split("."))


@pytest.mark.parametrize("name", VALUES)
def test_every_container_is_hardened(name: str) -> None:
    for which, template in pods(resources(name)):
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False, which
        assert pod["enableServiceLinks"] is False, which  # a Service's SEGUE_GATEWAY_PORT is no setting
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod), which
        assert pod["securityContext"]["runAsNonRoot"] is True, which
        assert pod["securityContext"]["runAsUser"] > 0, which
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, which
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, which
            assert container["resources"]["limits"]["memory"], which
            assert container["resources"]["requests"]["cpu"], which
            assert not any("hostPath" in volume for volume in pod["volumes"]), which
            assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume), which


def test_who_serves_is_asked_how_it_is() -> None:
    for which, template in pods(resources("team")):
        (container,) = template["spec"]["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), which


def test_what_has_replicas_is_scaled_and_never_drained_at_once() -> None:
    found = resources("default")
    replicated = {component(each) for each in of_kind(found, "Deployment").values()}
    assert replicated == {"gateway", "session", "quality"}
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        assert {component(each) for each in of_kind(found, kind).values()} == replicated, kind
    for deployment in of_kind(found, "Deployment").values():
        assert "replicas" not in deployment["spec"]  # an upgrade would take back what was scaled
    for single in of_kind(found, "StatefulSet").values():
        assert single["spec"]["replicas"] == 1
    fixed = of_kind(resources("external"), "Deployment")
    assert {name: each["spec"]["replicas"] for name, each in fixed.items()} == {
        "memories-gateway": 3,
        "memories-session": 2,
        "memories-quality": 1,
        "memories-search": 3,
    }
    assert not of_kind(resources("external"), "HorizontalPodAutoscaler", "PodDisruptionBudget")


@pytest.mark.parametrize("name", VALUES)
def test_every_selector_finds_the_pods_that_it_is_about(name: str) -> None:
    found = resources(name)
    labels = {which: template["metadata"]["labels"] for which, template in pods(found)}
    for service in of_kind(found, "Service").values():
        assert [which for which in labels if selects(service["spec"]["selector"], labels[which])] == [
            component(service)
        ]
    for policy in of_kind(found, "NetworkPolicy").values():
        selector = policy["spec"]["podSelector"]["matchLabels"]
        assert [which for which in labels if selects(selector, labels[which])] == [component(policy)]
    for workload in of_kind(found, "Deployment", "StatefulSet").values():
        assert selects(workload["spec"]["selector"]["matchLabels"], workload["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("name", VALUES)
def test_who_may_call_whom_is_who_does(name: str) -> None:
    """For each address in a container's environment: the caller may go out there, the called lets it in."""
    found = resources(name)
    policies = {component(each): each["spec"] for each in of_kind(found, "NetworkPolicy").values()}
    assert set(policies) == {which for which, _ in pods(found)}
    services = {each["metadata"]["name"]: component(each) for each in of_kind(found, "Service").values()}
    calls = set()
    for caller, template in pods(found):
        (container,) = template["spec"]["containers"]
        told = " ".join(variable.get("value", "") for variable in container["env"])
        for target, port in re.findall(r"(?:dns:///|@)([a-z-]+):(\d+)", told):
            calls.add((caller, services[target], int(port)))
    assert calls
    assert calls == {(caller, *each) for caller, spec in policies.items() for each in ways_out(spec)}
    assert calls == {(caller, called, port) for called, spec in policies.items() for caller, port in ways_in(spec)}


def ways_out(spec: Resource) -> list[tuple[str, int]]:
    """To which components, at which ports."""
    return [
        (peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"], rule["ports"][0]["port"])
        for rule in spec["egress"]
        for peer in rule.get("to", ())
        if "podSelector" in peer
    ]


def ways_in(spec: Resource) -> list[tuple[str, int]]:
    return [
        (peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"], rule["ports"][0]["port"])
        for rule in spec["ingress"]
        for peer in rule.get("from", ())
        if "podSelector" in peer
    ]


def test_only_what_has_to_calls_beyond_the_release() -> None:
    everywhere = {
        component(each)
        for name in VALUES
        for each in of_kind(resources(name), "NetworkPolicy").values()
        if {} in each["spec"]["egress"]
    }
    assert everywhere == {"integration", "gateway"}  # events, and the issuer of tokens
    assert {} not in of_kind(resources("team"), "NetworkPolicy")["segue-gateway"]["spec"]["egress"]


@pytest.mark.parametrize("name", VALUES)
def test_no_secret_is_made_or_written(name: str) -> None:
    assert not of_kind(resources(name), "Secret")
    for which, template in pods(resources(name)):
        for variable in template["spec"]["containers"][0]["env"]:
            if re.search("PASSWORD|SECRET$|_URL$", variable["name"]) and "value" in variable:
                value = variable["value"]
                assert "$(" in value or "@" not in value, (which, variable["name"])


@pytest.mark.parametrize("name", VALUES)
def test_every_variable_is_a_setting_that_there_is_and_is_set_once(name: str) -> None:
    example = (ROOT / ".env.example").read_text()
    known = {f"{each.model_config['env_prefix']}{field.upper()}" for each in SETTINGS for field in each.model_fields}
    for which, template in pods(resources(name)):
        names = [variable["name"] for variable in template["spec"]["containers"][0]["env"]]
        assert len(names) == len(set(names)), which
        ours = [each for each in names if each.startswith("SEGUE_")]
        assert all(each in known or f"{each}=" in example for each in ours), which


def test_settings_of_a_component_win_over_those_of_all_and_of_the_chart() -> None:
    options = ("--set-string", "env.SEGUE_GATEWAY_LEAVE_S=7", "--set-string", "gateway.env.SEGUE_GATEWAY_LEAVE_S=9")
    for given, value in (((), "5"), (options[:2], "7"), (options, "9")):
        gateway = dict(pods(rendered(*given)))["gateway"]["spec"]["containers"][0]
        assert {"name": "SEGUE_GATEWAY_LEAVE_S", "value": value} in gateway["env"]


def test_what_is_off_is_not_there() -> None:
    bare = rendered("--set", "redis.deploy=false", "--set", "networkPolicy.enabled=false")
    assert {which for which, _ in pods(bare)} == {"gateway", "session", "quality", "history", "memory"}
    assert not of_kind(bare, "NetworkPolicy", "Ingress", "PodMonitor", "PrometheusRule", "ConfigMap")
    assert {which for which, _ in pods(resources("team"))} == {
        *(which for which, _ in pods(bare)),
        "integration",
        "search",
        *OWN,
    }


def test_alerts_and_dashboards_are_those_of_compose() -> None:
    found = resources("team")
    observability = ROOT / "deploy" / "observability"
    (rule,) = of_kind(found, "PrometheusRule").values()
    assert rule["spec"] == yaml.safe_load((observability / "alerts.yaml").read_text())
    (dashboards,) = of_kind(found, "ConfigMap").values()
    there = {f"segue-{path.name}": json.loads(path.read_text()) for path in observability.rglob("dashboards/*.json")}
    assert {name: json.loads(text) for name, text in dashboards["data"].items()} == there
    (monitor,) = of_kind(found, "PodMonitor").values()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    ports = {
        which: {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        for which, template in pods(found)
        if selects(monitor["spec"]["selector"]["matchLabels"], template["metadata"]["labels"])
    }
    assert {which for which, named in ports.items() if endpoint["port"] in named} == set(ports) - OWN


def test_the_notes_say_how_to_go_on() -> None:
    done = helm("install", "segue", CHART, *VALUES["team"], "--dry-run=client")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    assert "python -m services.cli token create ada --scope admin" in notes
    assert "SEGUE_URL=https://segue.example.com/mcp" in notes
    assert notes.count("fit for a trial") == 2
