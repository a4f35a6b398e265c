"""What is known to fail and waits for its fix elsewhere: excluded here, in one place, and from nothing else.

Whoever merges the fix takes the name out of `KNOWN`; the fuzzers then try it like everything else.
"""

from __future__ import annotations

CONTRACTION = "a stand-alone n't"
BLANK_LINES = "thousands of blank lines"
NULLS = "null for an argument that may be left out"
SURROGATES_IN_TOOLS = "half a surrogate in the arguments of a tool"
MALFORMED_BODIES = "half a surrogate, or a value of another kind, in the body of an endpoint other than the hooks'"
LAST_YEAR = "the last year of the calendar"
HUGE_LIMITS = "max_tokens that 32 bits do not hold"
BAD_LINE_IN_BATCH = "a line of a batch that the memory service refuses"
OUTER_SPACE_IN_NAMES = "white space around a name"
END_OF_LONG_TEXTS = "words beyond the first 20,000 of a text"

KNOWN: frozenset[str] = frozenset()


def is_known(name: str) -> bool:
    """Whether that is not to be tried yet."""
    return name in KNOWN
