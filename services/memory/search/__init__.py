"""From a query to an ordered list of memories."""
