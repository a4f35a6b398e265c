"""Search quality, speed and memory."""
