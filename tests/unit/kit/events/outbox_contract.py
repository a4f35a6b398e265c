"""What every outbox does, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.kit.events.outbox import Outbox

Write = Callable[[int], Awaitable[None]]
"""Makes the change with this number, which tells one event."""

events_max = 300


async def taken_events(outbox: Outbox, most: int = 500) -> list[tuple[int, str]]:
    return [(number, event.id) for number, event in (await outbox.take(most)).events]


async def check_outbox(outbox: Outbox, write: Write) -> None:
    """For an outbox without events that keeps `events_max`."""
    assert not (await outbox.take(10)).events
    for number in range(1, 6):
        await write(number)
    first = await taken_events(outbox, 3)
    assert [number for number, _ in first] == [1, 2, 3]
    assert await taken_events(outbox, 3) == first, "the same ones again until they are settled"
    await outbox.settle(2)
    await outbox.settle(1)  # late: changes nothing
    assert [number for number, _ in await taken_events(outbox)] == [3, 4, 5]
    assert len({name for _, name in await taken_events(outbox)}) == 3
    await outbox.settle(5)
    await outbox.settle(1000)  # of a store that this one was restored over
    assert not await taken_events(outbox)
    await write(6)
    assert await taken_events(outbox) == [(6, (await taken_events(outbox))[0][1])], "numbers are never used twice"
    assert (await outbox.take(10)).dropped == 0
    for number in range(7, 1001):
        await write(number)
    taken = await outbox.take(1)
    assert taken.dropped == taken.events[0][0] - 6, "what is missing is counted"
    assert events_max <= 1000 - taken.events[0][0] + 1 <= events_max + 200
    await outbox.settle(taken.events[0][0])
    assert (await outbox.take(1)).dropped == 0, "and counted once"
