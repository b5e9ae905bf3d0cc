"""Compiled kernels of infinitely wide convolutional networks."""

from carnotlab.networks.infinite.engine.convolutional import convolutional_kernels, supports
from carnotlab.networks.infinite.engine.operations import operations

__all__ = ["convolutional_kernels", "operations", "supports"]
