"""Accuracies on small sets for a person to read: a table, and panels of a figure."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from rich.table import Table
from rich.text import Text

from carnotlab.core.verdicts import bootstrap
from carnotlab.studies.errors import mean_of
from carnotlab.studies.infinite_width.small_data_run import ACCURACY, MAJORITY, SHUFFLED
from carnotlab.studies.study import Results
from carnotlab.studies.style import COLOURS, MARKERS, ink

PUBLISHED = "81.95 ± 14.10"
"""Average and standard deviation over the 90 sets of arora2020, per cent, for the NTK."""


def accuracies(results: Results, arm: str) -> Float[np.ndarray, "sets splits"]:
    """Return one arm's accuracies, set by set."""
    return np.asarray(results[arm].observation[ACCURACY.name].values, dtype=np.float64)


def accuracy_table(results: Results) -> Table:
    """Return every set with its accuracies in per cent, ± over splits, and what was chosen.

    The last row holds averages ± standard deviation over sets, as arora2020 give theirs.
    """
    seen = results["NTK"].observation
    headings = (
        "set",
        "rows",
        "features",
        "classes",
        "largest class",
        "NTK",
        "depth",
        "frozen",
        "C",
    )
    rivals = [arm for arm in results if arm != "NTK"]
    table = Table(
        title=Text("accuracy in %, ± standard deviation over splits"), title_justify="left"
    )
    for heading in (*headings, *rivals):
        table.add_column(Text(heading), justify="left" if heading == "set" else "right")
    majority = np.asarray(results["NTK"].prediction[MAJORITY.name].values)
    for index, name in enumerate(seen["data_set"].values):

        def fact(key: str, index: int = index) -> str:
            return f"{float(seen[key].values[index]):g}"

        table.add_row(
            Text(str(name)),
            *(fact(key) for key in ("rows", "features", "classes")),
            f"{100 * majority[index]:.2f}",
            _spread(accuracies(results, "NTK")[index]),
            *(fact(key) for key in ("depth", "frozen", "cost")),
            *(_spread(accuracies(results, arm)[index]) for arm in rivals),
        )
    averages = {arm: _spread(accuracies(results, arm).mean(axis=1)) for arm in results}
    table.add_section()
    count = len(seen["data_set"])
    blank = ("", "", "")
    table.add_row(
        f"average of {count}, ± over sets", *blank, f"{100 * majority.mean():.2f}",
        averages["NTK"], *blank, *(averages[arm] for arm in rivals),
    )  # fmt: skip
    table.add_row("published average of 90", *blank, "", PUBLISHED, *blank, *("" for _ in rivals))
    table.caption = Text(
        "The published average (arora2020) is over 90 sets; others have other averages."
    )
    table.caption_justify = "left"
    return table


def draw_accuracies(axes: Axes, results: Results, order: list[int]) -> None:
    """Draw every family's accuracy, set by set: the mean of the splits, and for NTK their range."""
    heights = np.arange(float(len(order)))
    ours = 100 * accuracies(results, "NTK")[order]
    shuffled = 100 * np.asarray(results["NTK"].observation[SHUFFLED.name].values)[order]
    majority = 100 * np.asarray(results["NTK"].prediction[MAJORITY.name].values)[order]
    for height in heights:
        axes.axhline(float(height), color="0.5", lw=0.4, alpha=0.5, zorder=0)
    axes.plot(majority, heights, "|", ms=11, color=ink(), label="largest class")
    axes.plot(shuffled.mean(axis=1), heights, "x", ms=5, color="0.5", label="NTK, labels shuffled")
    axes.hlines(
        heights, ours.min(axis=1), ours.max(axis=1), color=COLOURS[0], lw=5, alpha=0.3, zorder=1
    )
    for index, arm in reversed(list(enumerate(results))):
        means = 100 * accuracies(results, arm)[order].mean(axis=1)
        axes.plot(
            means,
            heights,
            MARKERS[index],
            ms=7 if index == 0 else 5.5,
            color=COLOURS[index],
            mfc=COLOURS[index] if index == 0 else "none",
            mew=1.4,
            label=arm,
            zorder=3 if index == 0 else 4,
        )
    names = [str(results["NTK"].observation["data_set"].values[i]) for i in order]
    axes.set_yticks(heights, names)
    axes.set(xlabel="accuracy (%)", title="each set, sorted by the NTK's accuracy")
    handles, labels = axes.get_legend_handles_labels()
    _legend_below(axes, handles[::-1], labels[::-1])


def draw_gains(axes: Axes, results: Results, order: list[int], rivals: tuple[str, ...]) -> None:
    """Draw how many points the NTK is ahead of its rivals, set by set, and the mean over sets.

    A set's bar is the range over its splits; the mean's is its 95 % interval over sets.
    """
    heights = np.arange(float(len(order)))
    shifts = np.linspace(0.16, -0.16, len(rivals))
    for rival, shift in zip(rivals, shifts, strict=True):
        index = list(results).index(rival)
        gains = 100 * (accuracies(results, "NTK") - accuracies(results, rival))[order]
        means = gains.mean(axis=1)
        axes.hlines(
            heights + shift, gains.min(axis=1), gains.max(axis=1), color=COLOURS[index], alpha=0.5
        )
        marker = MARKERS[index]
        axes.plot(means, heights + shift, marker, ms=5, color=COLOURS[index], label=f"over {rival}")
        whole = bootstrap(mean_of(means), len(means))
        axes.errorbar(
            [whole.value],
            [-1.2 + shift],
            xerr=[[whole.value - whole.low], [whole.high - whole.value]]
            if len(means) > 1
            else None,
            fmt=marker,
            ms=6,
            lw=1.6,
            color=COLOURS[index],
        )
    axes.axvline(0.0, color=ink(), lw=0.8)
    axes.axhline(-0.6, color=ink(), lw=0.6)
    names = [str(results["NTK"].observation["data_set"].values[i]) for i in order]
    axes.set_yticks(np.append(heights, -1.2), [*names, "mean over sets"])
    axes.set(
        xlabel="points ahead (bars: splits; mean: 95 % over sets)", title="NTK ahead of others"
    )
    _legend_below(axes, *axes.get_legend_handles_labels())


def _legend_below(axes: Axes, handles: list[Any], labels: list[str]) -> None:
    """Name the marks below the axis: within, they would hide some."""
    axes.legend(
        handles,
        labels,
        fontsize="small",
        ncols=len(labels),
        columnspacing=1.0,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
    )


def _spread(values: Float[np.ndarray, " n"]) -> str:
    return f"{100 * values.mean():.2f} ± {100 * values.std():.2f}"
