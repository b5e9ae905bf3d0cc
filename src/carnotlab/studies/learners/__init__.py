"""Studies of learners whose inside is not seen."""
