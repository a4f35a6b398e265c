"""Any change that there is, to memories of two users."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.memory.domain.deletion_log import Removing, Undoing
from services.memory.domain.rows import ProjectMove
from services.memory.operations.correct_memories import Correcting
from tests.unit.memory.operations.test_restatements import MARCH, Service, noted, said


async def change_something(service: Service, rng: random.Random, number: int) -> None:
    """Stores, says again, deletes, undeletes, shares, withdraws or moves."""
    user = rng.choice(["ann", "bob"])
    page = await service.store.page(user, 0, 1_000)
    sequence, memory = rng.choice([*page.items()]) if page else (None, None)
    new = replace(
        (noted if rng.random() < 0.5 else said)(f"Text number {number} of {user}", MARCH + timedelta(hours=number)),
        project=rng.choice(["p", "q"]),
        shared=rng.random() < 0.2,
    )
    what = rng.randrange(8)
    if memory is None or sequence is None or what < 3:
        await service.storing.remember(user, [new])
    elif what == 3:
        later = replace(memory, timestamp=memory.timestamp + timedelta(days=number), tags=("again",))
        await service.storing.remember(user, [later])
    elif what == 4:
        await service.storing.remove([sequence], Removing(user))
        if rng.random() < 0.5:
            await service.storing.restore(Undoing(user, (memory.id,), datetime.now(UTC)))
    elif what == 5:
        await service.storing.share(user, memory.id, rng.random() < 0.5)
    elif what == 6:
        await Correcting(service.storing).withdraw(user, memory.id, withdrawn=True)
    else:
        await service.storing.move_project(ProjectMove(user, "q", "p"))
