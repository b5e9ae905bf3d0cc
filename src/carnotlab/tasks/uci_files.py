"""Reading a folder of small classification sets with given splits, as NumPy archives or as text."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from carnotlab.core.errors import InputError, require
from carnotlab.tasks.small_data_sets import SmallDataSet, Split

INDICES, FOLDS = "conxuntos.dat", "conxuntos_kfold.dat"
REPORTING = 4
"""Splits over which accuracy is averaged."""

ARRAYS = (
    "x", "y", "train_idx", "val_idx",
    *(f"fold{k}_{part}" for k in range(REPORTING) for part in ("train", "test")),
)  # fmt: skip


def set_names(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of the sets in a folder, sorted; files of other kinds are left alone.

    A set is an archive ``NAME.npz`` or a folder ``NAME`` that holds ``NAME_R.dat``.

    Raises:
        InputError: if there is no such folder, or no set in it.
    """
    place = Path(folder).expanduser()
    required = "a folder of sets: NAME.npz, or NAME/NAME_R.dat with its splits"
    require(place.exists(), f"'{folder}', which does not exist", required, "correct the path")
    require(place.is_dir(), f"the file '{folder}'", required, "name the folder it lies in")
    try:
        entries = sorted(place.iterdir())
    except OSError as error:
        raise InputError(
            f"'{folder}', which cannot be read ({error.strerror})", required, "check permissions"
        ) from error
    archives = {entry.stem for entry in entries if entry.suffix == ".npz" and entry.is_file()}
    texts = {entry.name for entry in entries if entry.is_dir() and _table(entry).exists()}
    half = [e.name for e in entries if e.is_dir() and e.name not in texts and (e / FOLDS).exists()]
    require(
        not half,
        f"'{folder}' with {', '.join(half)} without {', '.join(f'{n}_R.dat' for n in half)}",
        required,
        "add the missing file, or remove the folder",
    )
    require(len(archives | texts) > 0, f"'{folder}' without a set", required, "add sets to it")
    return tuple(sorted(archives | texts))


def read_set(folder: str | os.PathLike[str], name: str) -> SmallDataSet:
    """Return one set of a folder; the archive where there is an archive and text files too.

    - ``NAME.npz``: ``x``, ``y``, ``train_idx``, ``val_idx``, and ``fold0_train``, ``fold0_test``
      to ``fold3_test``. Nothing is unpickled.
    - ``NAME/NAME_R.dat``: a header line, then row number, features and class; ``conxuntos.dat``
      with two lines of row indices (to train, to choose), ``conxuntos_kfold.dat`` with eight.

    Features are used as they are. Splits may overlap one another, as those of
    fernandezdelgado2014 do; within one, training and test rows may not.

    Raises:
        InputError: for missing or damaged files, indices that are no rows of the set, features
            that are not finite or labels that are not whole numbers; with the file and the mend.
    """
    place = Path(folder).expanduser()
    archive = place / f"{name}.npz"
    if archive.is_file():
        return _checked(name, archive.name, _from_archive(archive))
    require(
        _table(place / name).is_file(),
        f"no set '{name}' in '{folder}'",
        f"{name}.npz or {name}/{name}_R.dat",
        "correct the name or add the set",
    )
    return _checked(name, f"{name}/{name}_R.dat", _from_text(place / name))


def read_sets(folder: str | os.PathLike[str]) -> tuple[SmallDataSet, ...]:
    """Return all sets of a folder, by name.

    Raises:
        InputError: as `set_names` and `read_set` do.
    """
    return tuple(read_set(folder, name) for name in set_names(folder))


def _table(folder: Path) -> Path:
    return folder / f"{folder.name}_R.dat"


