"""The nouns every other part speaks in: quantities, assumptions, verdicts, provenance."""
