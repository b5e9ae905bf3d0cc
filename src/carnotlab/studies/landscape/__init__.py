"""Studies of the landscape of losses between trained networks."""
