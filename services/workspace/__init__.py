"""Inspects a working directory, and makes safe changes to it.

Standard library only: `segue connect` and `segue hook` import it too. Plain blocking functions; callers with an event
loop use a thread. Nothing here runs a program that the repository contains.
"""
