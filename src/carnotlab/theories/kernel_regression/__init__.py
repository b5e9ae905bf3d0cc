"""Regression with a given kernel: linear solvers, Gaussian posteriors, leave-one-out."""
