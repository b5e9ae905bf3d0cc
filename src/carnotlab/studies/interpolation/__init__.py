"""Studies of which solution is found where many fit the data, and how it generalizes."""
