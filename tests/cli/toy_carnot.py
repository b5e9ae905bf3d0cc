"""The real command line over the toy studies, as a program of its own."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from toy_study import ContraryStudy, ToyStudy

from carnotlab.cli import main
from carnotlab.runs.run import Run
from carnotlab.studies import catalogue

# Worker processes import this file, and find the same studies.
if __name__ in ("__main__", "__mp_main__"):  # this program or a worker, not a look for doctests
    catalogue.STUDIES = catalogue.TOUR = (ToyStudy(), ContraryStudy())

if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":
    compute = Run.compute

    def compute_and_tell(run, *rest):
        os.write(2, b"an arm has begun\n")  # whole, where two workers say so at a time
        return compute(run, *rest)

    Run.compute = compute_and_tell
