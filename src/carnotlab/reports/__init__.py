"""Results as files: records, figures, and one page that opens without a network."""
