"""Do more weights and more data always lower the test loss, and by a law that can be foretold?"""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.errors import InputError, require
from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.studies.scaling.text_curves import (
    Error,
    missed,
    more_data,
    more_weights,
    over_single,
    unstopped,
)
from carnotlab.studies.scaling.text_panels import draw_controls, draw_data, draw_sizes
from carnotlab.studies.scaling.text_run import Architecture, Cell, TextRun
from carnotlab.studies.scaling.text_tables import counts_table, laws_table
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
from carnotlab.studies.style import headline
from carnotlab.tasks.next_character import NextCharacter

TEXT = "text/tiny_shakespeare.txt"
SHUFFLED = "control: shuffled text"
ARCHITECTURES: dict[str, Architecture] = {
    "perceptron": "perceptron",
    "recurrent network": "recurrent",
    "transformer": "transformer",
}
PERCEPTRON, RECURRENT, TRANSFORMER = ARCHITECTURES

RATIO = Quantity("loss_ratio", (), "1", "test loss of the largest over that of the smallest")
OVER_SINGLE = Quantity("loss_over_single", (), "1", "test loss over that of single characters")
MISSED = Quantity("gain_missed", (), "1", "error of the extrapolated loss over the last gain")

BETTER = Tolerance(
    RATIO,
    0.95,
    "with nothing learned from size the ratio is 1, give or take a hundredth of scatter",
)
BELOW = Tolerance(OVER_SINGLE, 0.9, "without order in the text nothing gets below 1")
FORETOLD = Tolerance(MISSED, 0.5, "half the gain: no further gain, the plainest guess, is off by 1")


def find_manual() -> Path:
    """Return Python's own manual of its language, a text that is there wherever Python is.

    >>> find_manual().stat().st_size > 500_000
    True
    """
    found = find_spec("pydoc_data.topics")
    if found is None or found.origin is None:
        raise InputError(
            "no text to learn from",
            "Tiny Shakespeare, or Python's manual in pydoc_data",
            "give a text with --data",
        )
    return Path(found.origin)


class BiggerIsBetterSettings(Settings, frozen=True, kw_only=True):
    """Settings of `BiggerIsBetter`; ``data`` is a UTF-8 text.

    Units are those of the one hidden layer, the recurrent layer and the stream of one block, in
    rising order; the largest is held out of the fit. ``samples`` are those of the perceptron of
    most units, the last those of all others; ``starved`` is the sample on which nothing stops it.
    Rates are those of Adam up to 16 units. ``foretell`` says whether extrapolations are judged:
    after few steps seeds scatter by as much as the last size gains.
    """

    seeds: Count = 3
    context: Count = 8
    held_out: Count = 1000
    perceptron_units: tuple[Count, ...] = (3, 4, 6, 8, 12, 24)
    recurrent_units: tuple[Count, ...] = (3, 4, 6, 8, 12, 24)
    transformer_units: tuple[Count, ...] = (4, 16)
    samples: tuple[Count, ...] = (2048, 16384)
    starved: Count = 512
    steps: Count = 300
    batch: Count = 64
    records: Count = 12
    perceptron_rate: Positive = 0.03
    recurrent_rate: Positive = 0.03
    transformer_rate: Positive = 0.025
    foretell: bool = False


