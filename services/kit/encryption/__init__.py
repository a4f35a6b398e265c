"""Encryption at rest: a key file of the user's, a keyring beside the data, and what seals and opens bytes.

The user's key wraps a random data key, and the wrapped one lies beside the data: so the user's key is changed without
writing the data anew. From the data key a key for each purpose is derived.
"""
