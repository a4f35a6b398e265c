"""Which addresses a webhook may be sent to: those of the public internet, unless the settings allow others."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_translated = ipaddress.ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, also where it holds an IPv4 address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_global and not each.is_multicast for each in _meant(address))


def _meant(address: Address) -> Sequence[Address]:
    """The address, and those of IPv4 within it."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    within = [each for each in (address.sixtofour, *(address.teredo or ())) if each]
    if address in _translated:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address, *within)


def allowed_addresses(resolved: Sequence[str], *, private: bool) -> list[str]:
    """Those of a name's addresses that may be called; none if one of them may not: such a name is not to be trusted."""
    if private:
        return list(resolved)
    return list(resolved) if all(is_public(each) for each in resolved) else []
