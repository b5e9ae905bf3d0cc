"""Studies of what is learned one after the other."""
