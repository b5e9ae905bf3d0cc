"""What agents' runs measure, where it can be told without a study."""

import numpy as np

from carnotlab.studies.without_a_cost import agent_runs
from carnotlab.studies.without_a_cost.agent_runs import OVER, TableRun


def test_factors_are_told_only_where_rounding_leaves_them(monkeypatch):
    fast = TableRun(discounts=(0.3,), seeds=4)
    assert np.all(fast.find().seen[OVER] < 1e-12)
    # After 16 steps at this discount errors are 1e-8, and their factors rounded by about 1e-8.
    monkeypatch.setattr(agent_runs, "RESOLVED", 0.0)
    assert np.all(fast.find().seen[OVER] > 1e-9)
