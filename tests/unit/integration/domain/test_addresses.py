"""Webhooks go to the public internet, whatever an address looks like."""

from __future__ import annotations

import pytest

from services.integration.domain.addresses import allowed_addresses, is_public

PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
    *("255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1", "localhost", ""),
)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_none_for_webhooks(address: str) -> None:
    assert not is_public(address)
    assert allowed_addresses([address], private=False) == []
    assert allowed_addresses([address], private=True) == [address]


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_a_public_one_is(address: str) -> None:
    assert is_public(address)


def test_a_name_that_also_means_a_private_address_is_not_called_at_all() -> None:
    assert allowed_addresses(["1.1.1.1", "127.0.0.1"], private=False) == []
    assert allowed_addresses([], private=False) == []
