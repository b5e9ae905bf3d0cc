"""Whatever ``carnot sweep`` cannot do is refused with code 2, in one line that names the mend."""

import pytest

GOOD = """
import carnotlab as carnot
TASK = carnot.GaussianRegression(inputs=4, samples=24)
def experiment(lr: float, width: int = 8, steps: int = 6) -> carnot.Experiment:
    training = carnot.Training(
        carnot.GradientDescent(lr), steps, carnot.Minibatch(8), record=carnot.Evenly(3)
    )
    return carnot.Experiment(TASK, carnot.mlp(4, (width,), 1), training)
"""


def refused(outcome):
    """Return the one line that was all there was."""
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("carnot: ")
    assert outcome.err.count("\n") == 1
    return outcome.err


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder but for the user's file."""
    (tmp_path / "good.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused_and_nothing_written(carnot, here, *words):
    before = {path.name for path in here.iterdir()}
    line = refused(carnot("sweep", *words))
    assert "a fault in Carnot" not in line
    assert {path.name for path in here.iterdir()} - {"__pycache__"} == before
    return line


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["good.py", "rate=0.1"], "one of lr, width, steps"),
        (["good.py", "width=8"], "add lr=..."),
        (["good.py", "lr=fast"], "Expected `float`"),
        (["good.py", "lr=0.1", "width=2.5"], "Expected `int`"),
        (["good.py", "lr=0.1,relu"], "values of one kind"),
        (["good.py", "lr=0.3..0.1:4"], "the lower end first"),
        (["good.py", "lr=0.1..0.1:4"], "the lower end first"),
        (["good.py", "lr=0.1..0.3"], "lr=0.1..0.3:5"),
        (["good.py", "lr=0..1:log5"], "ends above 0"),
        (["good.py", "lr=0..1:1"], "from 2 to 100000"),
        (["good.py", "lr=1:2..3"], "a range such as"),
        (["good.py", "lr="], "key=values"),
        (["good.py", "=3"], "key=values"),
        (["good.py", "lr"], "key=values"),
        (["good.py", "lr=0.1,,0.3"], "commas between"),
        (["good.py", "lr=nan"], "finite"),
        (["good.py", "lr=1e999"], "finite"),
        (["good.py", "lr=0.1", "lr=0.3"], "leave one out"),
        (["good.py", "lr=0.1", "seeds=0"], "seeds=20"),
        (["good.py", "lr=0.1", "seeds=²"], "seeds=20"),
        (["good.py", "lr=0.1", "seeds=10000000000000000000"], "seeds=20"),
        (["good.py", "lr=0.1", "seed=3"], "rename it"),
        (["good.py", "lr=0.1", "a-b=3"], "rename it"),
        (["good.py", "lr=0.1", "steps=6,12"], "the same duration"),
        (["good.py", "lr=0.1", "width=1..100000", "steps=1..100000"], "sample the ranges"),
        (["good.py", "lr=0..1:10000000"], "from 2 to 100000"),
        (["good.py", "lr=1..100000000"], "at most 100000"),
        (["good.py", "lr=0.1", "--scheduler", "nonsense"], "tcp://host:port"),
        (["good.py", "lr=0.1", "--scheduler", "local:2", "--jobs", "2"], "--scheduler or --jobs"),
        (["good.py", "lr=0.1", "--jobs", "0"], "greater than or equal to 1"),
        (["good.py", "lr=0.1", "--out", "/dev/null/x"], "--out"),
        (["good.py", "lr=0.1", "width=20000", "--memory", "0.001"], "--memory"),
        (["good.py", "lr=0.1", "--memory", "0"], "0.001"),
        (["good.py", "lr=0.1", "--memory", "nan"], "--memory"),
        (["good.py", "lr=0.1", "--data", "x.csv"], "leave it out"),
        (["good.py", "--sample", "3"], "at least one range"),
        (["good.py", "lr=0.1", "--sample", "0"], "greater than or equal to 1"),
        (["good.py", "--settings", "nowhere.csv"], "check path and format"),
        (["good.py", "--settings", "."], "check path and format"),
        (["good.py", "lr=0.1", "--settings", "x.csv"], "leave --settings out"),
        (["missing.py", "lr=0.1"], "check the path"),
        (["toy-mode", "steps=3"], "toy-modes"),
        (["something-else", "steps=3"], "carnot list"),
        (["toy-modes", "stairs=3"], "strengths, steps"),
        (["toy-modes", "steps=many"], "fit toy-modes"),
        (["toy-modes", "steps=3", "--data", "x.csv"], "replicate"),
        (["toy-modes", "data=x.csv"], "replicate"),
        (["lr=0.1", "--target", "y"], "--data"),
        (["lr=0.1", "--data", "nowhere.csv"], "nowhere.csv"),
        (["lr=-1"], "above 0"),
        (["rule=sgd"], "'sgd'"),
        (["depth=0"], "depth=1"),
        (["width=0"], "at least 1"),
        (["width=1000000000000000000000"], "finite numbers below"),
        (["batch=100000"], "batches of 100000"),
    ],
)
def test_bad_usage(carnot, here, words, mend):
    assert mend in refused_and_nothing_written(carnot, here, *words)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("def experiment(lr", "SyntaxError"),
        ("import nothing_such", "No module named 'nothing_such', line 1 of"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("x = 1", "without a function 'experiment'"),
        ("experiment = 3", "without a function 'experiment'"),
        ("def experiment(): return 3", "none, as it takes no settings"),
        ("def experiment(lr): return {'lr': lr}", "Got a dict"),
        ("def experiment(lr):\n    return 1 / 0", "ZeroDivisionError: division by zero, line 2 of"),
        ("def experiment(lr): raise SystemExit(0)", "SystemExit"),
        ("def experiment(lr, /): return lr", "TypeError"),
        ("def experiment(lr: 'Nope'): return lr", "Nope"),
        ("experiment = min", "whose settings are not known"),
        ("measures = 3\ndef experiment(lr): return lr", "a tuple of carnot.Measure"),
    ],
)
def test_a_file_that_cannot_be_used(carnot, here, text, mend):
    (here / "bad.py").write_text(text)
    assert mend in refused_and_nothing_written(carnot, here, "bad.py", "lr=0.1")


def test_a_file_that_is_no_text(carnot, here):
    (here / "bad.py").write_bytes(b"\xff\xfe\x00junk")
    assert "python bad.py" in refused_and_nothing_written(carnot, here, "bad.py", "lr=0.1")


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("lr,width\n0.1,8\n0.2\n", "line 3 of"),
        ("lr,lr\n0.1,0.2\n", "twice"),
        ("\n", "a header and a row"),
        ("lr\n", "a header and a row"),
        ("lr\n0.1\n0.1\n", "drop repetitions"),
        ("rate\n0.1\n", "one of lr, width, steps"),
        ('"lr\n0.1\n', "check path and format"),
    ],
)
def test_a_table_that_cannot_be_used(carnot, here, text, mend):
    (here / "table.csv").write_text(text)
    words = ("good.py", "--settings", "table.csv")
    assert mend in refused_and_nothing_written(carnot, here, *words)


def test_a_scheduler_that_is_not_there(carnot, here, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("carnotlab.runs.executors.dask_connection.CONNECT", 0.5)
    line = refused(carnot("sweep", "good.py", "lr=0.1", "--scheduler", "tcp://127.0.0.1:1"))
    assert "does not answer" in line
