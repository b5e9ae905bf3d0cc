"""Each study at reduced settings: tests within their tolerances, controls beyond, a figure."""

import msgspec
import pytest

from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.studies.without_a_cost.associative_memory import AssociativeMemory
from carnotlab.studies.without_a_cost.contraction_and_its_loss import ContractionAndItsLoss
from carnotlab.studies.without_a_cost.game_without_a_cost import GameWithoutACost
from carnotlab.studies.without_a_cost.learnable_because_structured import (
    LearnableBecauseStructured,
)
from carnotlab.studies.without_a_cost.local_learning_rules import LocalLearningRules
from carnotlab.studies.without_a_cost.stable_readout_from_drifting_codes import (
    StableReadoutFromDriftingCodes,
)

GAMES, AGENTS, MEMORY = GameWithoutACost(), ContractionAndItsLoss(), AssociativeMemory()
RULES, TOPICS = LocalLearningRules(), LearnableBecauseStructured()
DRIFT = StableReadoutFromDriftingCodes()
STUDIES = (GAMES, AGENTS, MEMORY, RULES, TOPICS, DRIFT)
QUICK = (
    (GAMES, {"seeds": 3, "width": 128, "rounds": 3000}),
    (AGENTS, {"seeds": 3, "refits": 20}),
    (MEMORY, {"seeds": 3, "loads": "0.05,0.1,0.2", "units": 500, "noisy_units": 400}),
    (TOPICS, {"seeds": 2, "documents": "1000,4000", "vocabularies": "100,200"}),
    (DRIFT, {"seeds": 6}),
    pytest.param(RULES, {}, marks=pytest.mark.slow),
)


@pytest.mark.parametrize(("study", "changes"), QUICK)
def test_tests_agree_and_controls_do_not(study, changes, tmp_path):
    result = run_study(study, "smoke", changes)
    for verdict in result.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)
    with style("dark"):
        result.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_arms_have_keys_of_their_own_that_change_with_seeds_and_controls_exist(study):
    settings = study.defaults("smoke")
    fewer = msgspec.structs.replace(settings, seeds=settings.seeds - 1)
    one, other = ({a.label: a.run.key for a in study.arms(each)[0]} for each in (settings, fewer))
    assert len({*one.values(), *other.values()}) == 2 * len(one)
    roles = {each.role for each in study.judgements(settings, tuple(one))}
    assert roles == {"test", "control"}
