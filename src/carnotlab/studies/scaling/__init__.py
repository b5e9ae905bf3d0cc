"""Studies of what more weights and more data buy."""
