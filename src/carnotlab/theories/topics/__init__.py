"""Topics behind words of documents, and when they can be recovered."""
