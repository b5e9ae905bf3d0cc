"""How much of what networks reach on a data set does a regularized linear model reach?"""

from pathlib import Path
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.studies.robustness.against_linear import (
    LINEAR,
    LUCK,
    NETWORK,
    AgainstLinear,
    gap_to_linear,
    not_reached,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import COLOURS, MARKERS, headline, ink
from carnotlab.tasks.arrays import from_arrays
from carnotlab.tasks.base import Task
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.user_file import from_file

REACHED = Tolerance(
    Quantity("not_reached", (), "fraction", "share of a network's gain over luck that is missed"),
    0.1,
    "nine tenths: what is left to the network is then of the order by which architectures and "
    "training differ among themselves on such sets",
)
BEATEN = Tolerance(
    Quantity("gain_over_linear", (), "fraction", "linear error over the network's, minus 1"),
    0.02,
    "targets are linear with noise, so that no estimator is better than ridge but by chance; "
    "choosing its strength on the samples costs of the order of one over their number",
)
PRODUCT = "control: sign of a product"
TEACHER = "linear teacher, noise"
EASY = ("digits", "mnist", "fashion_mnist")
"""Sets that are judged: of the others the table says what linear models reach."""


class BaselineSettings(Settings, frozen=True, kw_only=True):
    """Settings of `LinearBaselineStudy`.

    ``sets`` are ``digits`` and files of the data folder, ``samples`` of each are trained on by
    networks of ``width`` units for ``steps`` of Adam at ``rate``.
    """

    sets: tuple[str, ...] = ("digits",)
    samples: Count = 400
    held_out: Count = 500
    width: Count = 128
    steps: Count = 200
    rate: Positive = 3e-3
    records: Count = 12
    target: str | None = None


class LinearBaselineStudy(Study):
    """Trained networks beside ridge and logistic regression on the same samples."""

    name: ClassVar[str] = "linear-baseline"
    question: ClassVar[str] = (
        "How much of what networks reach on a data set does a regularized linear model reach?"
    )
    message: ClassVar[str] = (
        "On the usual sets of small images a linear model reaches more than nine tenths of a "
        "network's gain over luck, and on targets that are linear nothing beats it; where classes "
        "are products of features it reaches nothing. A result on real data means little without "
        "this number beside it."
    )
    source: ClassVar[tuple[str, ...]] = ("hastie2022", "arora2020")
    data: ClassVar[str] = "digits (real); at full size MNIST, Fashion-MNIST, CIFAR-10, UCI sets"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = BaselineSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return BaselineSettings()
        return BaselineSettings(
            seeds=8,
            sets=(
                "digits", "mnist_20k_5k", "fashion_mnist_20k_5k", "cifar10_10k_2k",
                "uci/statlog-image", "uci/statlog-vehicle", "uci/balance-scale", "uci/tic-tac-toe",
            ),
            samples=1000,
            held_out=700,
            width=512,
            steps=400,
        )  # fmt: skip

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return the data sets, the product of two signs, and the linear teacher."""
        own = BaselineSettings.of(settings)
        tasks, skipped = _tasks(own)
        return tuple(Arm(label, _run(own, task)) for label, task in tasks.items()), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge the share not reached, and what a network gains on a linear teacher."""
        del settings
        found = [
            Judgement(
                label,
                role_of(label),
                REACHED,
                (label,),
                lambda results, label=label: not_reached(results[label]),
            )
            for label in labels
            if label == PRODUCT or label in EASY
        ]
        found.append(
            Judgement(
                TEACHER, "test", BEATEN, (TEACHER,), lambda results: gap_to_linear(results[TEACHER])
            )
        )
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return luck, both linear models, the network, and the share that is reached."""
        table = Table("data", "luck", "ridge", "logistic", "network", "reached by linear")
        for label, run in result.results.items():
            seen = run.observation
            luck, network = (float(seen[name].mean()) for name in (LUCK.name, NETWORK.name))
            linear = np.asarray(seen[LINEAR.name].values[0], dtype=np.float64)
            reached = (luck - np.nanmin(linear)) / (luck - network)
            words = [f"{value:.3f}" if np.isfinite(value) else "–" for value in linear]
            table.add_row(label, f"{luck:.3f}", *words, f"{network:.3f}", f"{reached:.2f}")
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw, for each data set, errors of linear models and network as shares of luck's."""
        figure = Figure(figsize=(7.5, 1.2 + 0.5 * len(result.results)))
        axes = figure.add_subplot()
        for row, run in enumerate(result.results.values()):
            seen = run.observation
            luck = float(seen[LUCK.name].mean())
            network = np.asarray(seen[NETWORK.name].values, dtype=np.float64) / luck
            linear = np.asarray(seen[LINEAR.name].values[0], dtype=np.float64) / luck
            for index, (kind, value) in enumerate(zip(("ridge", "logistic"), linear, strict=True)):
                label = f"{kind} regression" if row == 0 else None
                axes.plot(
                    value, row, MARKERS[index], ms=7, color=ink(), mfc="none", lw=0, label=label
                )
            axes.errorbar(
                network.mean(),
                row,
                xerr=[[network.mean() - network.min()], [network.max() - network.mean()]],
                color=COLOURS[0],
                marker=MARKERS[2],
                label="network" if row == 0 else None,
            )
        labels = [label.replace("control: ", "control:\n") for label in result.results]
        axes.axvline(1.0, color=ink(), lw=0.8, ls="--")
        axes.set_yticks(range(len(labels)), labels)
        axes.set(
            xlabel="error on held-out samples, share of that of luck",
            xlim=(0.0, None),
            ylim=(len(labels) - 0.6, -0.4),
        )
        axes.legend(fontsize="small")
        headline(figure, "What networks reach, and what linear models reach of it")
        return figure


def _tasks(settings: BaselineSettings) -> tuple[dict[str, Task], tuple[str, ...]]:
    tasks: dict[str, Task] = {}
    skipped: list[str] = []
    rows = settings.samples + settings.held_out
    if settings.data is not None:
        task = from_file(settings.data, target=settings.target, kind="classification", rows=rows)
        tasks[Path(settings.data).stem] = task
    for name in settings.sets if settings.data is None else ():
        path = None if name == "digits" else find_data(f"{name}.npz")
        if name == "digits":
            tasks[name] = Digits(settings.samples, settings.held_out)
        elif path is None:
            skipped.append(not_found(f"{name}.npz", "such a file"))
        elif name.startswith("uci/"):
            task = from_file(path, kind="classification", test_fraction=0.4, rows=rows)
            tasks[path.stem] = task
        else:
            task = from_file(path, standardise="unit range", rows=settings.samples)
            tasks[name.split("_20k")[0].split("_10k")[0]] = task
    tasks[TEACHER] = GaussianRegression(20, samples=settings.samples, noise_variance=1.0)
    tasks[PRODUCT] = _product(settings)
    return tasks, tuple(skipped)


def _product(settings: BaselineSettings) -> Task:
    """Return classes that are the sign of a product of two of six inputs, unseen by any line."""
    random = generator(0, "product of signs")
    x = random.standard_normal((settings.samples + settings.held_out, 6))
    classes = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    share = settings.held_out / len(x)
    return from_arrays(x, classes, test_fraction=share, name="sign of a product")


def _run(settings: BaselineSettings, task: Task) -> AgainstLinear:
    return AgainstLinear(
        task,
        tuple(range(settings.seeds)),
        settings.width,
        settings.steps,
        settings.rate,
        settings.records,
    )
