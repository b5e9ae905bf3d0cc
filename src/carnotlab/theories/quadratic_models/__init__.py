"""Quadratic models with noise: risk of any schedule, noise scales, stationary states."""
