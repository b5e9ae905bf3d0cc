"""How far results carry: over kinds of data, data sets, seeds and sizes, and past linear models."""
