"""What a removed memory replaced stays replaced, where something replaces that one: the last of a chain holds alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from services.kit.errors import LimitExceeded, NotFound
from services.memory.domain.corrections import Replacement
from services.memory.domain.store import MemoryStore


async def bequeath(store: MemoryStore, removed: Collection[int]) -> None:
    """Lets what replaces those that are about to be removed replace what they did, where that is out of force."""
    going = set(removed)
    every = (await store.corrections()).replacements
    if not any(each.by in going for each in every):
        return
    held = await _in_effect(store, every, going)
    heirs = defaultdict(list)
    for replaced, each in held:
        heirs[replaced].append(each)
    for replaced, each in held:
        for heir in _staying(each.by, heirs, going) if each.by in going else ():
            if heir.by != replaced:
                with suppress(NotFound, LimitExceeded):  # it went just now, or replaces as many as may be
                    await store.set_replaced(heir.by, each.id, heir.at)


async def _in_effect(
    store: MemoryStore, every: Sequence[Replacement], going: Collection[int]
) -> list[tuple[int, Replacement]]:
    """The replacements by those that go, and of them, each with the sequence of what it replaces; without what was said
    again since."""
    sequences = await store.sequences_of(list({each.key for each in every}))
    stored = [(sequences[each.key], each) for each in every if each.key in sequences]
    concerned = [(replaced, each) for replaced, each in stored if each.by in going or replaced in going]
    said: dict[int, datetime] = {}
    for user in {each.user for _, each in concerned}:
        own = sorted({replaced for replaced, each in concerned if each.user == user})
        said |= {sequence: memory.timestamp for sequence, memory in (await store.visible(user, own)).items()}
    return [(replaced, each) for replaced, each in concerned if replaced in said and said[replaced] <= each.at]


def _staying(removed: int, heirs: Mapping[int, Sequence[Replacement]], going: Collection[int]) -> Iterator[Replacement]:
    """What replaces a removed memory and stays, also by way of others that are removed."""
    seen, left = {removed}, [removed]
    while left:
        for each in heirs.get(left.pop(), ()):
            if each.by not in going:
                yield each
            elif each.by not in seen:
                seen.add(each.by)
                left.append(each.by)
