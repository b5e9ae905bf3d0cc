"""Networks that do not depend on the scale of their weights: rates, decay and norms."""
