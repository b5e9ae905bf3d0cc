"""Edges at few seeds, and Adam's preconditioned curvature against a dense Hessian."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from carnotlab.experiment.losses import loss_function
from carnotlab.experiment.rules import Adam
from carnotlab.measures.curvature import SHARPNESS
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.studies.optimization.edge_of_stability import EdgeOfStability, loss_left, rule_for
from carnotlab.studies.optimization.edge_run import RATIO, EdgeRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.fixture(scope="module")
def quick():
    changes = {"seeds": 2, "steps": 500, "records": 51}
    return run_study(EdgeOfStability(), "smoke", changes)


@pytest.mark.slow
def test_rules_settle_at_their_limits_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)
    reached = {label: run.checks[0].holds for label, run in quick.results.items()}
    assert reached["gradient descent"]
    assert reached["heavy ball"]
    assert reached["Nesterov"]
    assert not reached["control: small rate"]


@pytest.mark.slow
def test_the_figure_and_the_table_are_there(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert quick.study.tables(quick)[0].row_count == 6


def test_keys_change_with_seeds_and_rule():
    run = EdgeRun(rule_for(9.0), mlp(64, (4,), 10), 50, 4, 3, (0,))
    others = [
        EdgeRun(rule_for(9.0), mlp(64, (4,), 10), 50, 4, 3, (0, 1)),
        EdgeRun(rule_for(8.0), mlp(64, (4,), 10), 50, 4, 3, (0,)),
    ]
    assert len({run.key, *(other.key for other in others)}) == 3


def test_adams_curvature_is_that_of_the_dense_preconditioned_hessian():
    rule = Adam(0.01)
    network = mlp(64, (2,), 10, activation=Tanh(), bias_variance=None)
    run = EdgeRun(rule, network, 30, 4, 3, (0,))
    found = float(run.compute().observation[SHARPNESS.name].values[0, -1])
    data, loss_of = run.experiment.task.data().train, loss_function(run.experiment.training.loss)
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    start = jax.tree.map(lambda leaf: leaf[0], run.experiment.start((0,)))
    flat, restore = ravel_pytree(start)

    def loss(w):
        return loss_of(run.experiment.model.apply(restore(w), x), y)

    steps, w, squares = optax.adam(0.01), flat, jnp.zeros_like(flat)
    memory, slope = steps.init(w), jax.jit(jax.grad(loss))
    for _ in range(4):
        g = slope(w)
        squares = 0.999 * squares + 0.001 * g**2
        update, memory = steps.update(g, memory)
        w = w + update
    root = 1.0 / np.sqrt(np.sqrt(np.asarray(squares) / (1 - 0.999**4)) + 1e-8)
    hessian = np.asarray(jax.jit(jax.hessian(loss))(w))
    top = np.linalg.eigvalsh(root[:, None] * hessian * root)[-1]
    assert found == pytest.approx(top, rel=2e-2)  # 15 Lanczos steps in single precision
    assert abs(np.linalg.eigvalsh(hessian)[-1] / top - 1.0) > 0.5


def test_a_run_that_diverges_has_no_loss_left_to_speak_of():
    run = EdgeRun(rule_for(0.05), mlp(64, (4,), 10), 30, 60, 7, (0,))
    result = run.compute()
    assert loss_left(result)(np.array([0])) == np.inf or result.observation[RATIO.name].max() > 1
