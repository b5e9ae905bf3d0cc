"""Carnot runs the theory of deep learning against real networks.

Describe a task, a network and a training rule; predict the course of learning; train; judge.

>>> import carnotlab as carnot
>>> task = carnot.LinearMap(8, 6, strengths=(3.0, 1.0))
>>> network = carnot.deep_linear(8, (10,), 6, initialisation=carnot.Aligned(1e-3))
>>> training = carnot.Training(carnot.GradientDescent(0.02), duration=800)
>>> experiment = carnot.Experiment(task, network, training)
>>> comparison = carnot.compare(experiment, carnot.DeepLinearModes())
>>> comparison.in_regime, comparison.error(carnot.MODE_STRENGTH).value < 0.01
(True, True)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carnotlab.api import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Import the public names when one is first asked for: the command line starts without JAX."""
    if name.startswith("__"):
        raise AttributeError(name)
    api = import_module("carnotlab.api")
    if name in api.__all__:
        return getattr(api, name)
    raise AttributeError(f"carnotlab has no public name '{name}'; see dir(carnotlab)")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(import_module("carnotlab.api").__all__)
