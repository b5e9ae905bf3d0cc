"""Infinitely wide networks as scikit-learn estimators and kernels."""
