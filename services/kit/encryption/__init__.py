"""Encryption at rest: the user's key file, a keyring beside the data, and sealing of bytes.

The user's key wraps a random data key, which is stored beside the data: so the user's key can change without rewriting
the data. A key for each purpose is derived from the data key.
"""
