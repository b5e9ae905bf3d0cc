"""Information in weights: how many bits of the labels a trained network holds."""
