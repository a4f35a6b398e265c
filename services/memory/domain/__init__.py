"""The memory domain: values, rules and the Protocol of the store. No adapters."""
