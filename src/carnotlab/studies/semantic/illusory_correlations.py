"""Do deep networks believe for a while what is wrong, like children that worms have bones?"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_PREDICTION
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian
from carnotlab.runs.run import Run, RunResult
from carnotlab.studies.errors import mean_course_error, mean_of, observed, predicted
from carnotlab.studies.semantic.illusion_panels import draw_belief, draw_cells, draw_shares
from carnotlab.studies.semantic.item_sets import (
    LARGE_TABLES,
    TABLES,
    TREE,
    ItemSettings,
    experiment_of,
    item_experiment,
    item_sets,
    on_inputs,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.base import Task
from carnotlab.theories.semantic.illusory_correlations import IllusoryCorrelations, wrong_way

COURSES = Tolerance(
    TRAIN_PREDICTION,
    0.03,
    "modes start along random hidden directions that overlap by 1/sqrt(width); what a weak one "
    "shares with stronger ones, up to a third of it at the small size, is lost to them; that moves "
    "its logarithm, of about ten, by 4 % at most and 1 to 2 % on average; steps of 10 % of the "
    "curvature leave 1e-4; exact at depth 1",
)
PEAKS = Tolerance(
    Quantity("illusion_sizes", (), "1", "distance of illusions' sizes from the predicted ones"),
    0.1,
    "an illusion is the difference of modes that come one after the other, a few times smaller "
    "than they are, so that errors of 1 to 3 % in the modes are several times that here",
)
DEEP_ONLY = Tolerance(
    Quantity("illusory_share", (), "fraction", "share of beliefs that go the wrong way"),
    0.01,
    "without modes that come one after the other every belief goes straight; a start of 3e-3 times "
    "the usual size lies a hundred times below what counts as an illusion, so the share is zero "
    "but for rounding",
)


class IllusorySettings(ItemSettings, frozen=True, kw_only=True):
    """Settings of `IllusoryCorrelationsStudy`.

    A belief counts as illusory if it is wrong by ``threshold`` times the root mean square target.
    ``correlation`` is that of the inputs of any two items in the correlated case.
    """

    features: Count = 300
    threshold: float = 0.05
    correlation: float = 0.95
    records: Count = 80


class IllusoryCorrelationsStudy(Study):
    """Beliefs that rise and fall, cell by cell, deep against shallow."""

    name: ClassVar[str] = "illusory-correlations"
    question: ClassVar[str] = (
        "Which wrong beliefs rise and fall again while a network learns, and are they a sign of "
        "depth?"
    )
    message: ClassVar[str] = (
        "Deep networks give an item the features of its family before they know better, in the "
        "cells, to the degree and at the times the modes predict. Shallow networks do not, unless "
        "their inputs are correlated: then they do it too, and rise and fall is no sign of depth."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2019", "rogers2004")
    data: ClassVar[str] = "tree model; tables of animals and plants (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = IllusorySettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return IllusorySettings(tables=TABLES[:2])
        return IllusorySettings(
            seeds=8,
            step=0.05,
            records=160,
            features=1000,
            width=512,
            tables=(*TABLES, *LARGE_TABLES),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return a deep and a shallow network per set, and a shallow one on correlated inputs."""
        chosen = IllusorySettings.of(settings)
        sets, skipped = item_sets(chosen)
        arms: list[Arm] = []
        for label, task in sets.items():
            arms.append(_arm(chosen, f"{label}, deep", task, 2))
            arms.append(_arm(chosen, f"{label}, shallow", task, 1))
            arms.append(_arm(chosen, _correlated_label(label), correlated(task, chosen), 1))
        if TREE in sets:
            arms.append(
                _arm(chosen, f"control: {TREE}, deep, large start", sets[TREE], 2, start=1.0)
            )
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge beliefs, the sizes of illusions, and who has any."""
        chosen = IllusorySettings.of(settings)
        arms = {arm.label: arm for arm in self.arms(settings)[0]}
        found: list[Judgement] = []
        for label in labels:
            targets = _targets(arms[label])
            role = role_of(label)
            found.append(
                Judgement(
                    label,
                    role,
                    COURSES,
                    (label,),
                    lambda results, label=label: mean_course_error(
                        results[label], TRAIN_PREDICTION
                    ),
                )
            )
            if label.endswith("deep"):
                found.append(Judgement(label, "test", PEAKS, (label,), _peak_gap(label, targets)))
            if "shallow" in label:
                # Correlated inputs are a control of the claim about depth, not of the courses.
                alike = label.endswith("correlated inputs")
                found.append(
                    Judgement(
                        f"control: {label}" if alike else label,
                        "control" if alike else "test",
                        DEEP_ONLY,
                        (label,),
                        _share(label, targets, chosen.threshold),
                    )
                )
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw, per set, one belief, the size of all illusions, and how many there are."""
        chosen = IllusorySettings.of(result.settings)
        arms = {arm.label: arm for arm in self.arms(result.settings)[0]}
        sets = [label.removesuffix(", deep") for label in result.results if label.endswith("deep")]
        figure = Figure(figsize=(12.0, 3.3 * len(sets)))
        grid = figure.add_gridspec(len(sets), 3, width_ratios=(1.2, 1.0, 1.0))
        for row, label in enumerate(sets):
            panels = [figure.add_subplot(grid[row, k]) for k in range(3)]
            deep = result.results[f"{label}, deep"]
            task = experiment_of(arms[f"{label}, deep"]).task
            shallow = result.results[f"{label}, shallow"]
            same = result.results[_correlated_label(label)]
            draw_belief(panels[0], label, task, (deep, shallow, same))
            draw_cells(panels[1], deep, np.asarray(task.data().train.y))
            draw_shares(
                panels[2], np.asarray(task.data().train.y), (deep, shallow, same), chosen.threshold
            )
        headline(
            figure,
            "Beliefs that rise and fall: deep networks, and shallow ones with correlated inputs",
        )
        return figure


