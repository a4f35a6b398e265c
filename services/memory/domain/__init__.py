"""What a memory is, and what the service needs of a store: values and rules, no adapter."""
