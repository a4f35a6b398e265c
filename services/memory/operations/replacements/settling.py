"""What a user says of two memories: that the one replaces the other, that both hold, or neither yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from services.kit.errors import Conflict, InvalidInput
from services.memory.operations.correct_memories import Correcting
from services.memory.operations.replacements.kept_pairs import KeptPairs


class Verdict(Enum):
    """Of a newer and an older memory."""

    OPEN = auto()
    REPLACED = auto()
    BOTH_HOLD = auto()


@dataclass(frozen=True, slots=True)
class Settling:
    """Changes the user's own memories alone."""

    correcting: Correcting
    kept: KeptPairs

    async def settle(self, user: str, newer: str, older: str, verdict: Verdict) -> None:
        """Takes the place of what was said of the pair before; may be repeated.

        Conflict if the newer one shall replace the other, and is not in force itself.
        """
        if newer == older:
            raise InvalidInput("These are one memory.")
        (_, one), (_, other) = await self.correcting.own(user, newer), await self.correcting.own(user, older)
        if verdict is Verdict.REPLACED and one.out_of_force:
            raise Conflict("The newer of the two is no longer in force itself.", "Look at both again.")
        if verdict is Verdict.BOTH_HOLD and (one.out_of_force or other.out_of_force):
            raise Conflict("One of the two is no longer in force.", "Look at both again.")
        await self.kept.set(user, newer, older, both_hold=verdict is Verdict.BOTH_HOLD)
        await self.correcting.set_replaced(user, newer, older, replaced=verdict is Verdict.REPLACED)
