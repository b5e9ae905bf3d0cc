"""Gradient flow against scipy's solver on a gradient written out by hand."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure
from carnotlab.training.train import train

TIMES = (0.0, 0.3, 1.0, 2.5)
UNDEFINED = Quantity("undefined", (), "1", "no number at any time")


@pytest.fixture(scope="module")
def flow(small_task, mean_field, weights_measure):
    """Two seeds with decay to the start, beside a measure that is nan by its nature."""
    rule = GradientFlow(rtol=1e-10, atol=1e-12)
    training = Training(
        rule,
        duration=3.0,
        weight_decay=0.1,
        decay_to_start=True,
        record=At(TIMES),
        precision="float64",
    )
    nan = Measure(UNDEFINED, lambda state, data: 0.0 * np.nan * data.train.x[0, 0])
    experiment = Experiment(small_task, mean_field.network, training)
    return train(experiment, [weights_measure, nan], (0, 3))


def test_flow_against_another_solver(flow, small_task, mean_field):
    data = small_task.data().train
    for path in flow["weights"].values:

        def velocity(_t, w, start=path[0]):
            return -mean_field.rate * (mean_field.gradient(w, *data) + 0.1 * (w - start))

        solution = solve_ivp(
            velocity, (0, 3.0), path[0], method="DOP853", t_eval=TIMES, rtol=1e-12, atol=1e-14
        )
        assert np.abs(path - solution.y.T).max() < 1e-7
        assert np.abs(path[-1] - path[0]).max() > 0.1


def test_times_are_flow_times(flow):
    assert flow["time"].values.tolist() == list(TIMES)
    assert flow["flow_time"].values.tolist() == list(TIMES)
    assert flow["time"].attrs["units"] == "flow time"
    assert "epochs" not in flow.coords


def test_a_measure_that_is_no_number_is_not_divergence(flow):
    assert np.isnan(flow["undefined"].values).all()
    assert (flow["diverged_at"].values == -1).all()


def test_a_solver_that_gives_up_is_recorded(small_task, standard, weights_measure):
    """Two steps of the solver reach nowhere near the end."""
    training = Training(
        GradientFlow(max_steps=2), duration=50.0, record=At((0.0, 25.0, 50.0)), precision="float64"
    )
    lost = train(Experiment(small_task, standard.network, training), [weights_measure], (0, 1))
    assert lost["diverged_at"].values.tolist() == [25.0, 25.0]
    assert np.isfinite(lost["weights"].values[:, 0]).all()
    assert not np.isfinite(lost["weights"].values[:, 1:]).any()
