"""Continuation: from an easy problem to a hard one, and what makes the first one easy."""
