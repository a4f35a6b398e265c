"""The working directory of a call: visible to the gateway, or reported by the client."""
