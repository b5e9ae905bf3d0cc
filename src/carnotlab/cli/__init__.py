"""The command line, ``carnot``: studies by name, verdicts out."""

from carnotlab.cli.entry import main

__all__ = ["main"]
