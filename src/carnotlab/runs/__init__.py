"""Carrying out runs: prediction, training and checks of one arm, kept in a content-keyed store."""
