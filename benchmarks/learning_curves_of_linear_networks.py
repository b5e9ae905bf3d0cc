"""Courses of deep linear networks in closed form, against simulating the same networks.

Two cases: all mode curves of a slider (10 modes, 200 times, depths 1 to 5), and the matrix Riccati
solution of a two-layer network of 100 x 100 units at 200 times. The peer is the library's own
training of the same networks at the same times: gradient descent with steps of a tenth of the
largest curvature for the first, whose delay the closed form takes into account; and gradient flow
for the second, solved to 1e-6. Both sides are called once before they are timed, so that compiling
is not counted, and the least of several turns counts. The largest difference of the two sides is
printed beside their ratio.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

# One thread on both sides: matrices this small only wait for one another on several.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.modes import mode_strength
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, LambdaBalanced
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.statistics import input_output_modes
from carnotlab.theories.deep_linear.mode_dynamics import strength_at, time_to_reach
from carnotlab.theories.deep_linear.prior_knowledge import course_on_task, two_layers
from carnotlab.training.train import train

TARGETS = {"mode curves": 10e-3, "riccati": 1.0}
START = 1e-3


def least_time(run: Callable[[], Any], turns: int) -> tuple[float, Any]:
    """Return the least wall time of some turns after a first, and the last result."""
    result = run()
    seconds: list[float] = []
    for _ in range(turns):
        began = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - began)
    return min(seconds), result


def mode_curves(turns: int) -> dict[str, Any]:
    strengths = np.linspace(3.0, 1.0, 10)
    task = LinearMap(16, 12, tuple(strengths.tolist()), held_out=1)
    experiments: list[Experiment] = []
    rates: list[float] = []
    for depth in range(1, 6):
        slowest = np.array(1.0)
        duration = (
            5.0
            if depth == 1
            else 1.2 * float(time_to_reach(0.95 * slowest, depth, slowest, np.array(START)))
        )
        rate = 0.1 / (depth * 3.0 ** (2.0 - 2.0 / depth))
        rates.append(rate)
        steps = max(round(duration / rate / 199), 1) * 199
        training = Training(GradientDescent(rate), steps, record=Evenly(200), precision="float64")
        network = deep_linear(16, (12,) * (depth - 1), 12, initialisation=Aligned(START))
        experiments.append(Experiment(task, network, training))
    clocks = [each.training.flow_times for each in experiments]
    s, u0, d = strengths, np.full(10, START), np.ones(10)

    def ours() -> list[np.ndarray]:
        return [
            strength_at(t, depth, s, u0, d, rate)
            for depth, (t, rate) in enumerate(zip(clocks, rates, strict=True), start=1)
        ]

    measure = mode_strength(input_output_modes(task))

    def peer() -> list[np.ndarray]:
        return [train(e, (measure,), (0,))["mode_strength"].values[0] for e in experiments]

    return compared("mode curves", "10 modes, 200 times, depths 1 to 5", ours, peer, turns)


def riccati(turns: int) -> dict[str, Any]:
    strengths = tuple(np.linspace(2.0, 0.2, 100).tolist())
    task = LinearMap(100, 100, strengths, held_out=1)
    network = deep_linear(100, (100,), 100, initialisation=LambdaBalanced(0.5, 1e-3))
    training = Training(GradientFlow(1e-6, 1e-8), 20.0, record=Evenly(200), precision="float64")
    experiment = Experiment(task, network, training)
    layers = two_layers(experiment, experiment.start((0,)))[0]
    modes = input_output_modes(task)
    left, right = np.asarray(modes.left), np.asarray(modes.right)

    def ours() -> list[np.ndarray]:
        course = course_on_task(task, training.flow_times, layers)
        return [np.sum(left * (course.maps @ right), axis=1)]

    measure = mode_strength(modes)

    def peer() -> list[np.ndarray]:
        return [train(experiment, (measure,), (0,))["mode_strength"].values[0]]

    return compared("riccati", "100 x 100, end-to-end maps at 200 times", ours, peer, turns)


def compared(
    name: str,
    case: str,
    ours: Callable[[], list[np.ndarray]],
    peer: Callable[[], list[np.ndarray]],
    turns: int,
) -> dict[str, Any]:
    """Time both sides and compare what they find."""
    seconds, found = least_time(ours, 5 * turns)
    simulated, expected = least_time(peer, turns)
    gap = max(float(np.abs(a - b).max() / b.max()) for a, b in zip(found, expected, strict=True))
    return {
        "name": name,
        "case": case,
        "seconds": seconds,
        "target": TARGETS[name],
        "simulated": simulated,
        "ratio": simulated / seconds,
        "difference": gap,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    for case in (mode_curves, riccati):
        row = case(chosen.turns)
        if chosen.json:
            print(json.dumps(row))
            continue
        print(
            f"{row['name']} ({row['case']}): {1e3 * row['seconds']:.1f} ms "
            f"(target {1e3 * row['target']:.0f}), simulated {1e3 * row['simulated']:.0f} ms, "
            f"ratio {row['ratio']:.0f}, largest difference {row['difference']:.1e}"
        )


if __name__ == "__main__":
    main()
