"""Studies of networks whose width goes to infinity."""
