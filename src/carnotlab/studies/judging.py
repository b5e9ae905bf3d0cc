"""Judgements of one arm or several, whose role is what their label says."""

from collections.abc import Callable

from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.study import Judgement, Results, Statistic, role_of


def judge(
    label: str, tolerance: Tolerance, arms: str | tuple[str, ...], error: Callable[..., Statistic]
) -> Judgement:
    """Return the judgement of an error that is a function of the results of some arms, in order.

    >>> from carnotlab.core.quantities import Quantity
    >>> gap = Quantity("gap", (), "1", "distance from theory")
    >>> judge("control: noise ignored", Tolerance(gap, 0.1, ""), "descent", lambda run: run).role
    'control'
    """
    named = (arms,) if isinstance(arms, str) else arms

    def of(results: Results) -> Statistic:
        return error(*(results[arm] for arm in named))

    return Judgement(label, role_of(label), tolerance, named, of)
