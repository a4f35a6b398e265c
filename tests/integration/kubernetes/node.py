"""Docker in the place of a node of Kubernetes: it runs the containers of rendered Pods as they are rendered.

What a kubelet does is done here: variables from Secrets and in one another (`$(NAME)`), users and groups, a read-only
root, volumes of the group `fsGroup`, Secrets as links below `..data`, limits, and probes. A Service is an alias on a
network. What is not done: scheduling, network policies, ingress.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.integration.faults import docker
from tests.integration.kubernetes.chart import Resource, of_kind, selects
from tests.patience import PATIENCE_S

HELPER = "debian:trixie-slim"
SIZES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
Secrets = Mapping[str, Mapping[str, str]]
"""By name and key."""


def size_bytes(quantity: str) -> int:
    return int(quantity[:-2]) * SIZES[quantity[-2:]]


class Node:
    """A network, and the containers and volumes on it; a context that removes all of it."""

    def __init__(self, known: Secrets) -> None:
        self.known = known
        self.name = f"segue-node-{secrets.token_hex(3)}"
        self._containers: list[str] = []
        self._volumes: set[str] = set()
        self._home = Path(tempfile.mkdtemp(prefix=self.name))
        self._home.chmod(0o755)

    def __enter__(self) -> Self:
        docker("network", "create", self.name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._containers:
            with suppress(AssertionError):
                docker("rm", "--force", "--volumes", name)
        for name in self._volumes:
            docker("volume", "rm", "--force", name)
        docker("network", "rm", self.name)
        shutil.rmtree(self._home)

    def run(self, resources: Sequence[Resource], component: str, mark: str = "") -> RunningPod:
        """Starts one Pod of the component; `mark` tells it from another one's."""
        workloads = of_kind(resources, "Deployment", "StatefulSet").values()
        (workload,) = (
            each for each in workloads if each["metadata"]["labels"]["app.kubernetes.io/component"] == component
        )
        template = workload["spec"]["template"]
        (container,) = template["spec"]["containers"]
        services = of_kind(resources, "Service")
        labels = template["metadata"]["labels"]
        aliases = [name for name, each in services.items() if selects(each["spec"]["selector"], labels)]
        name = f"{self.name}-{component}-{mark}".strip("-")
        options = [
            *("--detach", "--name", name, "--hostname", workload["metadata"]["name"] + "-0", "--network", self.name),
            *(part for alias in aliases for part in ("--network-alias", alias)),
            *self._confinement(template["spec"], container),
            *(f"--env={key}={value}" for key, value in self._environment(container).items()),
            *self._mounts(workload, container),
            *(f"--publish=127.0.0.1::{port['containerPort']}" for port in container["ports"]),
        ]
        command = [*container.get("command", ()), *container.get("args", ())]
        if "command" in container:
            options.append(f"--entrypoint={command.pop(0)}")
        self._containers.append(name)
        docker("run", *options, container["image"], *command)
        return RunningPod(name, container)

    def _confinement(self, pod: Resource, container: Resource) -> list[str]:
        of_pod, own = pod["securityContext"], container["securityContext"]
        options = [f"--user={of_pod['runAsUser']}:{of_pod['runAsGroup']}", f"--group-add={of_pod['fsGroup']}"]
        options += ["--read-only"] if own["readOnlyRootFilesystem"] else []
        options += [] if own["allowPrivilegeEscalation"] else ["--security-opt=no-new-privileges:true"]
        options += [f"--cap-drop={each}" for each in own["capabilities"]["drop"]]
        return [*options, f"--memory={size_bytes(container['resources']['limits']['memory'])}"]

    def _environment(self, container: Resource) -> dict[str, str]:
        """Of what is defined before it, a value may have `$(NAME)`."""
        found: dict[str, str] = {}
        for variable in container["env"]:
            value = variable.get("value", "")
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                value = self.known[reference["name"]][reference["key"]]
            found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found.get(match[1], match[0]), value)
        return found

    def _mounts(self, workload: Resource, container: Resource) -> list[str]:
        pod = workload["spec"]["template"]["spec"]
        group = pod["securityContext"]["fsGroup"]
        volumes = {each["name"]: each for each in pod["volumes"]}
        options = []
        for mount in container["volumeMounts"]:
            place, volume = mount["mountPath"], volumes.get(mount["name"])
            if volume is None:
                claim = self._claim(f"{self.name}-{mount['name']}-{workload['metadata']['name']}", group)
                options.append(f"--mount=type=volume,src={claim},dst={place},volume-nocopy")
            elif "emptyDir" in volume:
                size = size_bytes(volume["emptyDir"]["sizeLimit"])
                options.append(f"--tmpfs={place}:size={size},mode=2777,gid={group}")
            else:
                directory = self._secret(volume["secret"], group)
                options.append(f"--mount=type=bind,src={directory},dst={place},readonly")
        return options

    def _claim(self, name: str, group: int) -> str:
        """A volume as a claim's: its directory is root's, and the group may write."""
        if name not in self._volumes:
            self._volumes.add(name)
            docker("volume", "create", name)
            own = f"chown 0:{group} /v && chmod 2775 /v"
            docker("run", "--rm", f"--mount=type=volume,src={name},dst=/v", HELPER, "sh", "-c", own)
        return name

    def _secret(self, secret: Resource, group: int) -> Path:
        directory = Path(tempfile.mkdtemp(dir=self._home))
        inside = directory / "..2026"
        inside.mkdir()
        (directory / "..data").symlink_to(inside.name)
        for item in secret["items"]:
            path = inside / item["path"]
            path.write_text(self.known[secret["secretName"]][item["key"]])
            path.chmod(secret["defaultMode"])
            shutil.chown(path, 0, group)
            (directory / item["path"]).symlink_to(f"..data/{item['path']}")
        directory.chmod(0o755)
        inside.chmod(0o755)
        return directory


