"""Sweeps: settings times seeds, cut into packs, kept in one labelled array as they finish."""
