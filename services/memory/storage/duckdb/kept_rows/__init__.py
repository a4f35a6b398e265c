"""Rows that were read are kept until a transaction changes them."""
