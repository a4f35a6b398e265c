"""Search: from a query to an ordered list of memories."""
