"""Unit tests of services/memory."""
