"""Claims put to the test: one file a claim, with arms, tolerances, controls and a figure."""
