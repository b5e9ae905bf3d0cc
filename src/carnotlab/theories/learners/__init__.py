"""Learning curves as the theory draws them, fitted to learners whose inside is not seen."""