class BiggerIsBetter(Study):
    """Three kinds of networks on the next character of a text, by size and by data."""

    name: ClassVar[str] = "bigger-is-better"
    question: ClassVar[str] = (
        "Do more weights and more data always lower the test loss, by a law that smaller networks "
        "foretell?"
    )
    message: ClassVar[str] = (
        "On a text, more weights and more data lower the test loss of a perceptron, a recurrent "
        "network and a transformer. It is the text that is paid for: with characters in random "
        "order nothing is bought, and on few samples without stopping bigger is worse."
    )
    source: ClassVar[tuple[str, ...]] = ("hestness2017", "kaplan2020", "hoffmann2022")
    data: ClassVar[str] = "Tiny Shakespeare (else Python's manual), or your own UTF-8 text"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = BiggerIsBetterSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return BiggerIsBetterSettings()
        return BiggerIsBetterSettings(
            seeds=12,
            held_out=5000,
            perceptron_units=(3, 4, 6, 8, 12, 16, 48),
            recurrent_units=(3, 4, 6, 8, 12, 16, 48),
            transformer_units=(4, 6, 8, 12, 32),
            samples=(4096, 8192, 16384, 32768, 65536, 131072),
            starved=2048,
            steps=3000,
            batch=128,
            records=20,
            perceptron_rate=0.02,
            recurrent_rate=0.02,
            transformer_rate=0.02,
            foretell=True,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return one run for each kind of network, and perceptrons on a shuffled text."""
        own = BiggerIsBetterSettings.of(settings)
        path = find_data(TEXT) if own.data is None else own.data
        skipped: tuple[str, ...] = ()
        if path is None:
            path, skipped = find_manual(), (not_found(TEXT, "a text"),)
        for name in ("perceptron_units", "recurrent_units", "transformer_units", "samples"):
            given = getattr(own, name)
            require(
                len(given) >= 2 and list(given) == sorted(set(given)),
                f"{name} = {given}",
                "at least two, in rising order",
                "sort them",
            )
        most = own.samples[-1]
        for count in (*own.samples, own.starved):
            require(
                most % count == 0,
                f"{count} of {most} samples",
                "numbers that divide the largest, so that smaller samples come round evenly",
                "use powers of two",
            )
        task = NextCharacter(str(path), own.context, most, own.held_out, "codes")
        shuffled = NextCharacter(str(path), own.context, most, own.held_out, "codes", True)

        def run(label: str, cells: tuple[Cell, ...], text: NextCharacter = task) -> Arm:
            kind = ARCHITECTURES.get(label, "perceptron")
            rate = getattr(own, f"{kind}_rate")
            seeds = tuple(range(own.seeds))
            return Arm(
                label,
                TextRun(text, kind, cells, own.steps, own.batch, rate, own.records, seeds),
            )

        small, large = own.perceptron_units[0], own.perceptron_units[-1]
        by_data = tuple((large, n) for n in own.samples[:-1])
        return (
            run(
                PERCEPTRON,
                (
                    *((units, most) for units in own.perceptron_units),
                    *by_data,
                    (small, own.starved),
                    (large, own.starved),
                ),
            ),
            run(RECURRENT, tuple((units, most) for units in own.recurrent_units)),
            run(TRANSFORMER, tuple((units, most) for units in own.transformer_units)),
            run(SHUFFLED, ((small, most), (large, most), (large, own.samples[0])), shuffled),
        ), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge what size and data buy, below what, and what smaller sizes foretell."""
        del labels
        own = BiggerIsBetterSettings.of(settings)

        def judge(label: str, arm: str, tolerance: Tolerance, error: Error) -> Judgement:
            return Judgement(
                label,
                role_of(label),
                tolerance,
                (arm,),
                lambda results: error(results[arm].observation),
            )

        def below(arm: str) -> Judgement:
            label = f"{arm}, below single characters"
            return Judgement(
                label,
                role_of(label),
                BELOW,
                (arm,),
                lambda results: over_single(results[arm].observation, results[arm].prediction),
            )

        least = own.samples[0]
        found: list[Judgement] = []
        for arm in (*ARCHITECTURES, SHUFFLED):
            found.append(judge(f"{arm}, more weights", arm, BETTER, more_weights))
            found.append(below(arm))
        found.append(judge(f"{PERCEPTRON}, more data", PERCEPTRON, BETTER, more_data(least)))
        found.append(
            judge("control: few samples, no stopping", PERCEPTRON, BETTER, unstopped(own.starved))
        )
        if own.foretell:
            found += [
                judge(f"{arm}, largest foretold", arm, FORETOLD, missed()) for arm in ARCHITECTURES
            ]
            found += [
                judge(f"control: {arm}, by a logarithmic law", arm, FORETOLD,
                      missed("logarithmic"))
                for arm in ARCHITECTURES
            ]  # fmt: skip
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return the fitted laws with what they foretell, and what counting does."""
        own = BiggerIsBetterSettings.of(result.settings)
        kinds = {arm: result.results[arm] for arm in ARCHITECTURES}
        everything = {**kinds, SHUFFLED: result.results[SHUFFLED]}
        return laws_table(kinds, own.samples[0]), counts_table(everything)

    def figure(self, result: StudyResult) -> Figure:
        """Draw losses by size with their laws, losses by data, and the controls."""
        own = BiggerIsBetterSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 4.9))
        grid = figure.add_gridspec(2, 3, height_ratios=(3.2, 1.0), width_ratios=(1.3, 1.0, 1.0))
        sizes = figure.add_subplot(grid[0, 0])
        residuals = figure.add_subplot(grid[1, 0], sharex=sizes)
        runs = {arm: result.results[arm] for arm in ARCHITECTURES}
        draw_sizes(sizes, residuals, runs)
        draw_data(figure.add_subplot(grid[:, 1]), runs[PERCEPTRON], own.samples[0])
        draw_controls(
            figure.add_subplot(grid[:, 2]), runs[PERCEPTRON], result.results[SHUFFLED], own.starved
        )
        headline(figure, "More weights and more data buy a lower loss, where a text has order")
        return figure
