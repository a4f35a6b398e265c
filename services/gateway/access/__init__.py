"""Who is calling and what they may do: credentials, scopes, and the user's own rules."""
