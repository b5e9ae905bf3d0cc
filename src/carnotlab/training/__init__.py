"""Carrying an experiment out: whole ensembles, seeds times settings, as one compiled program."""
