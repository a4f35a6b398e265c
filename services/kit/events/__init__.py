"""Events for other programs: their types, and the outboxes in which services leave them."""
