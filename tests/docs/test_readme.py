"""The README's examples run as they stand."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLOWERS = "length,width,species\n" + "5.1,3.5,setosa\n6.4,2.9,virginica\n5.7,2.8,setosa\n" * 10


def blocks(language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(README) if kind == language]


def carnot_commands() -> list[str]:
    lines = [line for code in blocks("sh") for line in code.splitlines()]
    return [line for line in lines if line.startswith("carnot ")]


def start(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-W", "error", *words],
        cwd=folder,
        env=os.environ | path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_examples() -> None:
    assert len(blocks("python")) == 2
    assert len(carnot_commands()) == 2


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs_in_ten_lines_and_leaves_what_it_says(code: str, tmp_path: Path) -> None:
    assert len(code.replace("\n\n", "\n").splitlines()) <= 10
    done = start(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    if "savefig" not in code:
        assert done.stdout.startswith("[[")
        return
    (figure,) = tmp_path.iterdir()
    assert figure.name in code
    assert figure.stat().st_size > 10_000


@pytest.mark.parametrize("command", carnot_commands())
def test_commands_are_understood(command: str, tmp_path: Path) -> None:
    (tmp_path / "flowers.csv").write_text(FLOWERS)
    words = shlex.split(command)[1:]
    done = start(["-m", "carnotlab.cli", *words, "--dry-run"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("300 members" if "sweep" in words else "to run") in done.stdout


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).exists(), target
