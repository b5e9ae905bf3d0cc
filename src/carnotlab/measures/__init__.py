"""Functions of a network's state: losses, spectra, curvature, kernels, similarity."""
