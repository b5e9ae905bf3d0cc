"""The study of size and data at reduced settings, on a text made for it and on Shakespeare."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Data
from carnotlab.core.errors import InputError
from carnotlab.experiment.batching import FullBatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.description import Network
from carnotlab.networks.sequence_architectures import recurrent, window_mlp
from carnotlab.studies.data_folder import find_data
from carnotlab.studies.running import resolve, run_study
from carnotlab.studies.scaling.bigger_is_better import TEXT, BiggerIsBetter, find_manual
from carnotlab.studies.scaling.text_curves import gain_missed, last_against_first
from carnotlab.studies.scaling.text_run import start_in_arrays
from carnotlab.studies.style import style
from carnotlab.tasks.next_character import NextCharacter

REDUCED = {
    "seeds": 2,
    "context": 4,
    "held_out": 300,
    "perceptron_units": "2,16",
    "recurrent_units": "2,16",
    "transformer_units": "2,8",
    "samples": "256,2048",
    "starved": 128,
    "steps": 150,
    "records": 8,
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Save a text in which the last two characters say much of the next."""
    random = np.random.default_rng(0)
    likely = random.integers(0, 8, (8, 8))
    codes = [0, 1]
    for _ in range(12_000):
        sure = random.random() < 0.8
        codes.append(int(likely[codes[-2], codes[-1]]) if sure else int(random.integers(0, 8)))
    path = tmp_path_factory.mktemp("text") / "chain.txt"
    path.write_text("".join("abcdefgh"[c] for c in codes))
    return str(path)


@pytest.mark.slow
def test_arms_agree_and_controls_do_not(chain):
    result = run_study(BiggerIsBetter(), "smoke", {**REDUCED, "data": chain})
    for verdict in result.verdicts:
        assert verdict.as_expected, verdict
    assert sum(verdict.role == "control" for verdict in result.verdicts) == 3
    counted = result.results["perceptron"].prediction["counted_loss"].values
    assert np.all(np.diff(counted, axis=1) < 0.0)
    with style("light"):
        assert len(result.plot().axes) == 4
    assert len(result.study.tables(result)) == 2


def test_keys_follow_seeds_and_text(chain, tmp_path):
    def keys(path, **changes):
        settings = resolve(BiggerIsBetter(), "smoke", {**REDUCED, "data": path, **changes})
        arms, skipped = BiggerIsBetter().arms(settings)
        assert not skipped
        return [arm.run.key for arm in arms]

    other = tmp_path / "chain.txt"
    other.write_text(Path(chain).read_text())
    first = keys(chain)
    assert keys(str(other)) == first
    assert len(set(first)) == 4
    for changed in (keys(chain, seeds=3), keys(chain, steps=151)):
        assert not set(changed) & set(first)
    other.write_text(Path(chain).read_text()[:-1] + "a")
    assert not set(keys(str(other))) & set(first)


def test_text_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    arms, skipped = BiggerIsBetter().arms(BiggerIsBetter().defaults("smoke"))
    assert {arm.run.task.path for arm in arms} == {str(find_manual())}
    assert "tiny_shakespeare.txt is not in the data folder" in skipped[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"perceptron_units": "8,2"}, r"perceptron_units = .*rising order"),
        ({"samples": "300,2048"}, r"300 of 2048 samples.*divide the largest"),
        ({"starved": 100}, r"100 of 2048 samples"),
        ({"samples": "256,16384"}, r"16384 samples of the training part of chain.txt"),
    ],
)
def test_settings_that_do_not_fit(changes, message, chain):
    with pytest.raises(InputError, match=message):
        run_study(BiggerIsBetter(), "smoke", {**REDUCED, "data": chain, **changes})


@pytest.mark.parametrize("build", [window_mlp, recurrent])
def test_narrow_networks_train_in_wide_arrays_as_alone(build, chain):
    """Idle units stay idle: two programs, of which one knows nothing of padding."""
    task = NextCharacter(chain, 3, 40, 20, "codes")
    train = Training(Adam(0.05), 12, FullBatch(), CrossEntropy(), record=At((12,)))

    def network(units):
        return build((3, 1), (units,), 8, symbols=8)

    narrow, wide = network(3), network(10)

    def losses(described: Network):
        drawn = start_in_arrays(narrow, described, 0)
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), drawn)
        experiment = Experiment(task, described, train)
        return steps_by_hand(experiment, start, task.data())

    padded, alone = losses(wide), losses(narrow)
    np.testing.assert_allclose(padded, alone, rtol=2e-4)
    assert alone[-1] < 0.9 * alone[0]


def steps_by_hand(experiment, weights, data: Data):
    """Take Adam's steps one by one, its formulas written out."""
    model, x, y = experiment.model, *map(jnp.float32, data.train)

    @jax.jit
    def value_and_slope(weights):
        return jax.value_and_grad(
            lambda w: -jnp.mean(jnp.sum(y * jax.nn.log_softmax(model.apply(w, x)), -1))
        )(weights)

    first = second = jax.tree.map(jnp.zeros_like, weights)
    found = []
    for step in range(1, 13):
        value, slope = value_and_slope(weights)
        found.append(float(value))
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, slope)
        scale = 1.0 - 0.9**step, 1.0 - 0.999**step
        weights = jax.tree.map(
            lambda w, m, v, scale=scale: (
                w - 0.05 * (m / scale[0]) / (jnp.sqrt(v / scale[1]) + 1e-8)
            ),
            weights,
            first,
            second,
        )
    return found


def test_starts_have_the_spread_of_their_network():
    narrow, wide = (recurrent((3, 1), (units,), 8, symbols=8) for units in (50, 200))
    drawn = start_in_arrays(narrow, wide, 0)
    other = start_in_arrays(narrow, wide, 1)
    for layer, another, own in zip(drawn, other, narrow.maps, strict=True):
        inside = layer["weight"][0][tuple(map(slice, own.shape))]
        expected = np.sqrt(own.weight_variance / own.fan_in)
        assert inside.std() == pytest.approx(expected, rel=5.0 / np.sqrt(2 * inside.size))
        assert np.count_nonzero(layer["weight"]) == inside.size
        assert np.any(layer["weight"] != another["weight"])


def test_statistics_of_means():
    losses = np.array([[4.0, 3.0, 2.0], [4.0, 3.0, 4.0]])
    rows = np.array([0, 1])
    assert last_against_first(losses)(rows) == pytest.approx(0.75)
    n = np.geomspace(1e2, 1e4, 6)
    law = np.tile(1.0 + 5.0 * n**-0.5, (2, 1))
    assert gain_missed(n, law)(rows) < 1e-4
    assert gain_missed(n, law, "logarithmic")(rows) > 0.5
    law[:, -1] = 1.001 * law[:, -2]  # no gain where one was foretold
    assert gain_missed(n, law)(rows) > 10.0


@pytest.mark.slow
@pytest.mark.skipif(find_data(TEXT) is None, reason="the text is not here")
def test_smoke_size_on_shakespeare():
    result = run_study(BiggerIsBetter(), "smoke")
    for verdict in result.verdicts:
        assert verdict.as_expected, verdict
