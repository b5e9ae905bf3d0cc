"""How loss falls with size and data: laws, their fits, and how far a fit carries."""
