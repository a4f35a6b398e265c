"""What a team's memories in PostgreSQL cost."""
