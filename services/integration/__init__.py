"""The integration service: what happens in Segue, for other programs; and what they report."""
