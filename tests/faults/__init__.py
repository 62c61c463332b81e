"""Faults: real processes, killed and cut off under load, and a count of what came through."""
