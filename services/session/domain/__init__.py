"""Sessions, handoffs, permissions and tokens: values and rules, without adapters."""
