"""Sessions, handoffs, permissions and tokens: values and rules, no adapter."""
