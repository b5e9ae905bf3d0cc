"""Studies of the information that weights hold about labels."""
