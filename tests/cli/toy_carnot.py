"""The real command line over the toy studies, as a program of its own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from toy_study import ContraryStudy, ToyStudy

from carnotlab.cli import main
from carnotlab.studies import catalogue

if __name__ == "__main__":
    catalogue.STUDIES = catalogue.TOUR = (ToyStudy(), ContraryStudy())
    main()
