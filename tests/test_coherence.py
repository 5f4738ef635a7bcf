"""Coherence by hand: which result is used where, by value."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atp_lite.domains import equivalent_chains, read_expression
from atp_lite.domains.coherence import coherence, read_answer, read_equation


@pytest.mark.parametrize(
    ("steps", "answer", "score", "right"),
    [
        (["3+4=7", "9-2=7", "7*7=49"], "49", 1.0, 1.0),
        (["3+4=7", "7*2=14"], "14", 1.0, 1.0),
        (["3+4=7", "7*2=14"], "13", 0.5, 1.0),  # the answer is not what the last step found
        (["3+4=8", "8*2=16"], "16", 1.0, 0.5),  # wrong arithmetic, yet coherent
        (["7*2=14", "3+4=7"], "14", 0.5, 1.0),  # used only by an EARLIER step
        (["7+0=7"], "8", 0.0, 1.0),  # used only by itself
        (["1+3=4", "14+1=15"], "15", 0.5, 1.0),  # 4 is no operand of 14+1
        (["1+3=4", "20-5=15"], "145", 0.0, 1.0),  # nor part of the answer
        (["3+=", "", "3+4=7"], "7", 1 / 3, 1 / 3),  # what is no equation counts as a step
        (["3+4=7=7"], "7", 1.0, 1.0),
        (["3+4=7=8"], "8", 0.0, 0.0),
        (["1/2=0.5", "0.50*4=2"], "2.0", 1.0, 1.0),  # by value, not by text
        (["2-5=-3", "4*-3=-12"], "-12", 1.0, 1.0),
        (["3+4=7"], "", 0.0, 1.0),
        (["3+4=7"], "seven", 0.0, 1.0),
        ([], "7", 0.0, 0.0),
        ([], "", 0.0, 0.0),
    ],
)
def test_scores_by_hand(steps, answer, score, right):
    found = coherence(steps, answer)
    assert found.score == pytest.approx(score) and found.right == pytest.approx(right)


def test_says_where_each_result_goes():
    found = coherence(["1+2=3", "3+3=6", "3*6=18", "x"], "18")
    assert [step.used_in for step in found.steps] == [(1, 2), (2,), (), ()]
    assert [step.is_answer for step in found.steps] == [False, False, True, False]
    assert [step.is_coherent for step in found.steps] == [True, True, True, False]
    assert [step.text for step in found.steps] == ["1+2=3", "3+3=6", "3*6=18", "x"]
    assert found.steps[3].read is None


@given(st.sampled_from(["(1+2)*(3+4)", "1+2+3+4", "(5-1)*(6-2)-3", "2*3*4", "9-2"]))
def test_every_right_chain_is_fully_coherent(question):
    problem = read_expression(question)
    for chain in equivalent_chains(problem):
        found = coherence(chain, problem.answer)
        assert found.score == found.right == 1.0
        if len(chain) > 1:  # without its last step, nothing leads to the answer any more
            assert coherence(chain[:-1], problem.answer).score < 1.0


@given(st.lists(st.text("0123456789+-*=() ", max_size=7), max_size=4), st.text("0123456789.-", max_size=3))
def test_any_text_scores_as_a_slow_loop_would(steps, answer):
    equations = [read_equation(step) for step in steps]
    coherent = 0
    for i, equation in enumerate(equations):
        if equation is None:
            continue
        used = any(equation.rhs in other.operands for other in equations[i + 1 :] if other is not None)
        coherent += used or (read_answer(answer) is not None and equation.rhs == read_answer(answer))
    assert coherence(steps, answer).score == (coherent / len(steps) if steps else 0.0)


def test_answers_are_exact_numbers():
    assert read_answer("0.1") == Fraction(1, 10) and read_answer(" 14 ") == 14
    assert read_answer("14 apples") is None and read_answer("") is None
