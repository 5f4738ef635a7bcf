"""Every reward by hand, and the paper's total as their weighted sum."""

import pytest
import torch
from small import made_trace, tiny_planner

from atp_lite.domains import Problem
from atp_lite.rl import REWARDS, RLSettings, register, total_reward

FOURTEEN = Problem("(3+4)*2", ("3+4=7", "7*2=14"), "14")
TRACE = made_trace(
    answers=["14", "14.0", "15", "14", "", "x", "14"],
    steps=[
        ["3+4=7", "7*2=14"],  # right, coherent
        ["3+4=7", "9-2=7"],  # right answer from nowhere
        ["3+4=7", "7+8=15"],  # coherent, but wrong
        ["3+4=8", "8+6=14"],  # coherent, right answer, wrong arithmetic
        ["3+4=7"],
        [],
        ["3+4=7", "7*2=14"],  # right, cut off before its end token
    ],
    problems=[FOURTEEN] * 7,
    ended=[True] * 6 + [False],
)
BY_HAND = {
    "correct": [1, 1, 0, 1, 0, 0, 1],
    "coherence": [1, 0, 1, 1, 0, 0, 1],
    "correct-coherence": [1, 0, 0, 1, 0, 0, 1],
    "format": [1, 1, 1, 1, 0, 0, 0],
    "validity": [1, 1, 1, 0.5, 1, 0, 1],
    "length": [-2, -2, -2, -2, -1, 0, -2],
}


@pytest.mark.parametrize("name", BY_HAND)
def test_rewards_by_hand(name):
    assert REWARDS[name](TRACE, TRACE.problems).tolist() == BY_HAND[name]


def test_rewards_of_a_model_in_bfloat16_are_not_rounded_to_it():
    trace = made_trace(["14"], [["3+4=8", "8+6=14", "2+2=4"]], [FOURTEEN])
    trace.latents = trace.latents.bfloat16()
    total, parts = total_reward(trace, trace.problems, {"correct": 1.0, "coherence": 1.0, "length": 0.001})
    assert parts["coherence"].item() == pytest.approx(2 / 3, abs=1e-6)
    assert total.item() == pytest.approx(1 + 2 / 3 - 0.003, abs=1e-6)


def test_every_registered_reward_is_tested_here():
    assert {name for name, own in REWARDS.items() if own.__module__.startswith("atp_lite.")} == {*BY_HAND, *VERIFIED}


@pytest.mark.parametrize(("coherent", "form"), [(1.0, 0.5), (0.1, 0.5), (2.0, 5.0)])
def test_total_is_the_formula_of_the_paper(coherent, form):
    weights = {"correct": 1.0, "correct-coherence": coherent, "format": form}
    total, parts = total_reward(TRACE, TRACE.problems, weights)
    expected = [
        (1 + coherent * r_coh) * r_correct + form * r_format
        for r_coh, r_correct, r_format in zip(BY_HAND["coherence"], BY_HAND["correct"], BY_HAND["format"], strict=True)
    ]
    torch.testing.assert_close(total, torch.tensor(expected))
    assert list(parts) == list(weights)


def test_the_default_is_the_papers_total():
    total, _ = total_reward(TRACE, TRACE.problems, RLSettings().rewards)
    assert total.tolist() == [2.5, 1.5, 0.5, 2.5, 0.0, 0.0, 2.0]


def test_coherence_alone_reads_no_label():
    strangers = [Problem("1+1", (), "2")] * 7
    alone, _ = total_reward(TRACE, strangers, {"coherence": 1.0})
    assert alone.tolist() == BY_HAND["coherence"]


def test_a_partly_coherent_chain_gets_its_share():
    trace = made_trace(["14"], [["3+4=7", "9-2=7", "1+1=2", "7*2=14"]], [FOURTEEN])
    # both sevens and the two are operands of 7*2, whose 14 is the answer
    assert total_reward(trace, trace.problems, {"coherence": 1.0})[0].item() == 1.0
    trace = made_trace(["14"], [["1+1=2", "3+4=7", "8+6=14"]], [FOURTEEN])
    assert total_reward(trace, trace.problems, {"coherence": 1.0})[0].item() == pytest.approx(1 / 3)


def test_errors_name_the_reward_and_the_way_out():
    choices = "choose from arrives, chain, coherence, .*validity"
    with pytest.raises(ValueError, match=f"no reward is called 'kindness': {choices}"):
        total_reward(TRACE, TRACE.problems, {"kindness": 1.0, "correct": 1.0})
    with pytest.raises(ValueError, match="no rewards are given: choose from"):
        total_reward(TRACE, TRACE.problems, {})
    with pytest.raises(ValueError, match="kindness"):
        RLSettings(rewards={"kindness": 1.0})
    with pytest.raises(ValueError, match="'correct' already.*another name"):
        register("correct")(lambda trace, problems: None)
    assert REWARDS["correct"].__name__ == "correct"


def test_a_reward_of_your_own(monkeypatch):
    monkeypatch.setitem(REWARDS, "short", lambda trace, problems: (trace.n_latents < 2).float())
    total, _ = total_reward(TRACE, TRACE.problems, {"short": 2.0})
    assert total.tolist() == [0, 0, 0, 0, 2, 2, 0]


def test_a_special_token_inside_an_answer_is_no_number():
    """`<|latent|>14<eos>` is neither right nor well formed: the stray token stays visible in the text."""
    planner = tiny_planner()
    ids = planner.tokenizer.convert_tokens_to_ids
    rows = [[ids("<|latent|>"), ids("14"), ids("<eos>")], [ids("14"), ids("<eos>"), ids("<pad>")]]
    assert planner.collate.text(torch.tensor(rows)) == ["<|latent|>14", "14"]


# --- rewards that are read off the question ---

VERIFIED = ("chain", "arrives", "hops")
CHAINS = {
    "right": (["3+4=7", "9-2=7", "7*7=49"], 1.0, 1.0, 1.0),
    "right, the other order": (["9-2=7", "3+4=7", "7*7=49"], 1.0, 1.0, 1.0),
    "a step twice": (["3+4=7", "3+4=7", "7*7=49"], 1 / 3, 0.0, 1 / 3),  # 7*7 needs 9-2 before it
    "a step too many": (["3+4=7", "9-2=7", "7*7=49", "1+1=2"], 3 / 4, 0.0, 3 / 4),
    "too early": (["7*7=49", "3+4=7", "9-2=7"], 2 / 3, 0.0, 2 / 3),
    "another question's": (["1+1=2", "2+2=4", "4*4=16"], 0.0, 0.0, 0.0),
    "nothing": ([], 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("case", CHAINS)
def test_verified_rewards_by_hand_need_no_label(case):
    """The problem's own steps and answer are wrong, the trajectory's answer unreadable: nobody asks them."""
    steps, chain, arrives, hops = CHAINS[case]
    trace = made_trace(["?"], [steps], [Problem("(3+4)*(9-2)", ("1+1=2",), "7")])
    found = [REWARDS[name](trace, trace.problems).item() for name in VERIFIED]
    assert found == pytest.approx([chain, arrives, hops])
