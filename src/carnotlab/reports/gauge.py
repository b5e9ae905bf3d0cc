"""A small drawing of an error's interval against its tolerance, beside the numbers."""

import math

from carnotlab.core.verdicts import Verdict
from carnotlab.reports.markup import Markup, element

WIDTH, HEIGHT, EDGE = 96.0, 14.0, 4.0
DECADES = 2.0
"""The gauge shows from 1/100 to 100 times the tolerance; what lies beyond is drawn at its end."""


def gauge(verdict: Verdict) -> Markup:
    """Return the gauge as inline SVG: the upright line is the tolerance, agreement is left of it.

    Decoration for those who see it: the numbers stand beside it, so it is hidden from readers.
    """
    low, high = (_across(end, verdict.tolerance) for end in verdict.interval)
    middle = f"{HEIGHT / 2:g}"
    left, right = f"{EDGE:g}", f"{WIDTH - EDGE:g}"
    point = f"{_across(verdict.error, verdict.tolerance):.1f}"
    limit = f"{WIDTH / 2:g}"
    return element(
        "svg",
        element("line", x1=left, x2=right, y1=middle, y2=middle, class_="axis"),
        element("line", x1=f"{low:.1f}", x2=f"{high:.1f}", y1=middle, y2=middle, class_="range"),
        element("circle", cx=point, cy=middle, r="3"),
        element("line", x1=limit, x2=limit, y1="1", y2=f"{HEIGHT - 1:g}", class_="limit"),
        class_=f"gauge {verdict.agreement}",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        aria_hidden="true",
    )


def _across(value: float, tolerance: float) -> float:
    if math.isnan(value) or value == math.inf:
        return WIDTH - EDGE
    if value <= 0.0 or tolerance <= 0.0:
        return EDGE if value <= tolerance else WIDTH - EDGE
    part = (math.log10(value / tolerance) + DECADES) / (2 * DECADES)
    return EDGE + min(max(part, 0.0), 1.0) * (WIDTH - 2 * EDGE)
