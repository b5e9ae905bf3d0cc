"""What an output folder holds: listed without arrays, checked, pruned."""
