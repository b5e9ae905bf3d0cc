"""The commands and their options; what they do is imported only when one is called."""

# The help starts at once because nothing here imports JAX; each command imports what it needs.

import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import typer

from carnotlab.cli.interruption import first_finish, in_worker
from carnotlab.cli.output import ExitCode, emit

OUT = Path("carnot-results")

app = typer.Typer(
    name="carnot",
    help="Run the theory of deep learning against real networks: predict, train, judge.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 every verdict as the study expects, 1 a verdict contradicts, "
        "2 bad usage or input, 3 interrupted or partial (the same command resumes)."
    ),
)

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results are kept.")]
Seeds = Annotated[
    int | None, typer.Option("--seeds", metavar="N", min=1, help="How many seeds each arm runs.")
]
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="Use N processes instead of this one."),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Dask: tcp://HOST:PORT, or local:N."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


@app.callback(invoke_without_command=True)
def carnot(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Run the theory of deep learning against real networks: predict, train, judge."""
    if show_version:
        emit(f"carnot {_version()}\n")
        raise typer.Exit(ExitCode.AS_EXPECTED)
    if context.invoked_subcommand is None:
        emit(context.get_help() + "\n")
        raise typer.Exit(ExitCode.AS_EXPECTED)


@app.command()
def tour(
    out: Out = OUT,
    seeds: Seeds = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every study instead of a few of each kind.")
    ] = False,
    json: Json = False,
) -> int:
    """Run studies of each kind at their small size: what each shows, its verdicts, a report."""

    def work() -> int:
        from carnotlab.cli import running
        from carnotlab.cli.planning import changes_of

        return running.tour(changes_of((), seeds, None), out, everything=everything, json=json)

    return in_worker(work)


@app.command(name="list")
def list_(json: Json = False) -> int:
    """List the studies: question, source, data."""
    from carnotlab.cli.listing import list_studies

    return list_studies(json=json)


@app.command()
def run(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY...", show_default=False)],
    size: Annotated[
        Literal["smoke", "full"], typer.Option(help="Minutes on a laptop, or fit to publish.")
    ] = "smoke",
    seeds: Seeds = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="Your own data, for studies that take it."),
    ] = None,
    out: Out = OUT,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show settings and arms; compute and write nothing.")
    ] = False,
    json: Json = False,
) -> int:
    """Run studies and judge them. What is in DIR already is not computed again."""

    def work(stop: threading.Event | None) -> int:
        from carnotlab.cli import running
        from carnotlab.cli.planning import changes_of

        changes = changes_of(sets or (), seeds, None if data is None else str(data))
        request = running.Request(
            tuple(studies), size, changes, out, scheduler, jobs, dry=dry_run, json=json
        )
        return running.run(request, stop)

    if jobs is None and scheduler is None:
        # An arm in this process may take hours: the first Ctrl-C leaves at once.
        return in_worker(lambda: work(None))
    with first_finish() as stop:
        return in_worker(lambda: work(stop))


@app.command()
def sweep(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WHAT] KEY=VALUES...",
            help="WHAT is 'mlp' (unless named), a study, or a Python file with experiment(...). "
            "VALUES: 0.1,0.3 or 32..1024:log6 or 0..1:5 or 1..4; seeds=N counts seeds.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Your own data for 'mlp'.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="COLUMN", help="What of it to predict.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", min=1, help="Draw N settings instead of a grid."),
    ] = None,
    sample_seed: Annotated[
        int, typer.Option("--sample-seed", metavar="N", min=0, help="Seed of those draws.")
    ] = 0,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="A CSV file with a setting in each row."),
    ] = None,
    size: Annotated[
        Literal["smoke", "full"], typer.Option(help="Size, where a study is swept.")
    ] = "smoke",
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    memory: Annotated[
        float, typer.Option("--memory", metavar="GIB", min=0.001, help="Most that a task may take.")
    ] = 1.0,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE", help="Draw what was found: .svg, .pdf or .png."),
    ] = None,
    out: Out = OUT,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show tasks, time and disk; compute nothing.")
    ] = False,
    json: Json = False,
) -> int:
    """Train many settings times seeds. What is in DIR already is not computed again."""

    def work(stop: threading.Event) -> int:
        from carnotlab.cli import axes, sweeping

        what, pairs = sweeping.target_and_words(words or ())
        asked = axes.request_of(pairs, sample, sample_seed, settings)
        request = sweeping.Request(
            what, asked, out, data, target, size, scheduler, jobs, memory, figure, dry_run, json
        )
        if sweeping.is_experiment(what):
            return sweeping.sweep(request, stop)
        from carnotlab.cli import study_sweeping

        return study_sweeping.sweep_study(request, stop)

    with first_finish() as stop:
        return in_worker(lambda: work(stop))


@app.command()
def replicate(
    study: Annotated[str, typer.Argument(metavar="STUDY", show_default=False)],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="FILE", help="A data set; may be repeated, 'own' for the study's own."
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=V1,V2",
            help="Values of a setting (with ';' between lists); may be repeated.",
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="N,N", help="Numbers of seeds.")
    ] = None,
    size: Annotated[
        Literal["smoke", "full"], typer.Option(help="Minutes on a laptop, or fit to publish.")
    ] = "smoke",
    out: Out = OUT,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show conditions and arms; compute and write nothing.")
    ] = False,
    json: Json = False,
) -> int:
    """Run one study over data sets, settings and seeds: how far does its claim carry?"""

    def work() -> int:
        from carnotlab.cli import replicating

        return replicating.replicate(
            replicating.Request(
                study, size, out, tuple(data or ()), seeds, tuple(sets or ()), dry_run, json
            )
        )

    return in_worker(work)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = False,
) -> int:
    """Judge what is in DIR again and write its page; nothing is trained."""

    def work() -> int:
        from carnotlab.cli import reporting

        return reporting.report(folder, open_page=show)

    return in_worker(work)


runs = typer.Typer(
    name="runs",
    help="What is kept in DIR: list, show, verify, prune, export.",
    no_args_is_help=True,
)
app.add_typer(runs)


@runs.command(name="list")
def runs_list(out: Out = OUT, json: Json = False) -> int:
    """List studies' runs, sweeps and loose entries: settings, size, what is done, which code."""
    from carnotlab.cli import keeping

    return keeping.list_runs(out, json=json)


@runs.command(name="show")
def runs_show(wanted: Id, out: Out = OUT, json: Json = False) -> int:
    """Show settings, provenance and quantities of one of them."""
    from carnotlab.cli import keeping

    return keeping.show_run(wanted, out, json=json)


@runs.command(name="verify")
def runs_verify(
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    out: Out = OUT,
    json: Json = False,
) -> int:
    """Read everything and name what is damaged: code 0 if all is sound, 1 if not."""

    def work() -> int:
        from carnotlab.cli import keeping

        return keeping.verify(wanted or (), out, json=json)

    return in_worker(work)


@runs.command(name="prune")
def runs_prune(
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Remove what is not as it was written.")
    ] = False,
    other_code: Annotated[
        bool, typer.Option("--other-code", help="Remove what other code computed.")
    ] = False,
    unused: Annotated[
        bool, typer.Option("--unused", help="Remove entries that no study in DIR needs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    out: Out = OUT,
    json: Json = False,
) -> int:
    """Remove what the options name; without one, say what each would free."""

    def work() -> int:
        from carnotlab.cli import keeping

        flags = {"damaged": damaged, "other code": other_code, "unused": unused}
        return keeping.prune(out, flags, dry=dry_run, json=json)

    return in_worker(work)


@runs.command(name="export")
def runs_export(
    wanted: Id,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="A .csv, .parquet or .nc file.")
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option("--mlflow", metavar="URI", help="Log curves to MLflow.")
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option("--tensorboard", metavar="FOLDER", help="Write events for TensorBoard."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.")] = False,
    out: Out = OUT,
) -> int:
    """Write one of them as a table, as NetCDF, or to MLflow or TensorBoard."""

    def work() -> int:
        from carnotlab.cli import keeping

        return keeping.export(wanted, out, keeping.Export(to, mlflow, tensorboard, force))

    return in_worker(work)


def _version() -> str:
    try:
        return version("carnotlab")
    except PackageNotFoundError:
        return "0+unknown"
