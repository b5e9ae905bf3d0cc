"""The infinite-width reading: the Gaussian process at the start and the kernel that trains it."""
