"""Workflows over several services: init, checkpoint, end. Steps are idempotent by id; failures are reported or kept."""
