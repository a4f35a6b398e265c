"""Slots, a memory's numbers in the index: arrays that grow, and sets of slots."""
