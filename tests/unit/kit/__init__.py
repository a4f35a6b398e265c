"""Unit tests of services/kit."""
