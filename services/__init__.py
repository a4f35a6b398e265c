"""Segue: sessions, memory and quality for AI coding agents; one package, one folder per service."""

__version__ = "0.1.0"
