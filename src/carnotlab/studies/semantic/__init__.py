"""Studies of the growth of knowledge about items and their features."""
