"""Averages of two models at a small size: convex, matched, of one start, and the controls."""

from dataclasses import replace

import numpy as np
import pytest

from carnotlab.measures.mixtures import barrier
from carnotlab.studies.landscape.average_of_two_models import AverageOfTwoModels, losses_of
from carnotlab.studies.landscape.average_run import SHARES, AverageRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.digits import Digits

RUN = AverageRun(Digits(200, 20), (24,), 150, 2, batch=20)


def rises(result, way):
    return barrier(losses_of(result, way), SHARES)


def test_a_convex_loss_has_no_barrier_between_any_two():
    result = replace(RUN, hidden=()).compute()
    for way in ("independent", "one start"):
        assert rises(result, way).max() < 1e-9
    assert all(check.holds for check in result.checks)


def test_one_layer_is_matched_and_shuffled():
    result = replace(RUN, fork=50).compute()
    assert rises(result, "independent").min() > 0.05
    assert rises(result, "matched").mean() < 0.3 * rises(result, "independent").mean()
    assert rises(result, "shuffled").mean() > 0.5 * rises(result, "independent").mean()
    for way in ("one start", "forked later"):
        assert rises(result, way).max() < 0.05 * rises(result, "independent").mean()
    # Matched networks are the same networks, so that the ends agree.
    for way in ("matched", "shuffled"):
        ends = losses_of(result, way)[:, [0, -1]]
        np.testing.assert_allclose(ends, losses_of(result, "independent")[:, [0, -1]], rtol=1e-9)
    assert not all(check.holds for check in result.checks)


def test_statistics_are_taken_anew_at_mixtures():
    result = replace(RUN, normalized=True).compute()
    anew, averaged = (rises(result, way) for way in ("matched", "matched, statistics averaged"))
    assert averaged.mean() > 1.1 * anew.mean()


def test_keys_follow_seeds():
    assert replace(RUN, seeds=3).key != RUN.key


@pytest.mark.slow
def test_verdicts_are_as_expected_and_the_figure_is_made(tmp_path):
    result = run_study(AverageOfTwoModels(), "smoke")
    for verdict in result.verdicts:
        assert verdict.as_expected, (verdict.arm, verdict.error)
    with style("dark"):
        result.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
