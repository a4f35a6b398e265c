"""The HTTP endpoints beside MCP."""
