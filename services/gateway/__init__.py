"""The MCP endpoint: identity, limits, tools. Owns no state."""