def correlated(task: Task, settings: IllusorySettings) -> Task:
    """Return the same items with inputs that are alike: every two correlate as the settings say."""
    y = np.asarray(task.data().train.y)
    n, alike = len(y), settings.correlation
    gram = n * ((1.0 - alike) * np.eye(n) + alike)
    return on_inputs(np.linalg.cholesky(gram), y, "correlated inputs")


def illusory_share(
    courses: Float[np.ndarray, "*lead time n f"],
    targets: Float[np.ndarray, "n f"],
    threshold: float,
) -> Float[np.ndarray, "*lead"]:
    """Return the share of beliefs wrong by ``threshold`` of the root mean square target."""
    size = threshold * float(np.sqrt(np.mean(targets**2)))
    return np.mean(wrong_way(courses, targets) > size, axis=(-2, -1))


def shallow_experiment(settings: IllusorySettings, task: Task) -> Experiment:
    """Return a shallow network: the fastest direction of the inputs sets the step, not the time.

    It is trained for six times the time of the slowest direction, and recorded on a clock that
    shows both.
    """
    x = np.asarray(task.data().train.x)
    power = np.linalg.eigvalsh(x.T @ x / len(x))
    rate = 0.5 / float(power[-1])  # the prediction is exact for steps of any size
    steps = float(round(6.0 / float(power[0]) / rate))
    training = Training(
        GradientDescent(rate),
        duration=steps,
        record=Logarithmically(settings.records, first=max(1.0, 1e-3 * steps)),
    )
    network = deep_linear(
        task.input_size, (), task.output_size, initialisation=Gaussian(settings.start)
    )
    return Experiment(task, network, training)


def _correlated_label(label: str) -> str:
    return f"{label}, shallow, correlated inputs"


def _targets(arm: Arm) -> Float[np.ndarray, "n f"]:
    return np.asarray(experiment_of(arm).task.data().train.y)


def _arm(
    settings: IllusorySettings, label: str, task: Task, depth: int, start: float | None = None
) -> Arm:
    if depth == 1:
        experiment = shallow_experiment(settings, task)
    else:
        experiment = item_experiment(settings, task, depth, start=start)
    run = Run(experiment, IllusoryCorrelations(), tuple(range(settings.seeds)))
    return Arm(label, run)


def _peak_gap(label: str, targets: Float[np.ndarray, "n f"]):
    def error(results: Results) -> Statistic:
        result: RunResult = results[label]
        seen = wrong_way(observed(result, TRAIN_PREDICTION), targets)
        expected = wrong_way(predicted(result, TRAIN_PREDICTION), targets)
        errors = np.linalg.norm(seen - expected, axis=(1, 2)) / np.linalg.norm(
            expected, axis=(1, 2)
        )
        return mean_of(errors)

    return error


def _share(label: str, targets: Float[np.ndarray, "n f"], threshold: float):
    def error(results: Results) -> Statistic:
        shares = illusory_share(observed(results[label], TRAIN_PREDICTION), targets, threshold)
        return mean_of(shares)

    return error
