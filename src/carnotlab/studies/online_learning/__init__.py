"""Studies of learning from examples met once, and of meeting them again."""
