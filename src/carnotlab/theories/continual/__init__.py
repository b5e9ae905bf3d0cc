"""What learning one thing after another does to what was learned before."""
