"""The log of events, the places that sinks have reached in it, and the intakes, in SQLite."""
