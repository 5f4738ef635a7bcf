"""Every exercise of the notebooks, with right and with wrong answers."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import torch
from answers.n08_planning import leave_one_out

from atp_lite.course import EXERCISES, check, grade, hint, progress
from atp_lite.course.grading import NO_ANSWER
from atp_lite.course.tries import VARIABLE, in_order, progress_text, read_progress
from atp_lite.domains import count_chains, read_expression
from atp_lite.evaluation import wilson

ROOT = Path(__file__).resolve().parent.parent


NAMES = [module.name for module in pkgutil.iter_modules([str(ROOT / "tests" / "answers")])]
ANSWERS = [importlib.import_module(f"answers.{name}") for name in NAMES]
RIGHT = {number: answers for module in ANSWERS for number, answers in module.RIGHT.items()}
WRONG = {number: answers for module in ANSWERS for number, answers in module.WRONG.items()}


@pytest.fixture(autouse=True)
def own_file(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


def test_every_exercise_is_tried():
    assert set(RIGHT) == set(WRONG) == set(EXERCISES)


@pytest.mark.parametrize(("number", "i"), [(n, i) for n, answers in RIGHT.items() for i in range(len(answers))])
def test_right_answers(number, i, capsys):
    check(number, RIGHT[number][i])
    assert capsys.readouterr().out == f"{number}: right.\n"


@pytest.mark.parametrize(("number", "i"), [(n, i) for n, answers in WRONG.items() for i in range(len(answers))])
def test_wrong_answers_get_a_hint(number, i, capsys):
    check(number, WRONG[number][i])
    printed = capsys.readouterr().out
    assert printed.startswith(f"{number}: not yet. ")
    assert printed.endswith(f" Hint 1 of 3: {EXERCISES[number].hints[0]}\n")


@pytest.mark.parametrize("number", sorted(EXERCISES))
def test_hints_come_in_three_grades_and_say_more_and_more(number, capsys):
    hints = EXERCISES[number].hints
    assert len(set(hints)) == 3
    for which in (1, 2, 3, 3):
        check(number, WRONG[number][0])
        assert capsys.readouterr().out.endswith(f" Hint {which} of 3: {hints[which - 1]}\n")
    hint(number, 2)
    assert capsys.readouterr().out == f"Hint 2 of 3: {hints[1]}\n"
    with pytest.raises(ValueError, match="has 3 hints: ask for one from 1 to 3, not 4"):
        hint(number, 4)


@pytest.mark.parametrize("number", sorted(EXERCISES))
def test_a_placeholder_is_no_answer(number):
    assert grade(number, None) == (False, NO_ANSWER)
    if callable(RIGHT[number][0]):
        assert grade(number, lambda *arguments: None) == (False, NO_ANSWER)


def test_a_function_that_forgets_its_return_is_told_so():
    def forgets(rewards):
        sum(rewards)

    wrong = grade("08.2", forgets)[1]
    assert wrong == (
        "Called with [1.0, 0.0, 0.0, 1.0] your function returned None: does every way through it end in a return?"
    )


def test_an_exception_is_shown_with_its_input_and_line():
    def divides(rewards):
        left = len(rewards) - 4
        return [1 / left for _ in rewards]

    assert grade("08.2", divides)[1] == (
        "Called with [1.0, 0.0, 0.0, 1.0] it raised ZeroDivisionError: division by zero, at your line 3, "
        "`return [1 / left for _ in rewards]`."
    )


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        ("07b.3", lambda *chain: "x", "it gives 'x': that is not a number."),
        ("build.verify", lambda *chain: [1], "it gives [1]: that is not a number."),
        ("06.3", lambda points: "x", "'x' is not a list of numbers."),
        ("03.3", lambda mask: 5, "5 is not a list."),
        ("07.2", (["1+3=4"],), "Give a pair: the list of steps, and the answer."),
        ("build.think", lambda imagine, read, hidden, n: 1 / 0, "Called with imagine, read, tensor("),
    ],
)
def test_a_value_of_another_kind_is_named(number, answer, said):
    right, message = grade(number, answer)
    assert not right and said in message and "ended in" not in message


def test_tries_are_kept_in_the_learners_file(own_file, capsys):
    check("00.2", None)
    assert not own_file.exists(), "a placeholder is no try"
    for answer in (0.1, 0.2, RIGHT["00.2"][0], 0.3):
        check("00.2", answer)
    assert read_progress() == {"00.2": {"wrong": 2, "right": 1}}
    capsys.readouterr()
    progress()
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "00  #...  1 of 4  2 wrong tries on the way"
    assert said[-1] == f"1 of {len(EXERCISES)} solved; next: 00.1"


def test_progress_goes_through_the_notebooks_in_their_order(own_file):
    numbers = ["10.2", "10b.10", "build.kl", "10b.9", "10.1", "11.1"]
    said = progress_text(sorted(numbers, key=in_order)).splitlines()
    assert [line.split()[0] for line in said[:-1]] == ["10", "10b", "11", "build"]
    assert said[1] == "10b ..  0 of 2" and said[-1] == "0 of 6 solved; next: 10.1"
    assert sorted(numbers, key=in_order) == ["10.1", "10.2", "10b.9", "10b.10", "11.1", "build.kl"]


def test_a_wrong_try_after_a_right_first_one_gets_the_first_hint(capsys):
    for answer in (RIGHT["00.2"][0], WRONG["00.2"][0]):
        check("00.2", answer)
    assert capsys.readouterr().out.endswith(f" Hint 1 of 3: {EXERCISES['00.2'].hints[0]}\n")


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        ("03.4", 0.64, "0.64 is rounded too far: give three decimals."),
        ("08b.2", [-0.4, -6], "Number 1 of 2: -0.4 is rounded too far: give three decimals."),
        ("04b.3", [0, 1], "Number 2 of 2: 1 is not right."),  # another mistake
        ("03.4", 0.65, "0.65 is not right."),
    ],
)
def test_a_number_with_too_few_decimals_is_told_so(number, answer, said):
    assert grade(number, answer) == (False, said)


def test_a_file_that_holds_no_tries_stops_nobody(own_file, capsys):
    for text in ("no json", "[1]", '{"00.2": 3}'):
        own_file.write_text(text)
        check("00.2", RIGHT["00.2"][0])
        assert capsys.readouterr().out == "00.2: right.\n" and own_file.read_text() == text
        with pytest.raises(ValueError, match="holds no tries: delete it to begin anew"):
            progress()


def test_an_unknown_number_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '08\.99': choose one of 00\.1, .*08\.1"):
        check("08.99", 1)


def test_a_wrong_function_is_shown_where():
    found = grade("08.3", lambda rho, a, eps: rho * a)[1]
    assert found.startswith("Called with 1.5, 2.0, 0.2: 3 is not right.")
    assert "it raised ZeroDivisionError" in grade("08.2", WRONG["08.2"][1])[1]


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
