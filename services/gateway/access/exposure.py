"""Refuses to start a gateway that other machines can reach but that does not authenticate callers."""

from __future__ import annotations

from ipaddress import ip_address

from services.gateway.config import GatewaySettings
from services.kit.errors import NotReady


def refuse_exposure(settings: GatewaySettings) -> None:
    """Raises NotReady for a gateway that would answer the network without authenticating callers."""
    address = settings.published_on or settings.host
    if settings.auth == "none" and not is_loopback(address):
        raise NotReady(
            f"A gateway on {address} can be reached from other machines and would let anybody in.",
            "Set SEGUE_GATEWAY_AUTH=tokens and make a token with `segue token create NAME --scope admin`,",
            "or listen on 127.0.0.1.",
        )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach the address; anything that is not an IP address counts as reachable."""
    try:
        return address == "localhost" or ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
