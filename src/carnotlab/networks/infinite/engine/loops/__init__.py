"""Compiled loops: from tables of numbers and images to both kernels."""
