"""Learning in deep linear networks, whose trajectories are exactly solvable."""
