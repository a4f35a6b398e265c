"""Detects near duplicates, texts of nearly the same words, by short fingerprints of their terms.

SimHash: Charikar, Similarity Estimation Techniques from Rounding Algorithms (STOC 2002); three bits of 64 as the limit:
Manku, Jain and Das Sarma, Detecting Near-Duplicates for Web Crawling (WWW 2007).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Likeness = NDArray[np.uint64]

bits_apart_max = 3
number_weight = 4
"""The weight of a term with a digit: a text with another port or version says something else."""
compared_max = 200
"""The number of top results searched for near duplicates."""
_block = 4096
"""Terms summed at a time: 64 numbers each."""


def likeness(terms: Sequence[str]) -> int:
    """64 bits that differ in few places for texts of nearly the same terms; 0 for a text without terms."""
    said = sorted(set(terms))
    if not said:
        return 0
    sums = np.zeros(64, np.int64)
    for first in range(0, len(said), _block):
        sums += _bit_sums(said[first : first + _block])
    return int(np.packbits(sums > 0).view(np.uint64)[0])


def _bit_sums(terms: Sequence[str]) -> NDArray[np.int64]:
    """For each bit, the weights of the terms that have it minus the weights of those that do not."""
    hashes = np.array([_hash(term) for term in terms], np.uint64)
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1).astype(np.int32)
    weights = [number_weight if _has_digit(term) else 1 for term in terms]
    return np.asarray(np.array(weights, np.int32) @ (2 * bits - 1), np.int64)


def _has_digit(term: str) -> bool:
    return any(character.isdigit() for character in term)


@lru_cache(maxsize=65_536)
def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def shown_once(likenesses: Likeness) -> NDArray[np.bool_]:
    """Which results to show of a list, best first: only the first of near duplicates."""
    head = likenesses[:compared_max]
    apart = np.bitwise_count(head[:, None] ^ head[None, :])
    twins = np.tril(apart <= bits_apart_max, -1) & (head != 0)[:, None]
    shown = np.ones(len(likenesses), np.bool_)
    for place in np.flatnonzero(twins.any(axis=1)):
        shown[place] = not shown[:place][twins[place, :place]].any()
    return shown
