"""A study small enough for tests: one arm that agrees, one control that does not."""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Gaussian
from carnotlab.runs.run import Run
from carnotlab.studies import catalogue
from carnotlab.studies.study import Arm, Judgement, Settings, Size, Study, StudyResult
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.modes import DeepLinearModes


class ToySettings(Settings, frozen=True, kw_only=True):
    strengths: tuple[float, ...] = (2.0, 1.0)
    steps: int = 60
    error: float = 0.05


class ToyStudy(Study):
    name: ClassVar[str] = "toy-modes"
    question: ClassVar[str] = "Do the modes of a tiny network follow theory?"
    message: ClassVar[str] = "They do from an aligned start, and not from a large random one."
    source: ClassVar[tuple[str, ...]] = ("saxe2014",)
    data: ClassVar[str] = "synthetic linear map"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = ToySettings

    def defaults(self, size: Size) -> Settings:
        return ToySettings(seeds=3 if size == "smoke" else 5)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        assert isinstance(settings, ToySettings)
        starts = {"aligned": Aligned(0.1), "control: large": Gaussian(1.0)}
        arms = tuple(_arm(label, start, settings) for label, start in starts.items())
        skipped = () if settings.data else ("real data: no file was given",)
        return arms, skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        assert isinstance(settings, ToySettings)
        tolerance = Tolerance(MODE_STRENGTH, settings.error, "the step is small")
        return tuple(
            Judgement(
                label,
                "control" if label.startswith("control") else "test",
                tolerance,
                (label,),
                lambda results, label=label: _statistic(results[label]),
            )
            for label in labels
        )

    def figure(self, result: StudyResult) -> Figure:
        figure = Figure(figsize=(4.0, 2.4))
        axes = figure.add_subplot()
        for run in result.results.values():
            seen = np.asarray(run.observation["mode_strength"].values)
            axes.plot(run.observation["time"].values, seen.mean(axis=0), "o", ms=3)
        axes.set(xlabel="steps", ylabel="mode strength")
        return figure


class ContraryStudy(ToyStudy):
    """The same runs with a tolerance that nothing meets."""

    name: ClassVar[str] = "toy-contrary"

    def defaults(self, size: Size) -> Settings:
        return ToySettings(seeds=3, error=1e-12)


def put_in_catalogue() -> None:
    """Have a worker process find these studies, as it imports the real catalogue."""
    catalogue.STUDIES = (ToyStudy(), ContraryStudy())


def _arm(label, start, settings):
    task = LinearMap(4, 3, settings.strengths)
    training = Training(GradientDescent(0.05), duration=settings.steps, record=Evenly(8))
    network = deep_linear(4, (5,), 3, initialisation=start)
    run = Run(Experiment(task, network, training), DeepLinearModes(), tuple(range(settings.seeds)))
    return Arm(label, run)


def _statistic(run):
    errors = _errors(run)
    return lambda rows: float(np.mean(errors[rows]))


def _errors(run):
    seen, expected = (side["mode_strength"].values for side in (run.observation, run.prediction))
    return np.abs(seen - expected).max(axis=(1, 2))
