"""Every exercise of the notebooks, with right and with wrong answers."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import torch
from answers.n08_planning import leave_one_out

from atp_lite.course import EXERCISES, check, grade
from atp_lite.domains import count_chains, read_expression
from atp_lite.evaluation import wilson

ROOT = Path(__file__).resolve().parent.parent


NAMES = [module.name for module in pkgutil.iter_modules([str(ROOT / "tests" / "answers")])]
ANSWERS = [importlib.import_module(f"answers.{name}") for name in NAMES]
RIGHT = {number: answers for module in ANSWERS for number, answers in module.RIGHT.items()}
WRONG = {number: answers for module in ANSWERS for number, answers in module.WRONG.items()}


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


def test_marks_may_be_true_and_false_and_nothing_between():
    counted = RIGHT["02.3"][0]
    assert grade("02.3", lambda tokens: [mark == 1 for mark in counted(tokens)])[0]
    assert not grade("02.3", lambda tokens: [0.7 * mark for mark in counted(tokens)])[0]


def test_a_mistake_is_asked_for_as_a_trace():
    for no_trace in ("(3+4)*(9-2)", read_expression("(3+4)*(9-2)")):
        assert grade("00.4", no_trace)[1].startswith("That is no trace: `planner.reason([problem])` returns one.")


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
