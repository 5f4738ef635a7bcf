"""The ladder of rewards: what each counts on chains by hand, and the page that is made from the kept numbers."""

import json
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest
import torch

from atp_lite.rl import REWARDS
from benchmarks import ladder
from benchmarks.evidence import fill
from benchmarks.ladder import DOMAIN, RUNGS, as_reward, belonging, chain, claims, coherence, tables, used_once

ROOT = Path(__file__).parents[1]
PROBLEM = DOMAIN.read_question("(3+4)*(9-2)")


@pytest.mark.parametrize(
    ("steps", "shares"),
    [
        (["9-2=7", "3+4=7", "7*7=49"], (1, 1, 1, 1)),
        (["3+4=7", "9-2=7", "9-2=7", "7*7=49"], (1, 3 / 4, 3 / 4, 3 / 4)),  # two uses for three results
        (["3+4=7", "3+4=7", "7*7=49"], (1, 1, 1, 1 / 3)),  # said twice: its result is needed twice
        (["5+2=7", "8-1=7", "7*7=49"], (1, 1, 1 / 3, 0)),  # of another question
        (["3+4=7", "9-2=7"], (0, 0, 0, 2 / 3)),  # used nowhere, but needed
        ([], (0, 0, 0, 0)),
    ],
)
def test_each_rung_takes_away_a_cheat(steps, shares):
    found = [score(steps, "49", PROBLEM) for score in (coherence, used_once, belonging, chain)]
    assert found == pytest.approx(shares)


def test_a_use_belongs_to_one_step():
    assert claims(["1+1=2", "1+1=2", "2+3=5"], "5") == [False, True, True]
    assert claims(["1+1=2", "2+2=4", "2+5=7"], "7") == [True, False, True]
    assert claims(["2+3=5", "2+3=5"], "5") == [False, True], "one answer, one claim"
    assert claims(["no step", "2+3=5"], "none") == [False, False]


def test_every_rung_has_its_reward():
    assert [set(rung.weights) - set(REWARDS) for rung in RUNGS.values()] == [
        set(),
        {"used-once"},
        {"belonging"},
        set(),
        set(),
    ]
    trace = Namespace(chains=[["3+4=7", "3+4=7", "7*7=49"], []], answers=["49", ""], latents=torch.zeros(2, 3, 4))
    assert as_reward(chain)(trace, [PROBLEM, PROBLEM]).tolist() == pytest.approx([1 / 3, 0])
    assert [rung.changes["answer_ce"] for rung in RUNGS.values()] == [0, 0, 0, 0, 1]


def test_the_page_shows_the_kept_numbers():
    numbers = json.loads((ROOT / ladder.NUMBERS).read_text())
    assert set(numbers["rungs"]) == {"start", *RUNGS} and numbers["iterations"] == ladder.SETTINGS.iterations
    page = (ROOT / ladder.PAGE).read_text()
    made = tables(numbers)
    assert all(table in page for table in made.values()) and fill(page, made) == page
    for name, rung in RUNGS.items():
        for question, steps, answer in numbers["rungs"][name]["examples"]:
            problem = DOMAIN.read_question(question)
            assert rung.score(steps, answer, problem) == 1 and not DOMAIN.verify(problem, steps).is_right
