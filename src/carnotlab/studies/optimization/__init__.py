"""Studies of optimization off the convex path: rates, noise, curvature, second-order steps."""
