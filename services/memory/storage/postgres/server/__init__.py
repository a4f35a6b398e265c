"""The server: connections, transactions, the schema, and who may write."""
