"""How much is tried, and by which seed: little and always the same in `make test`, much and anew in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

SCALE_SETTING = "SEGUE_FUZZ_SCALE"
"""Set by `python -m tests.fuzz`: how many times the examples of `make test-all` are tried, from a seed of its own."""
EXAMPLES_SETTING = "SEGUE_TEST_EXAMPLES"
"""`all` in `make test-all`."""
small_share = 4


def is_anew() -> bool:
    """Whether this is `make fuzz`, which tries what nobody has tried before."""
    return SCALE_SETTING in os.environ


def examples(full: int) -> int:
    """How many of these are tried here: all in `make test-all`, a quarter in `make test`."""
    if is_anew():
        return full * int(os.environ[SCALE_SETTING])
    return full if os.environ.get(EXAMPLES_SETTING) == "all" else max(1, full // small_share)


def sequences(full: int, steps: int) -> settings:
    """Settings for a state machine that tries so many sequences of so many steps in `make test-all`."""
    return settings(
        max_examples=examples(full),
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate],  # a shorter example takes minutes to find
    )


def tried(full: int, steps: int = 50) -> settings:
    """Settings for a test that tries so many examples in `make test-all`; of a state machine, each of so many steps."""
    phases = [phase for phase in Phase if is_anew() or phase is not Phase.shrink]  # else a failure is told soon
    return settings(
        max_examples=examples(full),
        derandomize=not is_anew(),
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        stateful_step_count=steps,
    )
