"""Memories as attractors of a network, and how many patterns it can hold or separate."""
