"""Writing the memory databases anew with another key, or none."""
