"""Do infinitely wide networks classify small sets as well as the kernels in use, and by what?"""

from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.estimators.small_data_protocol import FAMILIES
from carnotlab.studies.data_folder import VARIABLE, find_data
from carnotlab.studies.errors import mean_of
from carnotlab.studies.infinite_width.small_data_panels import (
    accuracies,
    accuracy_table,
    draw_accuracies,
    draw_gains,
)
from carnotlab.studies.infinite_width.small_data_run import (
    ACCURACY,
    MAJORITY,
    SHUFFLED,
    SmallDataRun,
)
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
)
from carnotlab.studies.style import headline
from carnotlab.tasks.small_data_sets import SmallDataSet, bundled_sets
from carnotlab.tasks.uci_files import read_set, set_names

RIVALS = ("Gaussian kernel", "linear")

OVER_MIDPOINT = Tolerance(
    Quantity(
        "errors_over_midpoint",
        (),
        "1",
        "test errors over the mean of linear and Gaussian machines'",
    ),
    1.0,
    "the margin usual where one treatment is to be no worse than another: it must keep at least "
    "half of what the Gaussian kernel gains over a linear machine",
)
OVER_LINEAR = Tolerance(
    Quantity("errors_over_linear", (), "1", "test errors over those of a linear machine"),
    1.0,
    "no allowance: the linear machine is the network of depth 0, so that a family which contains "
    "it makes at most as many errors wherever the choice between depths is worth anything",
)
ABOVE_MAJORITY = Tolerance(
    Quantity("gain_over_largest_class", (), "fraction", "accuracy above the largest class's share"),
    0.05,
    "with nothing to learn, the accuracy on four test sets of a quarter of 200 rows scatters by "
    "sqrt(0.25 / 200) = 4 points a set, of whose positive part the mean over sets is below 2",
)


class SmallDataSettings(Settings, frozen=True, kw_only=True):
    """Settings of `InfiniteNetsOnSmallData`.

    ``seeds`` is the number of splits that report: the files' own four first, further ones drawn.
    ``largest`` is the most rows that a set may have; those of arora2020 have up to 5000.
    ``judged`` names the rivals that verdicts are about: five sets do not tell the tangent kernel
    from the Gaussian one, so at the small size that is the linear machine alone.
    """

    largest: int = 400
    judged: tuple[str, ...] = ("linear",)


