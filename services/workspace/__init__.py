"""What can be learned from, and safely done to, a working directory.

Standard library only: `segue connect` and `segue hook` import it too. Plain functions that block; callers that have a
loop use a thread. Nothing here runs a program that the repository brings.
"""
