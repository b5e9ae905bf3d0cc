"""How knowledge of items and their features grows in linear networks."""
