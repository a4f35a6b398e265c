"""The session service's operations: session lifecycle, permission decisions, events, backup."""
