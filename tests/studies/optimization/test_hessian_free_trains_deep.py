"""Deep autoencoders at tiny sizes: errors, budgets and what is judged."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.studies.optimization.deep_autoencoder_run import (
    ERROR,
    LINEAR,
    SPENT,
    DeepAutoencoderRun,
    autoencoder,
)
from carnotlab.studies.optimization.deep_errors import best_learned, best_left, ratio_of
from carnotlab.studies.optimization.hessian_free_trains_deep import HessianFreeTrainsDeep
from carnotlab.studies.running import arms_of, resolve, run_study
from carnotlab.studies.style import style
from carnotlab.tasks.digits import Digits


def tiny(method, rates, start="sparse", budget=60, seeds=(0, 1)):
    return DeepAutoencoderRun(
        Digits(30, 10), (64, 10, 4), start, method, rates, budget, 30, seeds, records=5
    )


@pytest.mark.slow
def test_all_methods_start_from_one_error_and_spend_one_budget():
    free, adam = (tiny("Hessian-free", (1.0,)), tiny("Adam", (1e-3, 1e-2)))
    one, other = free.compute(), adam.compute()
    first = [run.observation[ERROR.name].values[:, 0, 0] for run in (one, other)]
    np.testing.assert_allclose(first[0], first[1], rtol=1e-9)
    for run in (one, other):
        assert run.observation[SPENT.name].values[0, -1] == 60.0
        assert run.checks[0].holds
        assert 0.0 < float(run.observation[LINEAR.name].values) < 1.0
    assert best_left(one)(np.arange(2)) < first[0].mean()
    ratio = ratio_of(one, other)(np.arange(2))
    assert ratio == pytest.approx(best_left(one)(np.arange(2)) / best_left(other)(np.arange(2)))


@pytest.mark.slow
def test_small_dense_weights_do_not_move_under_descent():
    run = DeepAutoencoderRun(
        Digits(30, 10), (64, 12, 10, 8, 6, 4), "dense", "SGD", (1.0, 10.0), 400, 1, (0,)
    )
    result = run.compute()
    assert best_learned(result)(np.array([0])) < 0.01
    assert run.experiment.network.depth == 10


def test_a_run_that_diverges_counts_as_infinite():
    result = tiny("momentum", (1e6,), budget=40).compute()
    error = result.observation[ERROR.name].values
    result.observation[ERROR.name].values[:, -1] = np.nan
    assert best_left(result)(np.arange(2)) == np.inf
    assert error.shape == (2, 5, 1)


def test_the_network_goes_down_and_up_with_small_weights():
    network = autoencoder((20, 6, 3))
    assert [layer.shape for layer in network.maps] == [(6, 20), (3, 6), (6, 3), (20, 6)]
    variances = [layer.weight_variance for layer in network.maps]
    assert variances == pytest.approx([0.2, 0.06, 0.03, 0.06])


@pytest.mark.parametrize("units", [(3, 2), (144,)])
def test_units_that_do_not_fit_the_images_are_refused_before_anything_is_trained(units):
    study = HessianFreeTrainsDeep()
    with pytest.raises(InputError, match="144 inputs and at least one layer"):
        arms_of(study, resolve(study, "smoke", {"curve_units": units}))


def test_keys_and_arms_follow_the_settings():
    study = HessianFreeTrainsDeep()
    arms, skipped = arms_of(study, resolve(study, "smoke"))
    assert len({arm.run.key for arm in arms}) == len(arms)
    assert skipped == ()
    assert tiny("SGD", (1.0,)).key != tiny("SGD", (1.0,), seeds=(0,)).key
    assert len(resolve(study, "full").curve_units) == 7


@pytest.mark.slow
def test_the_study_at_reduced_settings(tmp_path):
    changes = {"budget": 300, "curve_budget": 60, "images": 40, "curves": 30}
    result = run_study(HessianFreeTrainsDeep(), "smoke", changes)
    verdicts = {verdict.arm: verdict for verdict in result.verdicts}
    assert verdicts["ten layers, dense start, SGD: learns nothing at any rate"].error < 0.01
    with style("dark"):
        result.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert study_table(result) == 9


def study_table(result):
    return result.study.tables(result)[0].row_count
