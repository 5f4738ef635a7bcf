"""The share of right chains by how many chains are equally right, by hand."""

import pytest
import torch
from small import lively_planner, made_trace

from atp_lite.domains import DOMAINS, Problem
from atp_lite.evaluation import EvalSettings, evaluate
from atp_lite.evaluation.metrics import Record, outcomes, summarise, summarise_samples
from atp_lite.methods import METHODS
from atp_lite.rl import REWARDS

ONE = Problem("(3+4)*2", ("3+4=7", "7*2=14"), "14", "one")  # one right chain
TWO = Problem("(3+4)*(9-2)", ("9-2=7", "3+4=7", "7*7=49"), "49", "two")  # two
SIX = Problem("((1+2)*(3+1))+(2+2)", ("1+2=3", "3+1=4", "3*4=12", "2+2=4", "12+4=16"), "16", "many")


def test_classes_are_those_of_the_number_of_right_chains():
    assert [DOMAINS["arithmetic"].count_chains(p) for p in (ONE, TWO, SIX)] == [1, 2, 8]
    trace = made_trace(
        answers=["14", "14", "49", "49", "16"],
        steps=[
            ["3+4=7", "7*2=14"],  # right
            ["3+4=7", "3+4=7"],
            ["3+4=7", "9-2=7", "7*7=49"],  # right, though the label says another order
            ["3+4=7", "3+4=7", "7*7=49"],  # a right answer, every step coherent: and no right chain
            list(SIX.steps),
        ],
        problems=[ONE, ONE, TWO, TWO, SIX],
    )
    found = outcomes(trace)
    assert [(o.right_chain, o.n_chains) for o in found] == [(True, 1), (False, 1), (True, 2), (False, 2), (True, 8)]
    metrics = summarise(found)
    shares = {name: (e.mean, e.n) for name, e in metrics.items() if name.startswith("right_chains")}
    assert shares == {
        "right_chains": (0.6, 5),
        "right_chains_several": (pytest.approx(2 / 3), 3),
        "right_chains_1": (0.5, 2),
        "right_chains_2-3": (0.5, 2),
        "right_chains_4-9": (1.0, 1),
    }
    assert found[3].correct and found[3].coherence == 1.0  # neither answer nor coherence sees the repeated step


def test_a_longer_walk_arrives_and_is_no_right_chain():
    problem = DOMAINS["routes"].read_question("3 : : aa to ac")
    walks = [["aa>ab", "ab>ac"], ["aa>ba", "ba>bb", "bb>ab", "ab>ac"], ["aa>ab", "ab>bb"]]
    trace = made_trace(["ac"] * 3, walks, [problem] * 3)
    trace.domain = DOMAINS["routes"]
    found = outcomes(trace)
    assert [(o.arrives, o.right_chain) for o in found] == [(True, True), (True, False), (False, False)]
    assert summarise(found)["arrives"].mean == pytest.approx(2 / 3)


SPARE = [
    # decoded by a planner of four latents a question, how much of it is judged
    (ONE, ["3+4=7", "7*2=14", "7*2=14", "14"], 2),  # complete after two
    (ONE, ["3+4=7", "3+4=7", "7*2=14", "14"], 4),  # a repeated step on the way: never a right chain
    (TWO, ["3+4=7", "9-2=7", "7*7=49", "3+4=7"], 3),
    (TWO, ["3+4=7", "9-2=7"], 2),  # not complete, all of it counts
]


def test_what_follows_a_complete_chain_does_not_count_where_the_number_of_latents_is_fixed():
    trace = made_trace(
        ["14", "14", "49", "49"], [texts for _, texts, _ in SPARE], [p for p, *_ in SPARE], n_latents=[4] * 4
    )
    chain = REWARDS["chain"]
    assert chain(trace, trace.problems).tolist() == pytest.approx([2 / 4, 2 / 4, 3 / 4, 2 / 3])
    assert [o.right_chain for o in outcomes(trace)] == [False] * 4
    trace.fixed_length = True
    assert [len(kept) for kept in trace.chains] == [n for *_, n in SPARE]
    assert chain(trace, trace.problems).tolist() == pytest.approx([1, 2 / 4, 1, 2 / 3])
    assert REWARDS["arrives"](trace, trace.problems).tolist() == [1, 0, 1, 0]
    found = outcomes(trace)
    assert [(o.right_chain, o.stop_right) for o in found] == [
        (True, True),
        (False, False),
        (True, True),
        (False, False),
    ]
    assert found[0].steps == tuple(SPARE[0][1]), "what was decoded is kept"


