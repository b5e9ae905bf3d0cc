"""The commands and their options; what they do is imported only when one is called."""

# The help starts at once because nothing here imports JAX; each command imports what it needs.

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import typer

from carnotlab.cli.interruption import in_worker
from carnotlab.cli.output import ExitCode, emit
from carnotlab.core.errors import InputError

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
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Dask cluster (not yet available)."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show settings and arms; compute and write nothing.")
    ] = False,
    json: Json = False,
) -> int:
    """Run studies and judge them. What is in DIR already is not computed again."""
    if scheduler is not None:
        raise InputError(
            f"--scheduler {scheduler}",
            "no scheduler, as there is no distributed executor in this version",
            "leave --scheduler out",
        )

    def work() -> int:
        from carnotlab.cli import running
        from carnotlab.cli.planning import changes_of

        changes = changes_of(sets or (), seeds, None if data is None else str(data))
        request = running.Request(tuple(studies), size, changes, out, dry=dry_run, json=json)
        return running.run(request)

    return in_worker(work)


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


def _version() -> str:
    try:
        return version("carnotlab")
    except PackageNotFoundError:
        return "0+unknown"
