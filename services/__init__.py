"""Segue: sessions, memory and quality for AI coding agents; one package, one folder per service."""
