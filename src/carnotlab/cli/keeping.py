"""``carnot runs``: what a folder holds, whether it is sound, what may go, and other formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from carnotlab.cli.kept_tables import bytes_in_words, listing, plain, removal_table, shown
from carnotlab.cli.output import ExitCode, as_text, emit, say, show
from carnotlab.core.errors import InputError, require
from carnotlab.runs.folder import pruning
from carnotlab.runs.folder.contents import Contents, contents_of
from carnotlab.runs.folder.held import Held, Kind


@dataclass(frozen=True)
class Export:
    """Where ``carnot runs export`` sends something."""

    to: Path | None = None
    mlflow: str | None = None
    tensorboard: Path | None = None
    force: bool = False


def list_runs(out: Path, *, json: bool) -> ExitCode:
    """Print a row for each study's run, sweep and loose entry of a folder; no array is read."""
    contents = contents_of(out)
    if json:
        rows = [held.to_dict() for _, held in contents.rows]
        unknown = [str(path) for path in contents.unknown]
        emit(as_text({"runs": rows, "bytes": contents.size, "unknown": unknown}))
        return ExitCode.AS_EXPECTED
    things: list[Any] = [listing(contents)] if contents.rows else []
    total = f"{len(contents.rows)} runs and entries, {bytes_in_words(contents.size)} on disk"
    show(*things, Text(f"{total}. Arrays were not read: `carnot runs verify` does."))
    for path in contents.unknown:
        say(str(plain(f"not of Carnot, left alone: {path}")))
    return ExitCode.AS_EXPECTED


def show_run(wanted: str, out: Path, *, json: bool) -> ExitCode:
    """Print settings, provenance and quantities of one thing.

    Raises:
        InputError: for an ID that stands for none or several.
    """
    kind, held = contents_of(out).pick(wanted)
    details = {} if held.state in ("damaged", "newer") and held.note else kind.details(held)
    if json:
        emit(as_text({**held.to_dict(), **details}))
    else:
        show(*shown(held, details))
    return ExitCode.AS_EXPECTED


def verify(wanted: Sequence[str], out: Path, *, json: bool) -> ExitCode:
    """Read everything of some things, or of all, and name what is damaged and how to mend it.

    Raises:
        InputError: for an ID that stands for none or several.
    """
    contents = contents_of(out)
    chosen = [contents.pick(each) for each in wanted] or list(contents.rows)
    found = {held.path: (held, kind.faults(held)) for kind, held in chosen}
    damaged = [(held, fault) for held, faults in found.values() for fault in faults]
    sound = len(found) - len({held.path for held, _ in damaged})
    if json:
        records = [
            {"id": held.name, "path": str(fault.path), "reason": fault.reason}
            for held, fault in damaged
        ]
        emit(as_text({"checked": len(found), "sound": sound, "damaged": records}))
    else:
        lines = [plain(f"damaged: {held.name}: {f.path}: {f.reason}") for held, f in damaged]
        show(*lines, Text(f"{sound} of {len(found)} are sound."))
        if damaged:
            show(Text(_mend(contents, [held for held, _ in damaged])))
    return ExitCode.CONTRADICTED if damaged else ExitCode.AS_EXPECTED


def _mend(contents: Contents, held: Sequence[Held]) -> str:
    """Say how to mend what is damaged."""
    studies = dict.fromkeys(each.title for each in held if each.kind == "study")
    again = "; ".join(f"`carnot run {study} …`" for study in studies)
    which = f", then the command that wrote it ({again} with the same settings)" if again else (
        ", then the command that wrote it"
    )  # fmt: skip
    return (
        f"To mend: `carnot runs prune --damaged --out {contents.out}`{which}: it computes again "
        "what is missing, and only that."
    )


