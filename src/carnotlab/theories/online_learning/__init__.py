"""Learning from examples met once, or again and again: overlaps, online errors, replay."""
