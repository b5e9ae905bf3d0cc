import pytest
from folder_by_hand import write_folder


@pytest.fixture
def out(tmp_path):
    """Two runs of one study that share an arm, and an entry that neither needs."""
    return write_folder(tmp_path)
