"""What only a person decides takes a terminal, and nobody types for them."""

from __future__ import annotations

import pytest

from services.cli import person


@pytest.mark.parametrize("agent", person.AGENT_SHELLS)
def test_in_a_shell_of_an_agent_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, agent: str) -> None:
    monkeypatch.setenv(agent, "1")
    with pytest.raises(person.NobodyThere, match=agent):
        person.confirm_by_person("This allows all.")
