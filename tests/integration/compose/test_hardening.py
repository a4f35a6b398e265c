"""What compose says of every container, and what is so of those that run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.integration.faults import Container, containers, docker
from tests.integration.stack import ComposeStack

pytestmark = pytest.mark.containers

drain_max_s = 20


@cache
def rendered() -> dict[str, Any]:
    """The configuration with all profiles, as a clean clone has it: only this test's own port and version are set."""
    return dict(json.loads(ComposeStack().compose("--profile", "*", "config", "--format", "json")))


def services() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from rendered()["services"].items()


def test_every_service_is_hardened() -> None:
    for name, service in services():
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["read_only"] is True, name
        assert not service.get("privileged"), name
        assert int(service["user"].split(":")[0]) > 0, name
        assert service["init"] is True, name


def test_every_service_has_its_limits() -> None:
    for name, service in services():
        assert int(service["mem_limit"]) <= 2 * 2**30, name
        assert 0 < service["pids_limit"] <= 512, name
        for each in service.get("tmpfs", []):
            assert "size=" in each, name
            assert "noexec" in each, name
        assert service["logging"]["options"].keys() >= {"max-size", "max-file"}, name
        assert _seconds(service["stop_grace_period"]) > drain_max_s, name
        assert service["restart"] == "unless-stopped", name


def test_compose_waits_for_every_service_to_be_healthy() -> None:
    for name, service in services():
        if not service.get("profiles"):
            assert service["healthcheck"]["test"], name


def test_only_the_entry_is_published_and_on_this_machine_alone() -> None:
    for name, service in services():
        published = service.get("ports", [])
        if not service.get("profiles"):
            assert bool(published) == (name == "entry"), name
        assert all(port["host_ip"] == "127.0.0.1" for port in published), name


def test_what_needs_no_way_out_has_none() -> None:
    assert rendered()["networks"]["inside"]["internal"] is True
    for name in ("session", "memory", "quality", "history", "redis"):
        assert list(rendered()["services"][name]["networks"]) == ["inside"], name
    assert list(rendered()["services"]["entry"]["networks"]) == ["edge"]


def test_without_a_workspace_no_service_sees_the_machine() -> None:
    for name, service in services():
        if not service.get("profiles"):
            kinds = {volume["type"] for volume in service.get("volumes", [])}
            assert kinds <= {"volume"}, name


def test_a_workspace_is_seen_at_its_own_path_and_cannot_be_written() -> None:
    stack = ComposeStack(settings={"SEGUE_WORKSPACE": "/srv/projects"})
    config = json.loads(stack.compose("config", "--format", "json"))
    for name, service in config["services"].items():
        seen = [volume for volume in service.get("volumes", []) if volume["type"] == "bind"]
        assert [each["target"] for each in seen] == (["/srv/projects"] if name in {"gateway", "quality"} else []), name
        assert all(each["source"] == "/srv/projects" and each["read_only"] for each in seen), name


def test_what_runs_is_as_hardened_as_it_is_written(team: ComposeStack) -> None:
    for name in rendered()["services"]:
        if rendered()["services"][name].get("profiles"):
            continue
        for container in containers(team, name):
            _check_running(container)


def _check_running(container: Container) -> None:
    inspected = json.loads(docker("inspect", container.name))[0]
    host = inspected["HostConfig"]
    assert host["ReadonlyRootfs"], container.name
    assert host["CapDrop"] == ["ALL"], container.name
    assert not host["CapAdd"], container.name
    assert host["Memory"] > 0 < host["PidsLimit"], container.name
    assert host["LogConfig"]["Config"]["max-size"], container.name
    assert bool(host["PortBindings"]) == (container.service == "entry"), container.name
    status = docker("exec", container.name, "sh", "-c", "id -u; cat /proc/1/status; touch /opt/x 2>&1 || true")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(status.splitlines()[0]) > 0, container.name
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0, container.name
    assert fields["NoNewPrivs"] == "1", container.name
    assert "Read-only file system" in status, container.name


def _seconds(text: str) -> float:
    minutes, _, seconds = text.rpartition("m")
    return 60 * float(minutes or 0) + float(seconds.removesuffix("s"))


@pytest.mark.parametrize("service", ["memory", "history"])
def test_a_second_one_on_the_same_volume_says_why_it_does_not_start(team: ComposeStack, service: str) -> None:
    done = team.attempted("run", "--rm", "--no-deps", "--no-TTY", service)
    assert done.returncode != 0
    assert "another process" in done.stdout + done.stderr
