"""Fuzzing that stays: a state machine on the whole public door, and mutations of whatever Segue reads.

`make test` runs it small and always alike, `make fuzz` for an hour and each time anew.
"""
