"""Normalized networks: rates that grow, scales that do not matter, norms that settle."""
