"""The team's containers as what is simulated on: PostgreSQL behind PgBouncer, Redis, two gateways; needs Docker."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Self

from tests.integration.compose.test_load import _memory_mib
from tests.integration.compose.test_team import STAND_IN, container
from tests.integration.faults import docker
from tests.integration.stack import ComposeStack
from tests.patience import until
from tests.simulate.day import Kill
from tests.simulate.subjects import SETTINGS, is_ready


class Compose:
    """`docker compose up` of the team's profile; its users begin with nothing."""

    def __init__(self) -> None:
        self._stack = ComposeStack(scale={"gateway": 2}, settings={**STAND_IN, **SETTINGS})

    @property
    def url(self) -> str:
        return self._stack.url

    @property
    def kills(self) -> Sequence[Kill]:
        return [
            Kill("memory", 0.4, lambda: self._kill("memory")),
            Kill("postgres", 0.6, lambda: self._kill("postgres")),
            Kill("redis", 0.8, lambda: self._kill("redis")),
        ]

    def _kill(self, service: str) -> None:
        docker("kill", container(self._stack, service))
        docker("start", container(self._stack, service))
        until(lambda: is_ready(self.url))

    def admin_token(self) -> str:
        words = ("python", "-m", "services.cli", "token", "create", "admin", "--scope", "admin")
        token: str = re.findall(r"segue_\w+", self._stack.compose("exec", "-T", "session", *words))[0]
        return token

    def memory_mib(self) -> Mapping[str, float]:
        return _memory_mib(self._stack)

    def processor_s(self) -> Mapping[str, float]:
        return {}  # of its processes only Docker knows

    def __enter__(self) -> Self:
        self._stack.__enter__()
        until(lambda: is_ready(self.url))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.__exit__()