class InfiniteNetsOnSmallData(Study):
    """Support-vector machines with tangent kernels on small sets, and with other kernels."""

    name: ClassVar[str] = "infinite-nets-on-small-data"
    question: ClassVar[str] = (
        "Do infinitely wide networks classify small sets as well as the kernels in common use, "
        "under one protocol for all?"
    )
    message: ClassVar[str] = (
        "Machines with the tangent kernel make fewer errors than linear ones, and as many as those "
        "with a Gaussian kernel to within what ten sets can tell; with labels shuffled nothing is "
        "left."
    )
    source: ClassVar[tuple[str, ...]] = ("arora2020", "fernandezdelgado2014")
    data: ClassVar[str] = "UCI sets (real), else scikit-learn's own; or a folder with --data"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = SmallDataSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return SmallDataSettings()
        return SmallDataSettings(largest=5000, judged=RIVALS)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return one arm for each family of kernels, all on the same sets."""
        chosen = SmallDataSettings.of(settings)
        sets, skipped = _sets(chosen)
        if not sets:
            return (), skipped
        arms = tuple(Arm(family, SmallDataRun(sets, family, chosen.seeds)) for family in FAMILIES)
        return arms, skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge errors against rivals, and what is left with labels shuffled; then controls."""
        del labels
        judged = SmallDataSettings.of(settings).judged
        unknown = [name for name in judged if name not in RIVALS]
        require(
            not unknown,
            f"judged = {', '.join(unknown)}",
            f"some of {', '.join(RIVALS)}",
            "correct the name",
        )

        def midpoint(arm: str, role: Role) -> Judgement:
            label = arm if role == "test" else f"control: {arm}"
            return Judgement(
                label,
                role,
                OVER_MIDPOINT,
                (arm, *RIVALS),
                lambda results: _over_midpoint(results, arm),
            )

        def linear(shuffled: bool) -> Judgement:
            label = "control: NTK, labels shuffled" if shuffled else "NTK"
            role: Role = "control" if shuffled else "test"
            return Judgement(
                label,
                role,
                OVER_LINEAR,
                ("NTK", "linear"),
                lambda results: _over_linear(results, shuffled=shuffled),
            )

        def above(shuffled: bool) -> Judgement:
            # Here the claim is that nothing is left, so it is the true labels that must exceed it.
            label = "NTK, labels shuffled" if shuffled else "control: NTK, true labels"
            role: Role = "test" if shuffled else "control"

            def error(results: Results) -> Statistic:
                return _gain(results, shuffled=shuffled)

            return Judgement(label, role, ABOVE_MAJORITY, ("NTK",), error)

        found = [above(shuffled=True), above(shuffled=False)]
        if "linear" in judged:
            found += [linear(shuffled=False), linear(shuffled=True)]
        if "Gaussian kernel" in judged:
            found += [midpoint("NTK", "test"), midpoint("linear", "control")]
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return accuracy and choice on each set, and the average beside the published one."""
        return (accuracy_table(result.results),)

    def figure(self, result: StudyResult) -> Figure:
        """Draw accuracies set by set, and how far the tangent kernel is ahead of the others."""
        order = [int(i) for i in np.argsort(accuracies(result.results, "NTK").mean(axis=1))]
        figure = Figure(figsize=(10.5, 1.9 + 0.36 * max(len(order), 5)))
        grid = figure.add_gridspec(1, 2, width_ratios=(3, 2))
        left = figure.add_subplot(grid[0])
        right = figure.add_subplot(grid[1])
        draw_accuracies(left, result.results, order)
        draw_gains(right, result.results, order, RIVALS)
        left.set_ylim(-0.6, len(order) - 0.4)
        right.set_ylim(-1.8, len(order) - 0.4)
        headline(
            figure,
            "On small sets the tangent kernel beats a linear machine and matches a Gaussian kernel",
        )
        return figure


def _sets(settings: SmallDataSettings) -> tuple[tuple[SmallDataSet, ...], tuple[str, ...]]:
    """Return the sets that are not too large, and in words which are left out."""
    skipped: list[str] = []
    folder = _folder() if settings.data is None else Path(settings.data)
    if folder is None:
        skipped.append(
            "the UCI sets are not in the data folder, so scikit-learn's own take their place; name "
            f"the folder that holds them as uci with {VARIABLE}, or give them with --data"
        )
        found = bundled_sets()
    else:
        found = tuple(read_set(folder, name) for name in set_names(folder))
    for each in found:
        if len(each.y) > settings.largest:
            skipped.append(
                f"{each.name} has {len(each.y)} rows; raise largest = {settings.largest} with "
                "--set, or use --size full"
            )
    return tuple(each for each in found if len(each.y) <= settings.largest), tuple(skipped)


def _folder() -> Path | None:
    """Return the folder ``uci`` of the data folder, known by one of the ten sets it holds."""
    archive, text = find_data("uci/seeds.npz"), find_data("uci/seeds/seeds_R.dat")
    if archive is not None:
        return archive.parent
    return None if text is None else text.parent.parent


def _accuracies(
    results: Results, arm: str, *, shuffled: bool = False
) -> Float[np.ndarray, " sets"]:
    """Return one arm's accuracy on each set, mean over splits."""
    name = (SHUFFLED if shuffled else ACCURACY).name
    return np.asarray(results[arm].observation[name].values).mean(axis=1)


def _over_midpoint(results: Results, arm: str) -> Statistic:
    """Errors of one family over the mean of the Gaussian kernel's and the linear machine's."""
    both = [1.0 - _accuracies(results, rival) for rival in RIVALS]
    return _ratio(1.0 - _accuracies(results, arm), (both[0] + both[1]) / 2.0)


def _over_linear(results: Results, *, shuffled: bool) -> Statistic:
    """Errors of the tangent kernel over the linear machine's."""
    ours = 1.0 - _accuracies(results, "NTK", shuffled=shuffled)
    return _ratio(ours, 1.0 - _accuracies(results, "linear"))


def _ratio(ours: Float[np.ndarray, " sets"], theirs: Float[np.ndarray, " sets"]) -> Statistic:
    """Ratio of two means over sets; 1 where neither makes an error."""

    def statistic(rows: Rows) -> float:
        one, other = float(ours[rows].mean()), float(theirs[rows].mean())
        if other == 0.0:
            return 1.0 if one == 0.0 else float("inf")
        return one / other

    return statistic


def _gain(results: Results, *, shuffled: bool) -> Statistic:
    """Accuracy above the largest class's share where it is above, mean over sets."""
    majority = np.asarray(results["NTK"].prediction[MAJORITY.name].values)
    gains = np.maximum(_accuracies(results, "NTK", shuffled=shuffled) - majority, 0.0)
    return mean_of(gains)
