"""Imports the gateway without what few of its calls need: the schemas of hundreds of models of FastMCP and MCP."""

from __future__ import annotations

from importlib import import_module

from pydantic import BaseModel, ConfigDict


def import_gateway() -> None:
    """Imports `services.gateway.app`. Models that are defined meanwhile are built when they are first used."""
    usual = BaseModel.model_config
    BaseModel.model_config = usual | ConfigDict(defer_build=True)
    try:
        import_module("services.gateway.app")
    finally:
        BaseModel.model_config = usual
