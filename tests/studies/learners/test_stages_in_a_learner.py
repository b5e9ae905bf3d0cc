"""Learners of known kind are told apart or left alone; files are read, and refused in words."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.runs.run import RunResult, execute
from carnotlab.runs.store import Store
from carnotlab.studies.learners import recorded
from carnotlab.studies.learners.recorded import Recorded, people, rat, users_curves
from carnotlab.studies.learners.simulated import Simulated, trained_strengths
from carnotlab.studies.learners.stages_in_a_learner import (
    AVERAGED,
    FLAT,
    PEOPLE_ARM,
    SHUFFLED,
    LearnerSettings,
    StagesInALearner,
)
from carnotlab.studies.learners.weighing import Weighing, claims
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.learners.learning_curve import LearningCurve

STUDY = StagesInALearner()


@pytest.fixture(scope="module")
def quick():
    return run_study(STUDY, "smoke", {"seeds": 5, "depths": "1,2,3"})


def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        if verdict.role == "control":
            assert verdict.error > verdict.tolerance, verdict
        else:
            assert verdict.error <= verdict.tolerance, verdict


def test_the_figure_and_the_table_are_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert len(STUDY.tables(quick)) == (1 if people() or rat() else 0)


def test_networks_are_trained_on_the_course_of_their_depth():
    found = trained_strengths(3, 3, 50)
    starts = np.geomspace(0.01, 0.1, 3)
    assert found[:, 0] == pytest.approx(starts, rel=1e-6)
    # Steps of 5 % of the curvature, the same flow for all: compared by the time to reach 1/2.
    time = np.linspace(0.0, 1.0, found.shape[1])
    reached = [np.interp(0.5, course, time) for course in found]
    fine = np.linspace(0.0, 60.0, 60_001)
    exact = strength_at(fine, 3, np.ones(3), starts, np.ones(3))
    expected = [np.interp(0.5, course, fine) for course in exact.T]
    np.testing.assert_allclose(
        np.array(reached) / reached[0], np.array(expected) / expected[0], rtol=0.02
    )


def test_learners_differ_and_are_the_same_each_time():
    one, again = (Simulated("trained", 3, 20, 2, trials=50).curves() for _ in range(2))
    assert all((a.score == b.score).all() for a, b in zip(one, again, strict=True))
    assert len({tuple(curve.score) for curve in one}) == 3
    assert all(curve.counted and curve.floor == 0.5 for curve in one)


def test_means_of_learners_rise_more_slowly_than_each():
    alone = Simulated("trained", 1, 40, 2, noise=1e-9).curves()[0].score
    mean = Simulated("trained", 1, 40, 2, noise=1e-9, people=200, spread=0.7).curves()[0].score
    assert np.diff(mean).max() < 0.6 * np.diff(alone).max()


def test_a_result_survives_the_store(tmp_path):
    weighing = Weighing(Simulated("flat", 2, 10), (1, 2), ("linear",))
    store = Store(tmp_path / "arrays")
    store.prepare()
    told = []
    first = execute(weighing, store, told.append)
    assert told[-1] == 1.0
    again = execute(weighing, store)
    assert again.cached
    assert (claims(again) == claims(first)).all()
    assert weighing.remaining(store) == 0.0
    assert isinstance(again, RunResult)


def test_keys_follow_learners_and_families():
    flat = Simulated("flat", 2, 10)
    keys = {
        Weighing(flat, (1, 2), ("linear",)).key,
        Weighing(flat, (1, 3), ("linear",)).key,
        Weighing(flat, (1, 2), ("linear",), "BIC").key,
        Weighing(Simulated("flat", 3, 10), (1, 2), ("linear",)).key,
        Weighing(Recorded(flat.curves(), 2), (1, 2), ("linear",)).key,
        Weighing(Recorded(flat.curves(), 2, shuffle=True), (1, 2), ("linear",)).key,
    }
    assert len(keys) == 6


def test_a_single_learner_of_counts_is_followed_by_draws_of_its_answers():
    one = Simulated("trained", 1, 12, 1, trials=40).curves()
    drawn = Recorded(one, 4).curves()
    assert len(drawn) == 4
    assert drawn[0] is one[0]
    assert not np.array_equal(drawn[1].score, drawn[2].score)
    assert len(Recorded(one, 5, shuffle=True).curves()) == 5


def write(path, text):
    path.write_text(text)
    return str(path)


def test_a_users_counts_and_scores_are_read(tmp_path):
    lines = [f"{who},{block},{5 + block // 2},10" for who in "ab" for block in range(8)]
    file = write(tmp_path / "mine.csv", "learner,block,correct,trials\n" + "\n".join(lines))
    curves = users_curves(file, 0.25)
    assert [curve.name for curve in curves] == ["a", "b"]
    assert curves[0].floor == 0.25
    scores = [f"{block},{block * 0.1}" for block in range(8)]
    file = write(tmp_path / "scores.csv", "block,score\n" + "\n".join(scores))
    found = users_curves(file, 0.5)
    assert found[0].name == "scores"
    assert not found[0].counted
    assert found[0].floor is None
    arms, skipped = STUDY.arms(LearnerSettings(data=file))
    assert [arm.label for arm in arms] == ["your data", f"your data{SHUFFLED}"]
    assert skipped == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("session,correct,trials\n1,2,3\n", "columns block, and correct with trials or score"),
        ("block,correct\n1,2\n", "columns block, and correct with trials or score"),
        ("block,correct,trials\n1,2.5,3\n", "2.5 in column 'correct'"),
        ("block,correct,trials\n1,0,0\n", "without trials"),
        ("block,correct,trials\n1,five,9\n", "five"),
        ("block,correct,trials\n" + "".join(f"{i},9,3\n" for i in range(7)), "more right answers"),
        ("block,score\n1,0.5\n2,0.6\n", "of 2 blocks"),
        ("block,score\n" + "1,0.5\n" * 7, "do not increase"),
    ],
)
def test_a_users_file_is_refused_in_words(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        users_curves(write(tmp_path / "mine.csv", text), 0.5)


def test_a_chance_level_must_be_one(tmp_path):
    file = write(tmp_path / "m.csv", "block,score\n" + "".join(f"{i},{i}\n" for i in range(7)))
    with pytest.raises(InputError, match="chance = 1"):
        STUDY.arms(LearnerSettings(data=file, chance=1.0))


def test_users_data_are_run_and_drawn_alone(tmp_path):
    rng = np.random.default_rng(0)
    right = rng.binomial(50, 0.5 + 0.45 * (1 - np.exp(-np.arange(20) / 4)))
    lines = [f"{block},{count},50" for block, count in enumerate(right)]
    file = write(tmp_path / "mine.csv", "block,correct,trials\n" + "\n".join(lines))
    result = run_study(STUDY, "smoke", {"data": file, "seeds": 4})
    assert [verdict.arm for verdict in result.verdicts] == [
        "your data",
        f"control: your data{SHUFFLED}",
    ]
    assert result.verdicts[0].agreement == "agrees"
    with style():
        result.plot().savefig(tmp_path / "figure.png")


def test_without_the_data_folder_the_real_sets_are_skipped_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    arms, skipped = STUDY.arms(LearnerSettings(seeds=2))
    assert len(skipped) == 2
    assert all("CARNOT_DATA" in words for words in skipped)
    labels = [arm.label for arm in arms]
    assert FLAT in labels
    assert AVERAGED in labels
    assert PEOPLE_ARM not in labels


@pytest.mark.skipif(people() is None, reason="the data folder is not at hand")
def test_means_of_people_are_counts_of_the_answers_assumed():
    """Every mean in the table is a whole number of 640ths, to the three digits it is given with."""
    for curve in people():
        assert np.abs(curve.score * recorded.ANSWERS % 1).max() < 1e-9
    rows = np.genfromtxt(recorded.find_data(recorded.PEOPLE), delimiter=",", skip_header=1)
    parts = rows[:, 2] * recorded.ANSWERS
    assert np.abs(parts - np.rint(parts)).max() <= 0.0005 * recorded.ANSWERS + 1e-9


@pytest.mark.skipif(rat() is None, reason="the data folder is not at hand")
def test_the_rats_sessions_hold_all_its_trials():
    curve = rat()[0]
    assert len(curve.time) == 80
    assert curve.trials.sum() == 20_000


def test_curves_can_be_given_by_hand():
    curve = LearningCurve("mine", np.arange(9.0), np.linspace(0, 1, 9))
    assert Recorded((curve,), 3).curves() == (curve,)
