"""Regression, features and kernels where samples and parameters are many in a fixed ratio."""
