"""Connection options of channels and servers: load balancing, keepalive, retries.

A target `dns:///name:port` may have several replicas, as `ipv4:host:port,host:port` has. Calls are balanced over all
that are serving, in turn or by user; the name is resolved again whenever a connection ends, and servers end connections
after a while, so that new replicas get calls.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

Options: TypeAlias = Sequence[tuple[str, Any]]
Balancing: TypeAlias = Literal["ring_hash", "round_robin"]
"""How calls go to replicas: each user's to one, as long as it serves; or to each in turn."""

USER_KEY = "segue-user"
"""The metadata that carries the caller's identity."""
_several = ("dns:", "ipv4:", "ipv6:")
"""How targets begin that may have several replicas."""
_ring_by_header = "GRPC_EXPERIMENTAL_RING_HASH_SET_REQUEST_HASH_KEY"
"""The variable by which gRPC takes the place on the ring from a header."""
IN_PROCESS = "in-process:"
"""How the address of a server begins that is called from its own process alone."""
message_max_bytes = 16 * 1024 * 1024
reconnect_max_ms, resolve_again_ms = 1_000, 1_000
keepalive_ms, keepalive_timeout_ms = 2_000, 4_000
"""A peer that is cut off or frozen is given up after these two: its calls fail, and may be retried elsewhere."""
connection_age_max_ms = 30_000
tries_max = 3
first_backoff_s = 0.1
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""The status of a call whose connection was lost, or that reached a server which was shutting down."""
_sizes = [
    ("grpc.max_receive_message_length", message_max_bytes),
    ("grpc.max_send_message_length", message_max_bytes),
]


def is_local(address: str) -> bool:
    """Whether an address can be reached by this user's own processes alone, so that its calls need neither a secret
    nor keeping alive."""
    return address.startswith(("unix:", IN_PROCESS))


def channel_options(target: str, *services: ServiceDescriptor, balancing: Balancing = "round_robin") -> Options:
    """Options of a channel to `target`; lost calls of `services` are retried if their descriptors say they may be."""
    if balancing == "ring_hash":
        os.environ.setdefault(_ring_by_header, "true")  # read where a channel is made
    options = [
        *_sizes,
        ("grpc.default_authority", "segue"),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", reconnect_max_ms),
        ("grpc.service_config", json.dumps(_service_config(target, services, balancing))),
    ]
    if not is_local(target):
        options += [
            ("grpc.dns_min_time_between_resolutions_ms", resolve_again_ms),
            ("grpc.keepalive_time_ms", keepalive_ms),
            ("grpc.keepalive_timeout_ms", keepalive_timeout_ms),
            ("grpc.http2.ping_timeout_ms", keepalive_timeout_ms),  # gRPC waits for this one: a minute by default
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    return options


def server_options(address: str) -> Options:
    """Options of a server on `address`."""
    if is_local(address):
        return _sizes
    return [
        *_sizes,
        ("grpc.max_connection_age_ms", connection_age_max_ms),
        ("grpc.http2.min_ping_interval_without_data_ms", keepalive_ms // 2),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_time_ms", keepalive_ms),
        ("grpc.keepalive_timeout_ms", keepalive_timeout_ms),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def _service_config(target: str, services: Sequence[ServiceDescriptor], balancing: Balancing) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if target.startswith(_several):
        by_user = [{"ring_hash_experimental": {"requestHashHeader": USER_KEY}}] if balancing == "ring_hash" else []
        config["loadBalancingConfig"] = [*by_user, {"round_robin": {}}]  # the first one that this gRPC knows
        config["healthCheckConfig"] = {"serviceName": ""}
    if names := [{"service": service, "method": name} for service, name in repeatable_methods(services)]:
        policy = {
            "maxAttempts": tries_max,
            "initialBackoff": f"{first_backoff_s}s",
            "maxBackoff": "0.5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": [status.name for status in LOST],
        }
        config["methodConfig"] = [{"name": names, "retryPolicy": policy}]
    return config


def repeatable_methods(services: Sequence[ServiceDescriptor]) -> list[tuple[str, str]]:
    """Service and name of the methods whose `idempotency_level` says that repeating them has no further effect."""
    return [
        (service.full_name, method.name)
        for service in services
        for method in service.methods
        if method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
    ]
