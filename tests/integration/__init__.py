"""Whole processes through their public doors."""
