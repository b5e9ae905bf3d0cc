"""Sweeps carried out: one labelled array, the same bits again, only what is missing."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from sweep_toys import experiment

import carnotlab as carnot
from carnotlab.measures.losses import test_loss as held_out_loss
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.sweeps import carry_out, packs
from carnotlab.runs.sweeps.archive import Archive
from carnotlab.runs.sweeps.leading import Ranking
from carnotlab.runs.sweeps.packs import plan_sweep
from carnotlab.runs.sweeps.results import gather


@pytest.fixture(scope="module")
def small():
    """Two programs; settings with batches larger than the data are refused, one diverges."""
    settings = carnot.grid(lr=(0.05, 1e12), width=(8, 40), batch=(8, 5000))
    return carnot.sweep_over(experiment, settings, seeds=3)


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, carnot.run_sweep(small, out)


def test_the_array_is_labelled_by_settings(small, folder):
    _, result = folder
    assert result.dataset["test_loss"].dims == ("lr", "width", "batch", "seed", "time")
    assert result.tally.is_complete
    assert result.tally.members == 2 * 2 * 3
    assert result.tally.diverged == 2 * 3
    assert len(result.tally.refused) == 4
    assert "batches of 5000" in next(iter(result.tally.refused.values()))
    finished = result.dataset["finished"]
    assert bool(finished.sel(batch=8).all())
    assert not bool(finished.sel(batch=5000).any())
    assert bool(result.dataset["test_loss"].sel(batch=5000).isnull().all())


def test_members_are_those_of_training_alone(folder):
    _, result = folder
    for width in (8, 40):
        alone = carnot.train(experiment(0.05, width), [held_out_loss], range(3))["test_loss"]
        found = result.dataset["test_loss"].sel(lr=0.05, width=width, batch=8)
        np.testing.assert_allclose(found.values, alone.values, rtol=2e-5)
        np.testing.assert_array_equal(found["time"].values, alone["time"].values)


def test_a_repeated_call_trains_nothing(small, folder, monkeypatch):
    out, result = folder

    def refuse(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(carry_out, "train_members", refuse)
    again = carnot.run_sweep(small, out)
    assert again.dataset.identical(result.dataset)


def test_damaged_packs_alone_are_computed_again(small, folder, tmp_path):
    """A chunk cut short, one with a bit flipped, one gone: the same bits afterwards."""
    _, result = folder
    carnot.run_sweep(small, tmp_path)
    archive = Archive.open(tmp_path / "sweeps" / small.key)
    assert len(archive.layout.packs) == 2
    chunk = archive.root / "programs/0001/test_loss/c/0/0"
    for damage in (
        lambda content: content[:-7],
        lambda content: content[:9] + bytes([content[9] ^ 4]) + content[10:],
        lambda content: b"",
    ):
        written = chunk.read_bytes()
        chunk.write_bytes(damage(written))
        assert archive.read(1, 0) is None
        assert archive.read(0, 0) is not None
        other = archive.root / "programs/0000/test_loss/c/0/0"
        stamp = other.stat().st_mtime_ns
        again = carnot.run_sweep(small, tmp_path)
        assert chunk.read_bytes() == written
        assert other.stat().st_mtime_ns == stamp
        assert again.dataset.identical(result.dataset)


def test_damaged_descriptions_are_written_again(small, tmp_path, folder):
    carnot.run_sweep(small, tmp_path)
    root = tmp_path / "sweeps" / small.key
    for file in ("zarr.json", "settings/lr/c/0", "programs/0000/member/c/0"):
        (root / file).write_bytes(b"{}")
        assert carnot.run_sweep(small, tmp_path).dataset.identical(folder[1].dataset)


def test_a_growing_sweep_can_be_read(small, tmp_path):
    plan = plan_sweep(small)
    archive = carry_out.open_archive(small, plan, tmp_path)
    empty, _ = gather(archive)
    assert empty.tally.done == 0
    ranking, seen = Ranking(archive), []
    before = carry_out.standing(plan, archive, ranking)
    assert ranking.best(3) == []

    def look(state):
        result, lost = gather(Archive.open(archive.root))
        assert not lost
        assert result.tally.done == state.done
        seen.append(int(np.isfinite(result.dataset["test_loss"].isel(time=0)).sum()))

    with InProcess(1) as executor:
        state = carry_out.compute_missing(small, plan, archive, executor, before, look)
    assert seen == [0, *seen[1:]]
    assert seen[-1] == 12
    after = carry_out.standing(plan, archive)
    assert after.missing == ()
    assert (state.done, state.diverged) == (after.state.done, after.state.diverged) == (12, 6)


def test_zarr_and_xarray_read_the_folder_by_themselves(small, folder):
    out, result = folder
    root = out / "sweeps" / small.key
    archive = Archive.open(root)
    for program in range(2):
        with xr.open_zarr(root, group=f"programs/{program:04d}", consolidated=False) as found:
            assert found["finished"].values.all()
            whole = result.dataset["test_loss"].values.reshape(-1, 3)
            rows = archive.members_of(program)
            np.testing.assert_array_equal(found["test_loss"].values, whole[rows])


def test_the_leading_setting_is_the_best_at_the_end(small, folder):
    out, result = folder
    archive = Archive.open(out / "sweeps" / small.key)
    ranking = Ranking(archive)
    carry_out.standing(plan_sweep(small), archive, ranking)
    best = ranking.best(4)
    assert len(best) == 4
    last = result.dataset["test_loss"].isel(time=-1).sel(batch=8, lr=0.05).mean("seed")
    width = int(last["width"][int(np.argmin(last.values))])
    assert best[0].words == f"lr=0.05, width={width}, batch=8"
    assert best[0].mean == pytest.approx(float(last.min()))
    spread = result.dataset["test_loss"].isel(time=-1).sel(batch=8, lr=0.05, width=width)
    assert best[0].error == pytest.approx(float(spread.std("seed", ddof=1)) / 3**0.5, rel=1e-5)
    assert {each.words.split(",")[0] for each in best[2:]} == {"lr=1000000000000.0"}


def test_the_ranking_is_the_same_in_whatever_order_packs_come(monkeypatch, tmp_path):
    """A run that resumes adds packs as they finish, one that finds them all in order."""
    monkeypatch.setattr(packs, "SECONDS", 1e-9)
    sweep = carnot.sweep_over(experiment, carnot.grid(lr=(0.01, 0.03)), seeds=200)
    plan = plan_sweep(sweep)
    archive = carry_out.open_archive(sweep, plan, tmp_path)
    draw = np.random.default_rng(0)
    ends = {
        pack: draw.random((len(plan.programs[0].members_of(pack[1])), 3)) for pack in plan.packs
    }
    found = []
    for order in (plan.packs, plan.packs[::-1]):
        ranking = Ranking(archive)
        for pack in order:
            ranking.add(pack, {"test_loss": ends[pack]})
        found.append([each[:5] for each in ranking.best(2)])
    assert len(plan.packs) > 10
    assert found[0] == found[1]


def test_half_written_files_of_killed_processes_are_removed(small, tmp_path):
    carnot.run_sweep(small, tmp_path)
    root = tmp_path / "sweeps" / small.key
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    places = ("", "settings/lr/c", "programs/0001/finished/c", "programs/0001/test_loss/c/7")
    for place in places:
        (root / place).mkdir(exist_ok=True)
        (root / place / f".0.{process.pid}-abc.part").write_bytes(b"half")
    living = root / f".0.{os.getpid()}-abc.part"
    living.write_bytes(b"half")
    carnot.run_sweep(small, tmp_path)
    assert list(root.rglob("*.part")) == [living]


def test_planning_and_reading_a_sweep_need_no_labelled_arrays(python):
    """Importing what they need takes as long as all else that a finished sweep takes."""
    code = "import carnotlab.cli.sweeping, sys; print({'xarray', 'pandas'} & set(sys.modules))"
    assert python(code) == "set()"


def test_keys_follow_content_and_not_the_number_of_devices(small):
    def key(seeds=3, lr=(0.05, 0.1), measures=(held_out_loss,)):
        return carnot.sweep_over(experiment, carnot.grid(lr=lr), seeds, measures).key

    assert key() == key()
    assert len({key(), key(seeds=4), key(lr=(0.05, 0.2)), key(measures=None)}) == 4


def test_packs_fit_into_memory_and_hold_about_a_second(small):
    rates = np.linspace(0.01, 0.1, 50).tolist()
    many = carnot.sweep_over(lambda lr: experiment(lr, steps=600), carnot.grid(lr=rates), seeds=100)
    plan = plan_sweep(many)
    (only,) = plan.programs
    assert only.pack % only.program.lane == 0
    assert only.pack * only.cost.seconds >= 0.9
    tight = plan_sweep(many, memory=plan.memory / 4)
    assert tight.memory <= plan.memory / 4
    assert tight.programs[0].pack < only.pack
    with pytest.raises(carnot.InputError, match="more memory"):
        plan_sweep(small, memory=1000)


def test_what_is_no_sweep_is_refused():
    with pytest.raises(carnot.InputError, match="batches of 5000"):
        carnot.sweep_over(experiment, carnot.grid(batch=(5000,)))
    with pytest.raises(carnot.InputError, match="different sets of record times"):
        carnot.sweep_over(lambda steps: experiment(steps=steps), carnot.grid(steps=(6, 7)), seeds=2)
    for seeds in ((), (1, 1), (-1,), (2**31,)):
        with pytest.raises(carnot.InputError, match="seeds"):
            carnot.sweep_over(experiment, carnot.grid(lr=(0.1,)), seeds)
    with pytest.raises(carnot.InputError, match="measures"):
        carnot.sweep_over(experiment, carnot.grid(lr=(0.1,)), 2, ())
