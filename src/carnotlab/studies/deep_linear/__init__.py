"""Studies of deep linear networks: exact courses, and where the statements about them end."""