def prune(out: Path, flags: Mapping[str, bool], *, dry: bool, json: bool) -> ExitCode:
    """Remove what some flags name; without one, say what each would free.

    Raises:
        InputError: if files cannot be removed.
    """
    contents = contents_of(out)
    reasons: list[pruning.Reason] = [reason for reason in pruning.REASONS if flags[reason]]
    found = pruning.removable(contents, reasons or pruning.REASONS)
    if dry or not reasons:
        _print_removable(found, contents, json=json, chosen=bool(reasons))
        return ExitCode.AS_EXPECTED
    done: list[dict[str, Any]] = []
    left: list[Path] = []
    for each in pruning.distinct(found):
        freed, stayed = pruning.remove(each)
        done.append(_removal(each, freed))
        left += stayed
    cleared = pruning.clear_temporaries(contents) if "damaged" in reasons else 0
    freed = sum(each["bytes"] for each in done)
    left += contents.unknown
    if json:
        record = {"removed": done, "bytes": freed, "temporaries": cleared}
        emit(as_text({**record, "left": [str(path) for path in left]}))
        return ExitCode.AS_EXPECTED
    things: list[Any] = [removal_table(done)] if done else []
    words = f"Removed {len(done)}, which freed {bytes_in_words(freed)}"
    also = f"; {cleared} temporaries of killed processes cleared" if cleared else ""
    show(*things, Text(f"{words}{also}."))
    for path in left:
        say(str(plain(f"not of Carnot, left alone: {path}")))
    return ExitCode.AS_EXPECTED


def _print_removable(
    found: Sequence[pruning.Removable], contents: Contents, *, json: bool, chosen: bool
) -> None:
    records = [_removal(each, each.frees) for each in found]
    total = sum(each.frees for each in pruning.distinct(found))
    if json:
        emit(as_text({"would_remove": records, "bytes": total}))
        return
    things: list[Any] = [removal_table(records)] if records else []
    if not chosen:
        for reason in pruning.REASONS:
            frees = sum(each.frees for each in found if each.reason == reason)
            count = sum(each.reason == reason for each in found)
            flag = f"--{reason.replace(' ', '-')}"
            things.append(Text(f"{flag} would remove {count} and free {bytes_in_words(frees)}"))
        things.append(Text("Nothing was removed: name what may go by these flags."))
        if any(study.state != "whole" for study in contents.studies):
            things.append(
                Text("A study here is unfinished and may need what seems unused; that is kept.")
            )
    else:
        things.append(Text(f"Would remove {len(pruning.distinct(found))} and free "
                           f"{bytes_in_words(total)}. Nothing was removed."))  # fmt: skip
    show(*things)


def _removal(each: pruning.Removable, size: int) -> dict[str, Any]:
    return {
        "id": each.held.name,
        "kind": each.held.kind,
        "reason": each.reason,
        "why": each.why,
        "bytes": size,
    }


def export(wanted: str, out: Path, where: Export) -> ExitCode:
    """Write one thing in the format of another program.

    Raises:
        InputError: for an ID that stands for none or several, a file that cannot be written, or a
            program that is not installed.
    """
    require(
        where.to is not None or where.mlflow is not None or where.tensorboard is not None,
        "an export to nowhere",
        "--to FILE, --mlflow URI or --tensorboard DIR",
        "give one of them",
    )
    kind, held = contents_of(out).pick(wanted)
    if where.to is not None:
        from carnotlab.runs.export.formats import require_known

        require_known(where.to, force=where.force)  # before anything is read
    parts = list(_parts(kind, held))
    if held.state == "partial":
        say(f"{held.name} is not finished: {held.done} of {held.total} {held.counted} are exported")
    if where.to is not None:
        from carnotlab.runs.export.formats import export as write

        _tell(write(parts, where.to, force=where.force), f"what {where.to.suffix} does not hold")
        emit(f"Wrote {where.to}\n")
    if where.mlflow is not None:
        from carnotlab.runs.export.mlflow_runs import log_to_mlflow

        left = log_to_mlflow(parts, where.mlflow, held.name, held.settings)
        _tell(left, "not logged, being no numbers or too many curves")
        emit(f"Logged to MLflow at {where.mlflow}\n")
    if where.tensorboard is not None:
        from carnotlab.runs.export.tensorboard_events import log_to_tensorboard

        left = log_to_tensorboard(parts, where.tensorboard, held.name, held.settings)
        _tell(left, "not logged, being no numbers or too many curves")
        emit(f"Wrote events to {where.tensorboard / held.name}\n")
    return ExitCode.AS_EXPECTED


def _parts(kind: Kind, held: Held) -> Any:
    if held.state == "newer" or (held.state == "damaged" and held.note):
        raise InputError(
            f"{held.name} ({held.note})", "something that can be read", "see `carnot runs verify`"
        )
    return kind.tables(held)


def _tell(lost: Sequence[str], what: str) -> None:
    if lost:
        say(f"{what}: {'; '.join(lost)}")
