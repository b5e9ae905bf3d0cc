"""Estimates of populations from samples of known ones, and the theory against trained networks."""

import numpy as np
import pytest

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.theories.high_dimensional.population import (
    distance_from_white,
    population_of,
    spectrum_gap,
)
from carnotlab.theories.high_dimensional.regression_over_time import RegressionOverTime
from carnotlab.training.consecutive import train_consecutively


def trained(decay=0.0, spectrum=None, seeds=(0, 1), inputs=150, samples=120, noise=0.5):
    task = GaussianRegression(
        inputs, samples, input_spectrum=spectrum or PowerLaw(0.6), noise_variance=noise
    )
    rate = 0.5 / np.linalg.norm(task.data().train.x, 2) ** 2 * samples
    training = Training(
        GradientDescent(float(rate)), 150, weight_decay=decay, record=At((0, 3, 20, 150))
    )
    network = deep_linear(inputs, (), 1, initialisation=Gaussian(0.5))
    return Experiment(task, network, training), seeds


@pytest.mark.parametrize("decay", [0.0, 3e-4])
def test_networks_trained_on_many_draws_agree_on_average(decay):
    experiment, _ = trained(decay, inputs=100, samples=80)
    seeds = tuple(range(16))
    theory = RegressionOverTime()
    start = experiment.start(seeds)
    predicted = theory.predict(experiment, start)
    task, random = experiment.task, np.random.default_rng(0)

    def drawn(n):
        x = random.standard_normal((16, 1, n, 100)) * np.sqrt(task.variances)
        noise = np.sqrt(0.5) * random.standard_normal((16, 1, n, 1))
        return Batch(x, x @ task.teacher.T + noise)

    data = Data(drawn(80), drawn(400))
    seen = train_consecutively(experiment, data, theory.measures(experiment), seeds)
    for name in predicted:
        gap = seen[name][:, 0] - predicted[name].values
        # Four standard errors of the mean over draws, and corrections of order 1/N.
        error = gap.std(axis=0, ddof=1) / np.sqrt(16)
        assert np.all(np.abs(gap.mean(axis=0)) < 4 * error + 0.01 * float(predicted[name].max()))


def test_assumptions_notice_what_is_broken():
    experiment, seeds = trained()
    start = experiment.start(seeds)
    few, _ = trained(inputs=20, samples=16)
    checks = {c.name: c.holds for c in RegressionOverTime().check(few, few.start(seeds))}
    assert not checks["many inputs and samples"]
    wrong = experiment.task.variances.mean() * np.ones(150)
    values = np.linalg.eigvalsh(experiment.task.data().train.x.T @ experiment.task.data().train.x)
    assert spectrum_gap(values / 120, wrong, 120) > 0.02
    assert all(check.holds for check in RegressionOverTime().check(experiment, start))


def test_other_experiments_are_refused():
    experiment, seeds = trained()
    with pytest.raises(InputError, match="time zero"):
        RegressionOverTime().predict(experiment)
    deep = Experiment(experiment.task, deep_linear(150, (4,), 1), experiment.training)
    with pytest.raises(OutOfReachError, match="2 layers"):
        RegressionOverTime().predict(deep, deep.start(seeds))
    other = Experiment(LinearMap(3, 2, (1.0,)), deep_linear(3, (), 2), experiment.training)
    with pytest.raises(OutOfReachError, match="LinearMap"):
        RegressionOverTime().predict(other, other.start(seeds))


def test_a_population_is_found_again_from_its_samples():
    random = np.random.default_rng(0)
    s = np.geomspace(4.0, 0.04, 30)
    turn = np.linalg.qr(random.standard_normal((30, 30)))[0]
    weights = random.standard_normal((30, 2))
    x = random.standard_normal((20_000, 30)) * np.sqrt(s)
    y = x @ weights + np.sqrt(0.3) * random.standard_normal((20_000, 2))
    found = population_of(x @ turn.T, y)
    np.testing.assert_allclose(found.eigenvalues, s, rtol=0.08)
    assert found.noise_variance == pytest.approx(0.6, rel=0.02)
    total = float(np.sum(s * np.sum(weights**2, axis=1)))
    assert np.sum(found.eigenvalues * found.teacher_power) == pytest.approx(total, rel=0.02)
    assert found.target_power.sum() == pytest.approx(total / (total + 0.6), rel=0.02)
    assert found.tail_weight == pytest.approx(1.0, abs=0.03)
    assert abs(found.heteroscedasticity) < 0.02


def test_tails_and_uneven_noise_are_seen():
    random = np.random.default_rng(1)
    scale = np.sqrt(random.exponential(size=20_000))[:, None]
    x = scale * random.standard_normal((20_000, 20))
    y = x[:, :1] + scale * random.standard_normal((20_000, 1))
    found = population_of(x, y)
    # Fourth moments of a Gaussian times an exponential variance: 3 · 2; noise and inputs share it.
    assert found.tail_weight == pytest.approx(2.0, rel=0.1)
    assert found.heteroscedasticity == pytest.approx(1.0, rel=0.15)


def test_directions_without_variance_are_left_out():
    random = np.random.default_rng(2)
    x = np.c_[random.standard_normal((200, 3)), np.zeros(200)]
    assert population_of(x, x[:, :1]).eigenvalues.shape == (3,)
    with pytest.raises(InputError, match="twice as many"):
        population_of(x[:5], x[:5, :1])


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_white_inputs_are_near_the_law_and_others_are_not(alpha):
    random = np.random.default_rng(0)
    n = round(300 * alpha)
    x = random.standard_normal((n, 300))
    assert distance_from_white(np.linalg.eigvalsh(x.T @ x / n), alpha) < 0.02
    y = x * np.sqrt(np.geomspace(10, 0.1, 300))
    assert distance_from_white(np.linalg.eigvalsh(y.T @ y / n), alpha) > 0.05
