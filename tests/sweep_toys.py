"""A small experiment that tests of sweeps train; workers import it."""

import time

import carnotlab as carnot
from carnotlab.runs.sweeps import carry_out

TASK = carnot.GaussianRegression(inputs=4, samples=24)


def experiment(lr=0.1, width=8, batch=8, steps=6):
    """One experiment of a small sweep."""
    training = carnot.Training(
        carnot.GradientDescent(lr),
        duration=steps,
        batching=carnot.Minibatch(batch),
        record=carnot.Evenly(3),
    )
    return carnot.Experiment(TASK, carnot.mlp(4, (width,), 1), training)


def slow_down():
    """Make packs last in a worker process, so that it can die while it works."""
    train = carry_out.train_members

    def slowly(*given):
        time.sleep(0.3)
        return train(*given)

    carry_out.train_members = slowly
