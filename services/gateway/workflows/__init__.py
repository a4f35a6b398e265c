"""What takes several services: init, checkpoint and end. Steps are idempotent by id; what failed is told or owed."""
