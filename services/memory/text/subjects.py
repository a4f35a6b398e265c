"""Whether a query has a subject of its own, or only asks what there was, as in `what did we do`."""

from __future__ import annotations

from services.memory.text.terms import STOP_WORDS, query_terms

_OF_ANYTHING = """
anything change changed changes conversation conversations did discuss discussed do done everything get give
go going got happen happened happening happens know list memories memory new notes please progress recall
recap remember remembered say saying session sessions show something status stuff summarise summarize summary
talk talked talking tell thing things told us went work worked working
"""
_WITHOUT_SUBJECT = frozenset(query_terms(_OF_ANYTHING)) | frozenset(query_terms(" ".join(sorted(STOP_WORDS))))


def has_subject(query: str) -> bool:
    """Whether some word says what it is about."""
    return not _WITHOUT_SUBJECT.issuperset(query_terms(query))