class RunningPod:
    """A container that runs, with the probes that were rendered for it."""

    def __init__(self, name: str, container: Resource) -> None:
        self.name = name
        self._rendered = container

    def port(self, number: int) -> int:
        """Where the port is on this machine."""
        return int(docker("port", self.name, str(number)).splitlines()[0].rpartition(":")[2])

    def exec(self, *command: str) -> str:
        return docker("exec", self.name, *command)

    def is_green(self, probe: str) -> bool:
        """Whether the probe succeeds now."""
        rendered = self._rendered[probe]
        if "exec" in rendered:
            with suppress(AssertionError):
                self.exec(*rendered["exec"]["command"])
                return True
            return False
        if "httpGet" in rendered:
            return self._answers(rendered["httpGet"])
        if "grpc" in rendered:
            return self._serves(**rendered["grpc"])
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._numbered(rendered["tcpSocket"])), 5):
            return True
        return False

    def _numbered(self, asked: Mapping[str, Any]) -> int:
        ports = {each["name"]: each["containerPort"] for each in self._rendered["ports"]}
        return self.port(ports.get(asked["port"], asked["port"]))

    def _answers(self, asked: Mapping[str, Any]) -> bool:
        connection = HTTPConnection("127.0.0.1", self._numbered(asked), timeout=5)
        headers = {each["name"]: each["value"] for each in asked.get("httpHeaders", ())}
        with suppress(OSError, HTTPException):
            connection.request("GET", asked["path"], headers=headers)
            return 200 <= connection.getresponse().status < 400
        return False

    def _serves(self, port: int, service: str = "") -> bool:
        with suppress(grpc.RpcError), grpc.insecure_channel(f"127.0.0.1:{self.port(port)}") as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=5
            )
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
        return False

    def wait_until_green(self) -> None:
        """As a kubelet does it: started, then alive and ready. AssertionError with the log where that never is."""
        deadline = time.monotonic() + PATIENCE_S
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            while True:
                state = json.loads(docker("inspect", "--format", "{{json .State}}", self.name))
                said = f"{probe} of {self.name}: {state}\n{self.logs()}"
                assert state["Running"], said
                if self.is_green(probe):
                    break
                assert time.monotonic() < deadline, said
                time.sleep(0.5)  # another process is waited for

    def logs(self) -> str:
        """The end of what it wrote."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr)[-4000:]
