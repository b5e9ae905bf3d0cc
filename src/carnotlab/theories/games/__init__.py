"""Learning of several players, each with a cost of its own: no function is descended."""
