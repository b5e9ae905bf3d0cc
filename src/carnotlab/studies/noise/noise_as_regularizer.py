"""Is noise in training a regularizer that can be written down, and where does that end?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.measures.losses import TEST_ACCURACY, TEST_LOSS, TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted, squared_mean
from carnotlab.studies.noise.balance_run import LAYER_IMBALANCE
from carnotlab.studies.noise.noise_arms import (
    ENTROPY,
    FIXED,
    FRESH,
    IGNORED,
    INPUTS,
    NO_PENALTY,
    SQUARED,
    UNITS,
    WEIGHTS,
    NoiseSettings,
    noise_arms,
)
from carnotlab.studies.noise.noise_panels import (
    draw_balance,
    draw_certainty,
    draw_digits,
    draw_layer,
    draw_modes,
)
from carnotlab.studies.noise.two_layer_run import END_MODES, PRODUCT
from carnotlab.studies.study import (
    Arm,
    Judgement,
    Results,
    Rows,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.theories.noise.linear_dropout import LAYER_WEIGHTS

MEANS = Tolerance(
    LAYER_WEIGHTS,
    0.03,
    "exact for means over the noise; a network scatters by a tenth of its weights or less, over "
    "the root of 64 networks about 1 %, and twice that at the ends of an interval",
)
MEAN_LOSS = Tolerance(
    TRAIN_LOSS,
    0.03,
    "the same: exact for the mean, noise of the weights included",
)
COURSE = Tolerance(
    PRODUCT,
    0.05,
    "means do not close for two layers: steps of 5 % of the curvature add noise of that order",
)
MODES = Tolerance(
    END_MODES,
    0.1,
    "of the strongest mode: the mean over eight records leaves noise of a few hundredths, which "
    "lifts modes that are lost above zero",
)
NETWORKS = Tolerance(
    TEST_LOSS,
    0.05,
    "the penalty is exact, but not the mean course of several layers: a step adds noise of the "
    "order of the rate times the curvature, a few hundredths; of the loss at the end",
)
SURE = Tolerance(
    TRAIN_LOSS,
    0.05,
    "as for held-out losses; on training samples the network is sure in the end, p(1 - p) and with "
    "it the quadratic penalty vanish, and what dropout costs does not",
)
BALANCE = Tolerance(
    LAYER_IMBALANCE,
    0.05,
    "to leading order in the rate times the curvature, 0.1 here, of a decay by a half",
)


class NoiseAsRegularizer(Study):
    """Dropout, DropConnect and label noise, held against what they are on average."""

    name: ClassVar[str] = "noise-as-regularizer"
    question: ClassVar[str] = (
        "Is leaving units out the same as an explicit penalty, and where does that end?"
    )
    message: ClassVar[str] = (
        "In one linear layer dropout is ridge regression input by input, exactly, and DropConnect "
        "the same; in two it shrinks modes. Behind the last activation of a network on digits it "
        "is still exact for squared error; for cross-entropy it is a leading term that holds early "
        "and is lost on training samples as the network grows sure of wrong labels."
    )
    source: ClassVar[tuple[str, ...]] = (
        "srivastava2014",
        "wan2013",
        "mianjy2018",
        "wager2013",
        "wei2020",
    )
    data: ClassVar[str] = "synthetic linear tasks; scikit-learn's digits with wrong labels"
    settings: ClassVar[type[Settings]] = NoiseSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return NoiseSettings()
        return NoiseSettings(
            seeds=8,
            networks=64,
            width=64,
            samples=300,
            wrong=(0.0, 0.2, 0.4),
            steps=500,
            first_weights=True,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return linear layers, two layers, two weights, networks on digits, and the controls."""
        return noise_arms(NoiseSettings.of(settings)), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold mean courses of each arm against their tolerances, and modes at the end."""
        del settings
        entropy = next(label for label in labels if "entropy" in label)
        found = [_judgement(label, _tolerance(label)) for label in labels if label != entropy]
        found += [
            Judgement(f"{entropy}, first tenth", "test", NETWORKS, (entropy,), _part(entropy, 0.1)),
            Judgement(
                f"control: {entropy}, training loss at the end",
                "control",
                SURE,
                (entropy,),
                _part(entropy, quantity=TRAIN_LOSS),
            ),
        ]
        found += [_judgement(label, MEAN_LOSS) for label in (INPUTS, WEIGHTS)]
        found.append(Judgement(f"{UNITS}, end", "test", MODES, (UNITS,), _modes_apart(UNITS)))
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return held-out errors of networks and penalties."""
        table = Table(
            "on digits", "dropout", "descent on the expected loss", title="missed, held out"
        )
        for label, run in result.results.items():
            if "digits" in label:
                values = (
                    1 - part[TEST_ACCURACY.name].values[:, -1].mean()
                    for part in (run.observation, run.prediction)
                )
                table.add_row(label, *(f"{value:.3f}" for value in values))
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw one layer, two layers, label noise and networks on digits."""
        own = NoiseSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 7.0))
        runs = result.results
        grid = figure.add_gridspec(2, 6)
        layer, modes = (figure.add_subplot(grid[0, part]) for part in (slice(3), slice(3, 6)))
        balance, digits, certainty = (
            figure.add_subplot(grid[1, slice(left, left + 2)]) for left in (0, 2, 4)
        )
        entropy = runs[ENTROPY.format(own.mild)]
        draw_layer(layer, runs[INPUTS], runs[WEIGHTS], runs[IGNORED])
        draw_modes(modes, runs[UNITS], own.keep)
        draw_balance(balance, runs[FRESH], runs[FIXED])
        shown = {
            "squared error, keep 0.5": runs[SQUARED.format(own.wrong[-1])],
            f"cross-entropy, keep {own.mild:g}": entropy,
        }
        draw_digits(digits, shown, runs[NO_PENALTY], own.wrong[-1])
        draw_certainty(certainty, entropy, own.mild)
        headline(
            figure,
            "Noise in training is a penalty, exact in one layer: lines theory, marks networks",
        )
        return figure


def _tolerance(label: str) -> Tolerance:
    if "digits" in label:
        return NETWORKS
    if "two weights" in label:
        return BALANCE
    return COURSE if "hidden" in label or "two linear" in label else MEANS


def _judgement(label: str, tolerance: Tolerance) -> Judgement:
    if tolerance is NETWORKS:
        return Judgement(label, role_of(label), tolerance, (label,), _part(label))

    def error(results: Results) -> Statistic:
        return mean_gap(results[label], tolerance.quantity)

    return Judgement(label, role_of(label), tolerance, (label,), error)


def _part(
    label: str, first: float | None = None, quantity: Quantity = TEST_LOSS
) -> Callable[[Results], Statistic]:
    """Return the error over the first part of the course, or else at its end."""

    def error(results: Results) -> Statistic:
        records = results[label].observation.sizes["time"]
        part = slice(-1, None) if first is None else slice(0, 1 + round(first * (records - 1)))
        return mean_gap(results[label], quantity, part)

    return error


def mean_gap(result: RunResult, quantity: Quantity, part: slice = slice(None)) -> Statistic:
    """Return the norm of the mean over members of each one's gap from its own prediction.

    Over the whole course or a part of its records.
    """
    seen, expected = (each(result, quantity)[:, part] for each in (observed, predicted))
    gap = (seen - expected).reshape(len(seen), -1)
    products, size = gap @ gap.T, float(np.sum(expected.mean(axis=0) ** 2))
    return lambda rows: float(np.sqrt(squared_mean(products, rows) / size))


def _modes_apart(label: str) -> Callable[[Results], Statistic]:
    def error(results: Results) -> Statistic:
        seen = results[label].observation[END_MODES.name].values
        expected = results[label].prediction[END_MODES.name].values

        def statistic(rows: Rows) -> float:
            return float(np.abs(seen[rows].mean(axis=0) - expected).max() / expected.max())

        return statistic

    return error
