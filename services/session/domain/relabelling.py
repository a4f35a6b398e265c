"""What another label of a project changes in the records that name it."""

from __future__ import annotations

from dataclasses import replace

from services.session.domain.permissions import Ledger, Place
from services.session.domain.projects import Relabelling


def relabelled_ledger(ledger: Ledger, asked: Relabelling) -> Ledger:
    """The user's rules, tallies and proposals, filed under the other label."""

    def place_after(place: Place) -> Place:
        is_taken = place.project == asked.source and asked.takes(place.root)
        return replace(place, project=asked.target) if is_taken else place

    rules = tuple(replace(each, place=place_after(each.place)) for each in ledger.rules)
    proposals = tuple(
        replace(each, rule=replace(each.rule, place=place_after(each.rule.place))) for each in ledger.proposals
    )
    tallies = tuple(
        replace(each, project=asked.target) if each.project == asked.source and asked.takes(each.root) else each
        for each in ledger.tallies
    )
    return replace(ledger, rules=rules, tallies=tallies, proposals=proposals)
