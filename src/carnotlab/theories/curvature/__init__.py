"""Curvature: which rates it lets descend, and what of it belongs to the function."""
