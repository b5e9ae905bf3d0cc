"""What holds for every measure: traceable, batched, labelled, described and compared by content."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Modes
from carnotlab.core.descriptions import content_key
from carnotlab.core.references import bibliography
from carnotlab.measures import curvature, kernel_change, losses, modes, similarity, weights
from carnotlab.measures.bound import bind
from carnotlab.networks.finite import Model

PROBE = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
MODES = Modes(np.eye(3), np.ones(3), np.eye(4)[:, :3])


def every_measure():
    return [
        losses.train_loss,
        losses.test_loss,
        losses.train_accuracy,
        losses.test_accuracy,
        losses.train_prediction,
        losses.test_prediction,
        modes.mode_strength(MODES),
        modes.mode_remainder(MODES),
        modes.mode_strength_on_data(MODES),
        modes.singular_values,
        weights.weight_norm,
        weights.weight_norm_by_layer,
        weights.distance_from_start,
        weights.relative_distance_from_start,
        weights.relative_distance_by_layer,
        weights.imbalance,
        weights.imbalance_by_pair,
        similarity.hidden_similarity(1),
        similarity.alignment_with_start(2),
        kernel_change.kernel_change(PROBE),
        kernel_change.tangent_kernel_on(PROBE),
        curvature.sharpness(iterations=4),
        curvature.sharpness_residual(iterations=4),
    ]


def test_every_measure_runs_compiled_over_an_ensemble(linear, state_of, data, read):
    states = [state_of(linear, seed=seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[s.weights for s in states])
    starts = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[s.start for s in states])
    measures = every_measure()

    @jax.jit
    def record(ensemble, start):
        def one(now, before):
            state = states[0]._replace(weights=now, start=before)
            return [measure.fn(state, data) for measure in measures]

        return jax.vmap(one)(ensemble, start)

    together = record(stacked, starts)
    alone = read(tuple(measures), states[1], data)
    for measure, many, one in zip(measures, together, alone, strict=True):
        assert one.ndim == len(measure.quantity.dims), measure.quantity.name
        assert one.dtype == jnp.float64, measure.quantity.name
        assert np.isfinite(one).all(), measure.quantity.name
        np.testing.assert_allclose(many[1], one, rtol=1e-7, err_msg=measure.quantity.name)
        labelled = measure.quantity.label(many, ("seed",))
        assert labelled.dims == ("seed", *measure.quantity.dims)


def test_every_measure_has_its_own_description():
    keys = [content_key(measure) for measure in every_measure()]
    assert len(set(keys)) == len(keys)
    assert keys == [content_key(measure) for measure in every_measure()]


def test_measures_are_compared_by_content():
    for one, again in zip(every_measure(), every_measure(), strict=True):
        assert one == again
        assert hash(one) == hash(again)
    other = MODES._replace(left=-MODES.left)
    assert modes.mode_strength(MODES) != modes.mode_strength(other)
    assert content_key(modes.mode_strength(MODES)) != content_key(modes.mode_strength(other))
    assert kernel_change.kernel_change(PROBE) != kernel_change.kernel_change(2 * PROBE)
    assert curvature.sharpness(seed=1) != curvature.sharpness(seed=2)
    assert bind(similarity.similarity_of_layer, 1) != "something else"


def test_settings_given_as_jax_arrays_are_stored_as_numpy():
    measure = kernel_change.kernel_change(jnp.asarray(PROBE))
    assert measure == kernel_change.kernel_change(PROBE)


def test_measures_read_the_model_of_the_library(linear):
    from carnotlab.measures.base import Readable

    model: Readable = Model(linear)
    assert model.rate_scales("gradient") == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    "key",
    [
        "kornblith2019",
        "cortes2012",
        "novak2022",
        "pearlmutter1994",
        "schraudolph2002",
        "golub2013",
        "cohen2021",
        "geiger2020",
    ],
)
def test_cited_sources_are_in_the_bibliography(key):
    assert bibliography()[key].year == key[-4:]
