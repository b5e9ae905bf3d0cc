"""Studies of normalized networks: runs by themselves, and whole studies at their smoke size."""

from dataclasses import replace

import numpy as np
import pytest

from carnotlab.studies.normalization.equilibrium_of_norms import (
    EquilibriumOfNorms,
    networks,
    settling,
)
from carnotlab.studies.normalization.equivalence_run import (
    FUNCTION_GAP,
    LOG2_NORM,
    RESCALING_GAP,
    VARIANT_NORM,
    EquivalenceRun,
)
from carnotlab.studies.normalization.exponential_learning_rate import ExponentialLearningRate
from carnotlab.studies.normalization.normalized_networks import small_network, without_scale
from carnotlab.studies.normalization.rate_is_initial_scale import (
    RateIsInitialScale,
    traded_settings,
)
from carnotlab.studies.normalization.scale_run import NORM, ScaleRun
from carnotlab.studies.normalization.tiny_rate_throughout import TinyRateThroughout
from carnotlab.studies.normalization.walk_run import ANGLE, FOURTH, WalkRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.digits import Digits

DIGITS = Digits(60, 20)
RUN = EquivalenceRun(
    DIGITS,
    "MLP",
    8,
    ("decay", "recursion", "fixed root", "fixed root, zero buffer", "head grown too"),
    ((0.1, 40), (0.01, 20)),
    5e-3,
    (0, 1),
    batch=10,
    records=7,
)


def largest(result, variant):
    return result.observation[FUNCTION_GAP.name].sel(variant=variant).values.max(axis=1)


def test_growing_rates_beside_their_controls():
    result = RUN.compute()
    assert all(check.holds for check in result.checks)
    assert largest(result, "recursion").max() < 1e-9
    assert result.observation[FUNCTION_GAP.name].sel(variant="fixed root")[:, :5].max() < 1e-9
    assert largest(result, "fixed root").min() > 1e-8  # behind the drop
    for wrong in ("fixed root, zero buffer", "head grown too"):
        assert largest(result, wrong).min() > 1e-2
    norms = result.observation[VARIANT_NORM.name].sel(variant="recursion")
    np.testing.assert_allclose(norms, result.prediction[LOG2_NORM.name], atol=1e-9)


@pytest.mark.parametrize(("rule", "rate", "decay"), [("SGDW", 0.1, 0.05), ("AdamW", 0.003, 1.0)])
def test_decoupled_decay(rule, rate, decay):
    run = replace(RUN, variants=("decay", "recursion"), rule=rule, decay=decay)
    result = replace(run, phases=((rate, 60),)).compute()
    assert largest(result, "recursion").max() < 1e-10
    norms = result.observation[VARIANT_NORM.name]
    np.testing.assert_allclose(
        norms.sel(variant="recursion"), result.prediction[LOG2_NORM.name], atol=1e-9
    )
    assert (norms.sel(variant="decay") - norms.sel(variant="recursion")).min() < -0.2


def test_without_batch_norm_nothing_holds():
    run = replace(RUN, kind="MLP without batch norm", variants=("decay", "recursion"))
    result = run.compute()
    assert not all(check.holds for check in result.checks)
    assert largest(result, "recursion").min() > 1e-3


def test_single_precision_is_rescaled_without_a_bit_of_difference():
    variants = ("decay", "recursion", "recursion, rescaled")
    strong = replace(RUN, variants=variants, decay=0.024, numbers="float32")
    result = replace(strong, phases=((0.1, 120),)).compute()
    assert result.observation[RESCALING_GAP.name].values.max() == 0.0
    units = result.observation[VARIANT_NORM.name]
    moved = (units.sel(variant="recursion") - units.sel(variant="recursion, rescaled")).values
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-5)
    assert moved[:, -1].min() >= 1.0


def test_scales_traded_rightly_and_wrongly():
    run = ScaleRun(DIGITS, "MLP", 8, traded_settings(), 0.1, 5e-3, 0.9, 60, (0, 1), 10, 7)
    result = run.compute()
    for label in ("start / 10", "moving start / 10"):
        assert largest(result, label).max() < 1e-9
    assert largest(result, "start / 8").max() == 0.0
    for setting in traded_settings():
        if setting.label.startswith("control"):
            assert largest(result, setting.label).min() > 1e-2, setting.label
    for part in (result.observation, result.prediction):
        part.load()
    seen, expected = (
        part[NORM.name].sel(variant="start / 10")
        for part in (result.observation, result.prediction)
    )
    np.testing.assert_allclose(seen, expected, rtol=1e-9)


def test_walks_settle_where_theory_says_and_not_without_momentum_in_it():
    walk = WalkRun(0.5, 2e-3, 0.8, 1500, 2, start=1.5)
    for run, agrees in ((walk, True), (replace(walk, believed=0.0), False)):
        result = run.compute()
        for quantity in (FOURTH, ANGLE):
            ratio = float(result.observation[quantity.name].mean()) / float(
                result.prediction[quantity.name]
            )
            assert (abs(ratio - 1.0) < 0.01) == agrees
    assert 0.1 < settling(walk.compute()) < 2.0
    persistent = replace(walk, persistence=0.5).compute()
    assert [check.holds for check in persistent.checks] == [False, True]


def test_keys_follow_seeds_and_starts():
    assert replace(RUN, seeds=(0,)).key != RUN.key
    assert replace(RUN, decay=1e-3).key != RUN.key
    walk = WalkRun(0.5, 2e-3, 0.8, 100, 2)
    assert replace(walk, seeds=3).key != walk.key


def test_small_networks():
    for kind, pool in (("MLP", 1), ("ResNet", 1), ("ResNet", 2)):
        network = small_network(kind, DIGITS, 4, 2, pool=pool)
        assert network.outputs == 10
        assert without_scale(network).count(False) == 1
        assert network.initialisation.members == 2


STUDIES = (
    ExponentialLearningRate,
    RateIsInitialScale,
    TinyRateThroughout,
    EquilibriumOfNorms,
)


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_verdicts_are_as_expected_and_figures_are_made(study, tmp_path):
    result = run_study(study(), "smoke")
    for verdict in result.verdicts:
        assert verdict.as_expected, (verdict.arm, verdict.error)
    with style("dark"):
        result.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert study().tables(result)[0].row_count > 0
    if study is EquilibriumOfNorms:
        assert len(networks(result.results)) == 2
