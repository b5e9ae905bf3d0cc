"""Carnot runs the theory of deep learning against real networks."""
