"""The settings of MCP clients: reading, changing and restoring them."""
