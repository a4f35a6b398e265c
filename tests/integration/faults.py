"""What can happen to a container: it crashes, freezes, is restarted, or is cut off the network."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

from tests.integration.stack import ComposeStack


def docker(*arguments: str) -> str:
    """The output of a docker command."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


class Container:
    """One container of a stack."""

    def __init__(self, stack: ComposeStack, name: str) -> None:
        self.name = name
        self.service = name.removeprefix(f"{stack.name}-").rpartition("-")[0]
        self._networks = docker(
            "inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", name
        ).split()

    def crash(self) -> None:
        """All its processes at once, as by a lack of memory; Docker starts it again. `docker kill` would not."""
        command = ["docker", "exec", self.name, "sh", "-c", "kill -9 -1"]
        subprocess.run(command, capture_output=True, check=False)  # its own shell dies as well

    def pause(self) -> None:
        docker("pause", self.name)

    def unpause(self) -> None:
        docker("unpause", self.name)

    def restart(self) -> None:
        docker("restart", self.name)

    def cut(self) -> None:
        """Off all networks, without a goodbye to anybody."""
        for network in self._networks:
            docker("network", "disconnect", network, self.name)

    def restore(self) -> None:
        """Back on them, under the name of its service."""
        for network in self._networks:
            docker("network", "connect", "--alias", self.service, network, self.name)

    def nothing(self) -> None:
        """For faults that end by themselves."""


def containers(stack: ComposeStack, service: str) -> Sequence[Container]:
    """Those of a service, by number."""
    names = stack.compose("ps", "--all", "--format", "{{.Name}}", service).split()
    return [Container(stack, name) for name in sorted(names)]


FAULTS: Mapping[str, tuple[Callable[[Container], None], Callable[[Container], None]]] = {
    "kill": (Container.crash, Container.nothing),
    "restart": (Container.restart, Container.nothing),
    "pause": (Container.pause, Container.unpause),
    "cut": (Container.cut, Container.restore),
}
"""What begins the fault, and what ends it."""
