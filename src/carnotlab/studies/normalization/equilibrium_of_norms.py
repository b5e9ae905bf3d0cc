"""Where do norms of weights without scale settle, and how fast do they then turn?"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_apart, mean_of
from carnotlab.studies.normalization.network_norms_run import (
    ANGLE_RATIO,
    MEAN_SHARE,
    NORM_RATIO,
    NetworkNormsRun,
)
from carnotlab.studies.normalization.norm_panels import draw_networks, draw_ratios, draw_walks
from carnotlab.studies.normalization.normalized_networks import NormalizedSettings
from carnotlab.studies.normalization.walk_run import ANGLE, FOURTH, WALK_NORM, WalkRun
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.digits import Digits
from carnotlab.theories.scale_invariance.norms import settling_step

PLAIN, MOMENTUM, BELOW = "noise, no momentum", "noise, momentum 0.9", "noise, from below"
FORGOTTEN = "momentum forgotten"
PERSISTENT = "gradients that persist, no momentum"
HEAVY = "gradients that persist, momentum 0.9"
NETWORK = "{} on digits, momentum {:g}"

NORMS = Tolerance(
    FOURTH,
    0.01,
    "fourth powers of norms scatter by a few per cent from step to step and walk to walk; their "
    "mean over thousands of steps of dozens of walks, less than 1 %",
)
ANGLES = Tolerance(ANGLE, 0.01, "angles of steps in 400 dimensions scatter by 4 %, means far less")
COURSES = Tolerance(
    WALK_NORM,
    0.03,
    "to leading order in the rate times decay, 0.005, and in squares of angles, 0.03 where weights "
    "are smallest; the mean over walks scatters by about 1 %",
)
REPORTED: dict[str, Quantity] = {"norm": NORM_RATIO, "angle": ANGLE_RATIO}


class EquilibriumSettings(NormalizedSettings, frozen=True, kw_only=True):
    """Settings of `EquilibriumOfNorms`, besides those of all studies here.

    ``seeds`` are groups of walks, too: ``walk`` steps of noise at ``walk_rate`` and ``walk_decay``.
    ``steps`` of training of networks. ``residual``: also a residual net.
    """

    seeds: Count = 3
    walk: Count = 2000
    walk_rate: Positive = 0.5
    walk_decay: Positive = 0.01
    steps: Count = 1000
    residual: bool = False


class EquilibriumOfNorms(Study):
    """Norms and angles of weights without scale, by noise alone and in real networks."""

    name: ClassVar[str] = "equilibrium-of-norms"
    question: ClassVar[str] = (
        "Where do norms of weights without scale settle, when, and how fast do they turn there?"
    )
    message: ClassVar[str] = (
        "Under noise they settle as predicted, within 1 %, in the order of 1/(rate × decay) steps, "
        "and then turn by an angle a step that knows of the rate, the decay and momentum alone. "
        "Gradients that persist change the norm, under momentum, but not the angle. In networks "
        "that fit their data the ratios to theory are reported, not judged."
    )
    source: ClassVar[tuple[str, ...]] = ("vanlaarhoven2017", "li2020b", "wan2021")
    data: ClassVar[str] = "noise; scikit-learn's digits"
    settings: ClassVar[type[Settings]] = EquilibriumSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return EquilibriumSettings()
        return EquilibriumSettings(
            seeds=6, walk=6000, steps=6000, samples=1000, width=48, batch=32, residual=True
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return walks under noise, their controls, and networks."""
        own = EquilibriumSettings.of(settings)

        def walk(momentum: float, start: float = 3.0, persistence: float = 0.0) -> WalkRun:
            return WalkRun(
                own.walk_rate,
                own.walk_decay * (1.0 - momentum),
                momentum,
                own.walk,
                own.seeds,
                start,
                persistence=persistence,
            )

        def net(kind: str, momentum: float) -> NetworkNormsRun:
            decay = own.decay * (1.0 - momentum) / 0.1
            residual = kind == "ResNet"
            return NetworkNormsRun(
                Digits(own.samples, 100),
                "ResNet" if residual else "MLP",
                4 if residual else own.width,
                own.rate,
                decay,
                momentum,
                own.steps,
                tuple(range(own.seeds)),
                own.batch,
            )

        kinds = [("MLP", 0.9), ("MLP", 0.0), *([("ResNet", 0.9)] if own.residual else [])]
        return (
            Arm(PLAIN, walk(0.0)),
            Arm(MOMENTUM, walk(0.9)),
            Arm(BELOW, walk(0.0, start=0.6)),
            Arm(FORGOTTEN, replace(walk(0.9), believed=0.0)),
            Arm(PERSISTENT, walk(0.0, persistence=0.5)),
            Arm(HEAVY, walk(0.9, persistence=0.5)),
            *(Arm(NETWORK.format(*each), net(*each)) for each in kinds),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold norms, angles and courses of walks to theory; networks are reported."""
        del settings, labels
        found: list[Judgement] = []
        for arm in (PLAIN, MOMENTUM, BELOW, PERSISTENT):
            found += [
                Judgement(f"{arm}, norm", "test", NORMS, (arm,), _apart(arm, FOURTH)),
                Judgement(f"{arm}, angle", "test", ANGLES, (arm,), _apart(arm, ANGLE)),
                Judgement(f"{arm}, course", "test", COURSES, (arm,), _course(arm)),
            ]
        for arm in (FORGOTTEN, HEAVY):
            name = f"control: {arm}, norm"
            found.append(Judgement(name, "control", NORMS, (arm,), _apart(arm, FOURTH)))
        wrong = f"control: {FORGOTTEN}, angle"
        found.append(Judgement(wrong, "control", ANGLES, (FORGOTTEN,), _apart(FORGOTTEN, ANGLE)))
        found.append(Judgement(f"{HEAVY}, angle", "test", ANGLES, (HEAVY,), _apart(HEAVY, ANGLE)))
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return times to equilibrium in units of theory's, and networks' ratios to theory."""
        walks = Table("noise", "settles within 5 %, in (1 - momentum)/(rate × decay)")
        for label in (PLAIN, MOMENTUM, BELOW):
            walks.add_row(label, f"{settling(result.results[label]):.2f}")
        nets = Table("network", "norm / theory", "angle / theory", "correlation of gradients, late")
        for label, run in networks(result.results).items():
            values = [run.observation[each.name].values for each in REPORTED.values()]
            share = run.observation[MEAN_SHARE.name].values[:, -50:].mean()
            cells = [f"{v.mean():.3f} ({v.min():.3f} to {v.max():.3f})" for v in values]
            nets.add_row(label, *cells, f"{share:.3f}")
        return walks, nets

    def figure(self, result: StudyResult) -> Figure:
        """Draw walks over theory, networks, and ratios."""
        figure = Figure(figsize=(12.0, 4.2))
        walks, nets, ratios = figure.subplots(1, 3)
        runs = result.results
        shown = {label: runs[label] for label in (PLAIN, MOMENTUM, BELOW, FORGOTTEN)}
        draw_walks(walks, shown)
        draw_networks(nets, networks(runs))
        judged = {label: run for label, run in runs.items() if WALK_NORM.name in run.observation}
        draw_ratios(ratios, judged, networks(runs))
        headline(
            figure, "Weights without scale settle where noise and decay balance, and keep turning"
        )
        return figure


def networks(results: Results) -> dict[str, RunResult]:
    """Return the runs of real networks by label."""
    return {label: run for label, run in results.items() if NORM_RATIO.name in run.observation}


def settling(run: RunResult) -> float:
    """Return the record from which norms stay within 5 % of the end, in units of theory's time."""
    norms = run.observation[WALK_NORM.name].values.mean(axis=0)
    first = settling_step(norms, float(run.prediction[FOURTH.name]))
    time = np.append(run.observation["time"].values, np.nan)
    step = time[int(first)] if np.isfinite(first) else np.nan
    return float(step / run.prediction.attrs["relaxation"])


def _apart(arm: str, quantity: Quantity) -> Callable[[Results], Statistic]:
    def error(results: Results) -> Statistic:
        run = results[arm]
        ratio = run.observation[quantity.name].values / float(run.prediction[quantity.name])
        return mean_apart(ratio, 1.0)

    return error


def _course(arm: str) -> Callable[[Results], Statistic]:
    def error(results: Results) -> Statistic:
        run = results[arm]
        seen, expected = (part[WALK_NORM.name].values for part in (run.observation, run.prediction))
        return mean_of(np.abs(seen / expected - 1.0).max(axis=1))

    return error
