"""The settings of MCP clients: read, changed in their own text, and given back."""
