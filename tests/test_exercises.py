"""Every exercise of the notebooks, with right and with wrong answers."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from atp_lite.coherence import read_answer, read_equation
from atp_lite.evaluate import wilson
from atp_lite.exercises import EXERCISES, check, grade
from atp_lite.problems import count_chains, read_expression

ROOT = Path(__file__).resolve().parent.parent


def trace(*rows: tuple[str, str]) -> SimpleNamespace:
    """What exercise 00.4 reads of a trace: questions and the answers given."""
    return SimpleNamespace(problems=[read_expression(q) for q, _ in rows], answers=[answer for _, answer in rows])


def leave_one_out(rewards):
    others = [[r for j, r in enumerate(rewards) if j != i] for i in range(len(rewards))]
    return [r - sum(o) / len(o) if o else 0.0 for r, o in zip(rewards, others, strict=True)]


def surrogate(rho, advantage, eps):
    if advantage >= 0:  # the two cases written out, instead of min and clamp
        return min(rho, 1 + eps) * advantage
    return max(rho, 1 - eps) * advantage


def coherence_reward(steps, answer):
    total = 0
    for i, step in enumerate(steps):
        equation = read_equation(step)
        later = [x for text in steps[i + 1 :] if (e := read_equation(text)) for x in e.operands]
        total += equation is not None and equation.rhs in [*later, read_answer(answer)]
    return total / max(1, len(steps))


def by_text(steps, answer):
    rest = [" ".join([*(s.split("=")[0] for s in steps[i + 1 :]), answer]) for i in range(len(steps))]
    return sum(s.split("=")[-1] in r for s, r in zip(steps, rest, strict=True)) / max(1, len(steps))


RIGHT = {
    "00.1": [8, 8.0, "8", torch.tensor(8)],
    "00.2": [2 / 3, 0.667, np.float32(2 / 3)],
    "00.3": [281],
    "00.4": [trace(("(3+4)*(9-2)", "48")), trace(("1+2", "3"), ("(1+2)+3", "no number"))],
    "08.1": [
        [math.sqrt(3), -0.577, -0.577, -0.577],
        torch.tensor([2.5, 0.5, 0.5, 0.5]).sub(1).div(0.75**0.5),
        (1.732, -0.5774, -0.5774, -0.5774),
    ],
    "08.2": [leave_one_out, lambda r: torch.tensor(leave_one_out(r))],
    "08.3": [surrogate],
    "08.4": [0.32, 64 * 0.01 / 2],
    "08.5": [coherence_reward],
}

WRONG = {
    "00.1": [24, 7, "eight", True, [8]],
    "00.2": [1.0, 1 / 3, 66.7],
    "00.3": [271, 280, 282],
    "00.4": [
        trace(("(3+4)*(9-2)", "49")),
        trace(("((((1+2)+3)+4)+5)+6", "20")),  # wrong, but five steps
        trace(),
        "(3+4)*(9-2)",
    ],
    "08.1": [
        [1.5, -0.5, -0.5, -0.5],  # not divided
        [1.5, -0.5, -0.5, -0.5, 0.0],
        [1.5],  # std with n - 1
        [float("nan")] * 4,
        3.0,
        "abcd",
    ],
    "08.2": [
        lambda r: [x - sum(r) / len(r) for x in r],
        lambda r: [x - (sum(r) - x) / (len(r) - 1) for x in r],  # divides by zero in a group of one
        lambda r: r,
        [0.0],
    ],
    "08.3": [
        lambda rho, a, eps: rho * a,
        lambda rho, a, eps: min(max(rho, 1 - eps), 1 + eps) * a,  # without the outer minimum
        lambda rho, a, eps: min(rho, min(max(rho, 1 - eps), 1 + eps)) * a,  # the minimum before multiplying
        lambda rho, a, eps: min(rho * a, min(max(rho, 0.8), 1.2) * a),  # eps ignored
        lambda rho: rho,
    ],
    "08.4": [0.64, 0.005, 0.8],
    "08.5": [by_text, lambda steps, answer: 1.0, lambda steps, answer: 0.0, lambda steps, answer: "high"],
}


def test_every_exercise_is_tried():
    assert set(RIGHT) == set(WRONG) == set(EXERCISES)


@pytest.mark.parametrize(("number", "i"), [(n, i) for n, answers in RIGHT.items() for i in range(len(answers))])
def test_right_answers(number, i, capsys):
    check(number, RIGHT[number][i])
    assert capsys.readouterr().out == f"{number}: right.\n"


@pytest.mark.parametrize(("number", "i"), [(n, i) for n, answers in WRONG.items() for i in range(len(answers))])
def test_wrong_answers_get_the_hint(number, i, capsys):
    check(number, WRONG[number][i])
    printed = capsys.readouterr().out
    assert printed.startswith(f"{number}: not yet. ")
    assert printed.endswith(f" Hint: {EXERCISES[number].hint}\n")


@pytest.mark.parametrize("number", sorted(EXERCISES))
def test_a_placeholder_is_no_answer(number):
    takes_a_function = callable(RIGHT[number][0])
    assert grade(number, None) == (False, "There is no answer yet: put yours in the place of None.")
    if takes_a_function:
        assert grade(number, lambda *arguments: None) == grade(number, None)


def test_an_unknown_number_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '08\.99': choose one of 00\.1, .*08\.1"):
        check("08.99", 1)


def test_a_wrong_function_is_shown_where():
    found = grade("08.3", lambda rho, a, eps: rho * a)[1]
    assert found.startswith("Called with 1.5, 2.0, 0.2: 3 is not right.")
    assert "ZeroDivisionError" in grade("08.2", WRONG["08.2"][1])[1]


def test_a_function_may_change_its_arguments():
    def greedy(rewards):
        answer = leave_one_out(rewards)
        rewards.clear()
        return answer

    assert grade("08.2", greedy)[0] and grade("08.2", greedy)[0]


def test_the_hidden_answers_are_those_of_the_texts():
    assert count_chains(read_expression("((2+3)*(9-5))-(8-2)")) == 8
    assert wilson(281, 300).low > 0.9 >= wilson(280, 300).low
    moved, still = (torch.distributions.Normal(torch.full((64,), x), 2.0) for x in (0.2, 0.0))
    assert torch.distributions.kl_divergence(moved, still).sum().item() == pytest.approx(0.32)


def test_notebooks_and_registry_name_the_same_exercises():
    used = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        used |= set(re.findall(r'check\(\\"([^"\\]+)\\"', path.read_text(encoding="utf-8")))
    assert used == set(EXERCISES)
