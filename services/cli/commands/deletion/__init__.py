"""Commands that delete, bring back, and say what was deleted."""
