"""Unit tests of services/workspace."""
