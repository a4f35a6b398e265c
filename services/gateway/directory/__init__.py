"""The working directory of a call: seen here, or reported by the client."""
