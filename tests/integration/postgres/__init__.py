"""A team's Segue on PostgreSQL: its leader killed, its version changed, a day of its users."""
