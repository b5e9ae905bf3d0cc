"""Agents that learn values and policies: contractions, and where they are lost."""
