"""A working day of many users in minutes: how long calls take, and whether anything was lost in kills."""
