"""Noise in training as a regularizer: what leaving units or weights out does on average."""
