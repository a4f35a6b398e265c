"""Whether others than this machine can reach the gateway; if so, it must know who calls."""

from __future__ import annotations

from ipaddress import ip_address

from services.gateway.config import GatewaySettings
from services.kit.errors import NotReady


def refuse_exposure(settings: GatewaySettings) -> None:
    """NotReady for a gateway that would answer the network without asking who calls."""
    address = settings.published_on or settings.host
    if settings.auth == "none" and not is_loopback(address):
        raise NotReady(
            f"A gateway on {address} can be reached from other machines and would let anybody in.",
            "Set SEGUE_GATEWAY_AUTH=tokens and make a token with `segue token create NAME --scope admin`,",
            "or listen on 127.0.0.1.",
        )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it; what is no address is taken for one that others can."""
    try:
        return address == "localhost" or ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
