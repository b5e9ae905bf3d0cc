"""Does full-batch training drive curvature to the largest that its rule can stand?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.rules import Adam, GradientDescent
from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.networks.architectures import deep_linear
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_apart, mean_of, observed
from carnotlab.studies.judging import judge
from carnotlab.studies.optimization.edge_panels import draw_edges, draw_losses
from carnotlab.studies.optimization.edge_run import RATIO, EdgeRun, digits_task, smooth_network
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.theories.curvature.stability import Stepped, largest_stable_curvature

DESCENT, HEAVY, NESTEROV = "gradient descent", "heavy ball", "Nesterov"
ADAM, SMALL, STRONG = "Adam", "control: small rate", "control: strong momentum"
LINEAR = "control: linear layer, 2 % above its limit"
LEFT = Quantity("loss_left", (), "1", "training loss at the end over that when the edge is reached")
MIDDLE, HALF_WIDTH = 1.01, 0.04
"""The limit is met where curvature is from 0.97 to 1.05 of it."""


class EdgeSettings(Settings, frozen=True, kw_only=True):
    """Settings of `EdgeOfStability`; ``limit`` is the curvature that each rate is chosen for."""

    seeds: Count = 3
    images: Count = 100
    steps: Count = 600
    records: Count = 61
    limit: Positive = 11.0
    momentum: Positive = 0.5


def rule_for(limit: float, momentum: float = 0.0, nesterov: bool = False) -> GradientDescent:
    """Return descent whose largest stable curvature is ``limit``.

    >>> rule_for(10.0)
    GradientDescent(learning_rate=0.2, momentum=0.0, nesterov=False)
    """
    unit = GradientDescent(1.0, momentum, nesterov)
    return GradientDescent(largest_stable_curvature(unit) / limit, momentum, nesterov)


class EdgeOfStability(Study):
    """Descent with and without momentum at a rate whose limit is above the curvature at first."""

    name: ClassVar[str] = "edge-of-stability"
    question: ClassVar[str] = (
        "Does full-batch training stop at the largest curvature that its rule can stand, and go "
        "on learning there?"
    )
    message: ClassVar[str] = (
        "Curvature rises until descent, heavy ball or Nesterov are about to become unstable, each "
        "at its own limit, and stays there while the loss goes on falling: what would blow up a "
        "linear model holds a network. A small rate or strong momentum may never get there."
    )
    source: ClassVar[tuple[str, ...]] = ("cohen2021", "cohen2022")
    data: ClassVar[str] = "scikit-learn's digits"
    settings: ClassVar[type[Settings]] = EdgeSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return EdgeSettings()
        return EdgeSettings(seeds=8, steps=4000, records=201)

    def rules(self, settings: Settings) -> dict[str, Stepped]:
        """Return the rule of each arm that trains the network."""
        own = EdgeSettings.of(settings)
        return {
            DESCENT: rule_for(own.limit),
            HEAVY: rule_for(own.limit, own.momentum),
            NESTEROV: rule_for(own.limit, own.momentum, True),
            SMALL: rule_for(20.0 * own.limit),
            STRONG: rule_for(own.limit, 0.9),
            ADAM: Adam(0.03),
        }

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return one run for each rule, and a linear layer above its own limit."""
        own = EdgeSettings.of(settings)
        seeds = tuple(range(own.seeds))

        def run(rule: Stepped) -> EdgeRun:
            return EdgeRun(rule, smooth_network(), own.images, own.steps, own.records, seeds)

        x = np.asarray(digits_task(own.images).data().train.x)
        top = float(np.linalg.eigvalsh(x.T @ x / len(x))[-1])
        linear = EdgeRun(
            rule_for(top / 1.02), deep_linear(64, (), 10), own.images, own.steps, own.records, seeds
        )
        arms = [Arm(label, run(rule)) for label, rule in self.rules(settings).items()]
        return (*arms, Arm(LINEAR, linear)), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold late curvature against each rule's own limit, and against others'."""
        del labels
        own = EdgeSettings.of(settings)
        edge = Tolerance(
            RATIO,
            HALF_WIDTH,
            "curvature swings about the limit; 0.97 to 1.05 of it is what is reported, and less "
            "than a tenth of what separates the limits of the rules",
        )
        falls = Tolerance(LEFT, 0.5, "a loss that is halved again has not stopped at the edge")

        def taken(rule: Stepped, other: Stepped) -> Callable[[RunResult], Statistic]:
            return late_ratio(largest_stable_curvature(rule) / largest_stable_curvature(other))

        heavy, nesterov = (rule_for(own.limit, own.momentum, ahead) for ahead in (False, True))
        plain = GradientDescent(heavy.learning_rate)
        ball = GradientDescent(nesterov.learning_rate, own.momentum)
        return (
            *(judge(arm, edge, arm, late_ratio()) for arm in (DESCENT, HEAVY, NESTEROV)),
            *(
                judge(f"{arm}, the loss goes on falling", falls, arm, loss_left)
                for arm in (DESCENT, HEAVY, NESTEROV)
            ),
            judge(SMALL, edge, SMALL, late_ratio()),
            judge(STRONG, edge, STRONG, late_ratio()),
            judge("control: heavy ball, momentum ignored", edge, HEAVY, taken(heavy, plain)),
            judge("control: Nesterov, taken for heavy ball", edge, NESTEROV, taken(nesterov, ball)),
            judge(LINEAR, falls, LINEAR, loss_left),
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return late curvature over the limit of every rule, Adam's among them."""
        table = Table("rule", "highest", "late", "reached", title="curvature over the rule's limit")
        for label in self.rules(result.settings):
            run = result.results[label]
            ratio = observed(run, RATIO)
            late = late_mean(run)
            table.add_row(
                label,
                f"{np.nanmax(ratio, axis=1).mean():.3f}",
                f"{late.mean():.3f} ({late.min():.3f} to {late.max():.3f})",
                "yes" if run.checks[0].holds else "no",
            )
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw curvature over the limit, and losses."""
        figure = Figure(figsize=(12.0, 4.6))
        left, middle, right = figure.subplots(1, 3)
        runs = result.results
        draw_edges(left, {arm: runs[arm] for arm in (DESCENT, HEAVY, NESTEROV)}, HALF_WIDTH)
        draw_edges(middle, {arm: runs[arm] for arm in (SMALL, STRONG, ADAM)}, HALF_WIDTH)
        left.set_title("rates whose limit lies above the curvature at first")
        middle.set_title("not reached by two; Adam (Hessian preconditioned)")
        draw_losses(right, {arm: runs[arm] for arm in (DESCENT, HEAVY, NESTEROV, LINEAR)})
        headline(figure, "Curvature rises to the limit of its rule, and the loss goes on falling")
        return figure


def late_mean(result: RunResult) -> np.ndarray:
    """Return the mean of curvature over the limit in the second half of training, by seed."""
    ratio = observed(result, RATIO)
    return np.asarray(ratio[:, ratio.shape[1] // 2 :].mean(axis=1))


def late_ratio(factor: float = 1.0) -> Callable[[RunResult], Statistic]:
    """Return the distance from the middle of what counts as at the limit, late in training."""
    return lambda result: mean_apart(factor * late_mean(result), MIDDLE)


def loss_left(result: RunResult) -> Statistic:
    """Return the last tenth's loss over that at which the edge was first reached (else at first).

    A run that diverged has an infinite one.
    """
    ratio, loss = observed(result, RATIO), observed(result, TRAIN_LOSS)
    reached = np.argmax(ratio >= 1.0, axis=1)
    before = loss[np.arange(len(loss)), reached]
    late = loss[:, -max(loss.shape[1] // 10, 1) :].mean(axis=1)
    return mean_of(np.where(np.isfinite(late), late / before, np.inf))
