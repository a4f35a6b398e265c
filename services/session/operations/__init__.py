"""What the session service does: the life of sessions, decisions on permissions, events, backup."""
