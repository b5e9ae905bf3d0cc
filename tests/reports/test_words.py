import dataclasses

import pytest
from toy_study import ToySettings, ToyStudy

from carnotlab.reports.gauge import EDGE, WIDTH, gauge
from carnotlab.reports.markup import Markup, element, join, table
from carnotlab.reports.words import command


def test_the_command_names_what_differs_from_the_size():
    settings = ToySettings(seeds=7, strengths=(2.5, 1.0), steps=30, data="my file.csv")
    given = command(ToyStudy(), "full", settings)
    assert given == (
        "carnot run toy-modes --size full --seeds 7 --data 'my file.csv' "
        "--set strengths=2.5,1.0 --set steps=30"
    )


def test_text_is_escaped_once_and_markup_never():
    cell = element("td", "<&>", title='"quoted"')
    assert cell == '<td title="&quot;quoted&quot;">&lt;&amp;&gt;</td>'
    assert element("tr", cell) == f"<tr>{cell}</tr>"
    assert isinstance(join(["<", cell]), Markup)
    assert table("a < b", ("x",), [("<i>",)]).count("&lt;") == 3


@pytest.mark.parametrize(
    ("interval", "error", "where"),
    [((0.01, 0.02), 0.015, "left"), ((5.0, 7.0), 6.0, "right"), ((1e-30, 1e30), 1.0, "both")],
)
def test_the_gauge_draws_agreement_left_of_the_line(result, interval, error, where):
    verdict = dataclasses.replace(result.verdicts[0], interval=interval, error=error, tolerance=0.5)
    drawing = gauge(verdict)
    low, high = (float(drawing.split(f'{end}="')[2].split('"')[0]) for end in ("x1", "x2"))
    assert EDGE <= low <= high <= WIDTH - EDGE
    assert (low < WIDTH / 2) == (where != "right")
    assert (high > WIDTH / 2) == (where != "left")
