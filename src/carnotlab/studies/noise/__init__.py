"""Studies of noise in training as a regularizer."""
