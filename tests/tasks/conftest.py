"""Data for tests of tasks: real files where they are, small files written on the spot."""

from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Return a function from a name to the path of a real data file, skipping where absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"the data file {name} is not in {SHARED}")
        return path

    return find
