"""Who calls and what they may: credentials, scopes, the user's own rules."""
