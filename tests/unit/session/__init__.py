"""Unit tests of services/session."""
