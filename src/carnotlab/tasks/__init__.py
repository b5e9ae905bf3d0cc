"""Families of data, synthetic and real, with the statistics theories need."""
