"""The session service: lifecycle, handoffs, permissions, events."""