def test_hops_beyond_the_goal_do_not_count_where_the_number_of_latents_is_fixed():
    problem = DOMAINS["routes"].read_question("3 : : aa to ac")
    walks = [
        ["aa>ab", "ab>ac", "ac>bc", "aa>ab"],  # arrives, goes on, and jumps
        ["aa>ba", "ba>bb", "bb>ab", "ab>ac", "ac>ac"],  # by a longer way
        ["aa>ab", "ac>bc", "bc>ac", "ac>bc"],  # a jump before: it never arrives
    ]
    trace = made_trace(["ac"] * 3, walks, [problem] * 3)
    trace.domain = DOMAINS["routes"]
    names = ("chain", "hops", "arrives")
    before = {name: REWARDS[name](trace, trace.problems).tolist() for name in names}
    assert before["hops"] == pytest.approx([3 / 4, 4 / 5, 3 / 4]) and before["arrives"] == [0, 0, 0]
    trace.fixed_length = True
    after = {name: REWARDS[name](trace, trace.problems).tolist() for name in names}
    assert after["hops"] == pytest.approx([1, 1, 3 / 4]) and after["arrives"] == [1, 1, 0]
    assert after["chain"] == pytest.approx([1, 2 / 4, 1 / 4])


def test_a_planner_says_whether_its_number_of_latents_is_fixed():
    for name, fixed in (("sim-cot", True), ("atp", False)):
        planner = METHODS[name].start(lively_planner(), 3)
        trace = planner.reason([ONE, TWO], group_size=2)
        assert trace.fixed_length is fixed and trace.questions(torch.tensor([1])).fixed_length is fixed
        if not fixed:
            assert trace.chains == trace.steps


def test_where_nobody_can_verify_a_whole_chain_is_kept():
    steps = ["3+4=7", "7+1=8"]
    assert DOMAINS["word-problems"].complete_prefix(Problem("Tom adds 3 and 4.", (), "7"), steps) == steps


def test_a_domain_that_cannot_verify_has_no_share_of_right_chains():
    trace = made_trace(["14"], [["3+4=7", "7*2=14"]], [Problem("Tom adds 3 and 4. Twice that?", ("3+4=7",), "14")])
    trace.domain = DOMAINS["word-problems"]
    (outcome,) = outcomes(trace)
    assert outcome.right_chain is None and not any(name in ("right_chains", "arrives") for name in summarise([outcome]))


def test_some_of_k_samples_are_right_chains():
    records = [Record(i, "", "", "", None, 0.0, 4, 4, 1, right) for i, right in enumerate((0, 1, 4))]
    found = summarise_samples(records)
    assert found["sampled_right_chains"].mean == pytest.approx((0 + 1 / 4 + 1) / 3)
    assert found["chain_pass@2"].mean == pytest.approx((0 + 1 / 2 + 1) / 3)  # 1 - C(3, 2) / C(4, 2) = 1/2
    assert found["chain_pass@4"].mean == pytest.approx(2 / 3)


def test_an_evaluation_counts_the_right_chains_of_its_samples():
    planner = lively_planner()
    result = evaluate(planner, [ONE, TWO], EvalSettings(samples=3, diversity=True))
    verify = planner.domain.verify
    verdicts = [verify(p, o.steps).is_right for p, o in zip((ONE, TWO), result.outcomes, strict=True)]
    assert [o.right_chain for o in result.outcomes] == verdicts
    assert all(record.sampled_right_chains in range(4) for record in result.records)
    again = [Record.from_json(record.to_json()) for record in result.records]
    assert again == result.records
