import threading

import pytest
from rich.text import Text
from toy_study import ToyStudy

from carnotlab.cli import devices
from carnotlab.cli.interruption import in_worker
from carnotlab.cli.output import show
from carnotlab.cli.planning import changes_of
from carnotlab.cli.progress import progress
from carnotlab.reports.words import command
from carnotlab.studies.running import resolve


def test_the_reported_command_gives_the_same_settings():
    study = ToyStudy()
    changes = {"strengths": "4.5,0.25", "steps": "17", "error": "1e-07", "data": "a b.csv"}
    settings = resolve(study, "full", changes)
    words = command(study, "full", settings).replace("'", "").split()
    sets = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    seeds = words[words.index("--seeds") + 1]
    assert resolve(study, "full", changes_of(sets, int(seeds), "a b.csv")) == settings


def test_work_is_done_beside_the_main_thread():
    assert in_worker(lambda: threading.current_thread() is threading.main_thread()) is False
    with pytest.raises(KeyError):
        in_worker(lambda: {}["missing"])


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("carnotlab.cli.progress_lines.time.monotonic", lambda: clock[0])
    with progress("study") as tell:
        for clock[0], part in ((1.0, 0.1), (11.0, 0.5), (12.0, 0.6), (30.0, 0.75)):
            tell("arm", part)
    assert capsys.readouterr().err.splitlines() == [
        "study: started",
        "study: arm: 50 %, 11 s, about 11 s left",
        "study: arm: 75 %, 30 s, about 10 s left",
    ]


@pytest.mark.parametrize(
    ("variables", "settled"),
    [
        ({}, False),
        ({"JAX_NUM_CPU_DEVICES": "3"}, True),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}, True),
    ],
)
def test_cores_become_devices_unless_the_user_chose(monkeypatch, variables, settled):
    told = {}
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES", raising=False)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(devices.jax.config, "update", told.__setitem__)
    devices.spread_over_cores()
    assert (told == {}) == settled
    assert all(name == "jax_num_cpu_devices" and cores >= 1 for name, cores in told.items())


@pytest.mark.parametrize("declined", [False, True])
def test_colour_can_be_declined(monkeypatch, capsys, declined):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1") if declined else monkeypatch.delenv("NO_COLOR", False)
    show(Text("loud", "magenta"))
    assert ("\x1b[35m" in capsys.readouterr().out) != declined
