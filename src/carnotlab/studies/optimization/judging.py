"""How the studies of this folder put a judgement together: its role is what its label says."""

from collections.abc import Callable

from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.study import Judgement, Results, Statistic, role_of


def judge(
    label: str, tolerance: Tolerance, arms: str | tuple[str, ...], error: Callable[..., Statistic]
) -> Judgement:
    """Return the judgement of an error that is a function of the results of some arms, in order."""
    named = (arms,) if isinstance(arms, str) else arms

    def of(results: Results) -> Statistic:
        return error(*(results[arm] for arm in named))

    return Judgement(label, role_of(label), tolerance, named, of)
