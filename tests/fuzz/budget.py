"""How much is tried, and by which seed: little and always the same in `make test`, much and anew in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

SCALE_SETTING = "SEGUE_FUZZ_SCALE"
"""Set by `python -m tests.fuzz`: how many times the examples of `make test` are tried, from a seed of its own."""


def scale() -> int:
    """1 in `make test`."""
    return int(os.environ.get(SCALE_SETTING, "1"))


def tried(examples: int, steps: int = 50) -> settings:
    """Settings for a test that tries so many examples in `make test`; of a state machine, each of so many steps."""
    is_anew = SCALE_SETTING in os.environ
    phases = [phase for phase in Phase if is_anew or phase is not Phase.shrink]  # a failure in `make test` is told soon
    return settings(
        max_examples=examples * scale(),
        derandomize=not is_anew,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        stateful_step_count=steps,
    )