def _from_archive(file: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
            missing = [key for key in ARRAYS if key not in archive]
            require(
                not missing,
                f"{file.name} without the arrays {', '.join(missing)}",
                f"the arrays {', '.join(ARRAYS)}",
                "save it with these names",
            )
            return {key: archive[key] for key in ARRAYS}
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy each have their own for damaged files
        raise InputError(
            f"{file.name}, which cannot be read as an archive of numbers ({error})",
            "an undamaged .npz file without Python objects",
            "write it again with numpy.savez",
        ) from error


def _from_text(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    table = _table(folder)
    rows = [line.split() for line in _lines(table)[1:]]
    source = f"{folder.name}/{table.name}"
    widths = {len(row) for row in rows}
    require(
        len(widths) == 1 and min(widths) >= 3,
        f"{source} with rows of {sorted(widths) or 'no'} cells",
        "rows of one length: row number, features, class",
        "mend the rows that differ",
    )
    cells = _numbers(rows, source)
    arrays = {"x": cells[:, 1:-1], "y": cells[:, -1]}
    for file, keys in ((INDICES, ARRAYS[2:4]), (FOLDS, ARRAYS[4:])):
        lines = _lines(folder / file)
        require(
            len(lines) == len(keys),
            f"{folder.name}/{file} of {len(lines)} lines",
            f"{len(keys)} lines of row indices",
            "take the file as it was published",
        )
        for key, line in zip(keys, lines, strict=True):
            arrays[key] = _numbers([line.split()], f"{folder.name}/{file}")[0]
    return arrays


def _lines(file: Path) -> list[str]:
    """Return the lines of a text file that are not blank."""
    name = f"{file.parent.name}/{file.name}"
    try:
        return [line for line in file.read_text("utf-8").splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise InputError(
            f"'{file.parent}' without {file.name}",
            f"{file.parent.name}_R.dat, {INDICES} and {FOLDS} in one folder",
            "add the file",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{name}, which cannot be read ({error})", "a text file in UTF-8", "replace the file"
        ) from error


def _numbers(rows: list[list[str]], source: str) -> np.ndarray[Any, Any]:
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise InputError(
            f"{source} with a cell that is no number ({error})",
            "numbers between blanks or tabs",
            "correct the cell",
        ) from error


def _checked(name: str, source: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> SmallDataSet:
    """Return a set whose arrays fit together."""
    for key, array in arrays.items():
        require(
            array.dtype.kind in "iufb",
            f"'{key}' of {source} of dtype {array.dtype}",
            "real numbers",
            "save it as numbers",
        )
    x, y = np.asarray(arrays["x"], dtype=np.float64), arrays["y"]
    require(
        x.ndim == 2 and x.size > 0 and y.shape == (len(x),),
        f"features {x.shape} and labels {y.shape} in {source}",
        "[n, features] and [n]",
        "give one label a row",
    )
    bad = np.argwhere(~np.isfinite(x))
    where = "" if not len(bad) else f" (row {bad[0][0]}, feature {bad[0][1]}, counted from 0)"
    require(
        len(bad) == 0,
        f"{len(bad)} features that are not finite in {source}{where}",
        "finite numbers",
        "impute them or drop those rows, and renumber the splits",
    )
    labels = _whole(y, f"labels of {source}", "number the classes")
    require(
        len(np.unique(labels)) > 1, f"one class in {source}", "at least two", "check the labels"
    )
    splits = [
        _split(arrays, labels, first, second, f"{name} ({source})")
        for first, second in zip(ARRAYS[2::2], ARRAYS[3::2], strict=True)
    ]
    return SmallDataSet(name, x, labels, splits[0], tuple(splits[1:]))


def _whole(values: np.ndarray[Any, Any], what: str, instead: str) -> np.ndarray[Any, Any]:
    numbers = np.asarray(values, dtype=np.float64)
    odd = numbers[~(np.isfinite(numbers) & (numbers == np.round(numbers)))]
    require(
        odd.size == 0,
        f"{what} with {odd.flat[0] if odd.size else ''}",
        "whole numbers",
        instead,
    )
    return numbers.astype(np.int64)


def _split(
    arrays: Mapping[str, np.ndarray[Any, Any]],
    y: np.ndarray[Any, Any],
    first: str,
    second: str,
    source: str,
) -> Split:
    """Return two index arrays of one split, checked against the set and each other."""
    pair: list[np.ndarray[Any, Any]] = []
    for key in (first, second):
        rows = _whole(arrays[key], f"{key} of {source}", "count rows from 0").ravel()
        outside = rows[(rows < 0) | (rows >= len(y))]
        require(
            rows.size > 0 and outside.size == 0,
            f"{key} of {source} with row {outside[0]}" if outside.size else f"no {key} of {source}",
            f"row indices from 0 to {len(y) - 1}",
            "count rows from 0, as the published files do",
        )
        pair.append(rows)
    train, test = pair
    both = np.intersect1d(train, test)
    require(
        both.size == 0,
        f"{first} and {second} of {source} with {both.size} rows in common",
        "no row in both",
        "draw that split again",
    )
    require(
        len(np.unique(y[train])) > 1,
        f"{first} of {source} with one class only",
        "at least two classes to tell apart",
        "draw that split again",
    )
    return Split(train, test)
