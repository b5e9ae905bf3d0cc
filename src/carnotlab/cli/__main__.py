"""``python -m carnotlab.cli``: the command line without its script."""

from carnotlab.cli.entry import main

main()
