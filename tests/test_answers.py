"""Numbers in answers: whatever they are written like, and whatever stands around them, they are read back exactly."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from atp_lite.domains import (
    EquationError,
    is_right,
    last_number,
    parse_equation,
    parse_number,
    same_answer,
    same_number,
    write_number,
)

CASES = Path(__file__).parents[2] / "shared" / "cases" / "answers.json"


@st.composite
def written_numbers(draw):
    """(a number as it may stand in an answer, its exact value)."""
    form = draw(st.sampled_from(["plain", "commas", "dollar", "percent", "unit", "fraction", "mixed", "exponent"]))
    whole, cents = draw(st.integers(0, 10**9)), draw(st.integers(0, 99))
    value = whole + Fraction(cents, 100) if draw(st.booleans()) else Fraction(whole)
    plain = f"{whole}.{cents:02d}" if value.denominator != 1 else f"{whole}"
    if form == "commas":
        plain = f"{int(value):,}" + plain[len(str(whole)) :]
    elif form == "dollar":
        plain = f"${plain}"
    elif form == "percent":
        plain, value = plain + draw(st.sampled_from(["%", " %"])), value / 100
    elif form == "unit":
        plain += draw(st.sampled_from([" apples", "kg", " km", " dollars", "°", " ml per day"]))
    elif form in ("fraction", "mixed"):
        under = draw(st.integers(2, 99))
        over = draw(st.integers(1, under - 1 if form == "mixed" else 999))
        plain, value = f"{over}/{under}", Fraction(over, under)
        if form == "mixed":
            plain, value = f"{whole} {plain}", whole + value
    elif form == "exponent":
        power = draw(st.integers(-5, 5))
        plain, value = f"{plain}e{power}", value * Fraction(10) ** power
    if draw(st.booleans()):
        minus = draw(st.sampled_from("-−–"))
        plain = f"$-{plain[1:]}" if form == "dollar" and minus == "-" else minus + plain
        value = -value
    return plain, value


BITS = ["so", "answers are", "She pays:", "=", "(total)", "x2", "v1.2.3", "R2D2", "1_000", "7", "3.5", "10-4"]
WORDS = st.lists(st.sampled_from([*BITS, ",", "-", "$", "%", "..."]), max_size=8).map(" ".join)
AFTER = st.sampled_from(["", ".", "!", " in all.", ")", ",", ".\n", " left, so many", '"', "</s>", ". Done (x2)."])


@pytest.mark.slow
@given(WORDS, written_numbers(), AFTER)
def test_the_last_number_is_read_back_whatever_stands_around_it(before, written, after):
    text, value = written
    assume(not before[-1:].isdigit())  # `7 1/2` is a mixed number, and `7 100` may be 7100
    assume(before[-3:].strip() not in ("-", "= -", ")-"))  # a sign
    assert last_number(f"{before} {text}{after}") == value


@pytest.mark.slow
@given(st.text(max_size=30))
def test_any_text_has_a_number_or_none(text):
    value = last_number(text)
    assert value is None or isinstance(value, Fraction)
    assert any(character.isnumeric() for character in text) or value is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_number_is_never_a_part_of_another(inner, outer):
    assert same_answer(f"{outer}", str(inner)) == (inner == outer)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("14", 14),
        ("The answer is: 72", 72),
        ("#### 1,080", 1080),
        ("He has 3 apples and 4 pears.", 4),
        ("10-4", 4),
        ("from 3–5", 5),
        ("10 - 4 = -6.", -6),
        ("<<48/2=24>>", 24),
        ("It costs US$3.50.", Fraction(7, 2)),
        ("(-5)", -5),
        ("half, or 1/2", Fraction(1, 2)),
        ("2 1/2 cups", Fraction(5, 2)),
        ("7 48/2", 24),
        ("1, 2, 3", 3),
        ("so...42", 42),
        (".5 cups", Fraction(1, 2)),
        ("25%", Fraction(1, 4)),
        ("25 % of them", Fraction(1, 4)),
        ("5.", 5),
        ("$-3", -3),
        ("−$3", -3),
        ("3+97=100\n100", 100),
        ("5\n105", 105),
        ("Step 3\n\n250 dollars", 250),
        ("2 and\n1/2", Fraction(1, 2)),
    ],
)
def test_last_number_by_hand(text, value):
    assert last_number(text) == value


@pytest.mark.parametrize("text", ["1,2345", "3,7", "9:45", "at 7:05.", "ratio 2:3", "4^2", "4**2", "2^{10}", "√9"])
def test_a_part_of_a_number_is_none(text):
    assert last_number(text) is None and last_number(f"3 {text}") is None


@pytest.mark.parametrize(
    "text, value",
    [
        ("8 and a half", None),
        ("6 and three quarters", None),
        ("5 million people", None),
        ("$3bn", None),
        ("5 hundred-dollar bills", 5),
        ("3.456,78", None),
        ("6/7/2024", None),
        ("6²", None),
        ("1.2_3", None),
        ("8 m^2", 8),
        ("5 s^{-1}", 5),
        ("he sold 9 on the 2nd day", 9),
        ("3 / 8 of it", Fraction(3, 8)),
        ("\\frac{3}{8}", Fraction(3, 8)),
        ("4⅔", Fraction(14, 3)),
        ("= - 6", -6),
        ("- 3 pears\n- 4 plums", 4),  # a list
    ],
)
def test_kinds_of_numbers(text, value):
    assert last_number(text) == value


@pytest.mark.parametrize(
    "text",
    # a group that begins with 0, spaces that group nothing, mixed separators, and numbers of which only a part is read
    ["0,123", "10 00", "1  000", "1 234,567", "1,234 567", "2 and 1/2", "2 and 3 quarters", "5 thirds", "7 squared"]
    + ["10 ^ 3", "10 ** 3", "5±1", "5‰", "0x1F", "5x3", "7h30", "1/-2", "0.(3)", "8 lakh", "5-million", "2π", "5√2"]
    + ["\\frac{\\sqrt{2}}{3}", "\\frac{x}{3}", "7.30pm"],
)
@pytest.mark.parametrize("place", ["{}", "So it is {}", "#### {}", "The answer is {}", "\\boxed{{{}}}"])
def test_half_a_number_is_never_read(place, text):
    assert last_number(place.format(text)) is None


@pytest.mark.parametrize(
    "text, value",
    [
        ("1\u20442", Fraction(1, 2)),
        ("\u20115", -5),
        ("1\u200b000", 1000),
        ("\\frac12", Fraction(1, 2)),
        ("\\frac{-1}{2}", Fraction(-1, 2)),
        ("12\\;345", 12345),
        ("minus 7", -7),
        ("negative 7", -7),
    ],
)
def test_other_spellings_of_a_number(text, value):
    assert parse_number(text) == value == last_number(f"#### {text}") == last_number(f"So it is {text}.")


@pytest.mark.parametrize("marker", ["#### {}", "\\boxed{{{}}}", "So the answer is {}", "The answer is: {}", "####{}"])
@given(written_numbers(), WORDS)
@pytest.mark.slow
def test_a_marked_answer_is_read_whatever_follows(marker, written, after):
    text, value = written
    assert last_number("7 " + marker.format(text) + f". {after}\nThat took 3 steps.") == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("the answer is 5 + 6 = 11, of 20", 11),
        ("the answer is 9-2", None),
        ("The answer is 12 since x = 5", 12),
        ("#### 5\n#### 6", 6),
        ("The answer is \\boxed{9}. #### 8", 8),
        ("#### none, so 4", 4),
        ("the answer is unknown, 4", 4),
        ("the answer is \\boxed{7\\text{ kg}}", 7),
        ("\\boxed{7 \\text{ m}^{2}}", 7),
        ("\\boxed{(3, 4)}", None),
        ("\\boxed{10 \\times 3}", None),
        ("\\fbox{7} in 3 steps", 7),
        ("**Answer:** 7 in 3 steps", 7),
        ("The answer is not 5 but 6", 6),
    ],
)
def test_markers_by_hand(text, value):
    assert last_number(text) == value


@pytest.mark.slow
@example("1 ½")
@example("1  ½")
@example("1  1/2")
@example("1.%")
@given(st.one_of(written_numbers().map(lambda written: written[0]), st.text("0123456789 .,/%$-'^:½eE", max_size=9)))
def test_a_text_that_is_one_number_has_that_as_its_last(text):
    try:
        value = parse_number(text)
    except EquationError:
        return
    assert last_number(text) == value


@pytest.mark.skipif(not CASES.is_file(), reason="needs shared/cases beside the repository")
def test_the_cases_as_they_were_collected():
    cases = json.loads(CASES.read_text())
    for case in cases["last_number"]:
        right = [None if word == "null" else Fraction(word) for word in (case["right"] or "null").split(" or ")]
        assert last_number(case["text"]) in right, case
    for case in cases["same_answer"]:
        assert same_answer(case["answer"], case["reference"]) is case["right"], case
    for case in cases["parse_equation"]:
        equation, right = parse_equation(case["text"]), parse_equation(case["right"].split(" (")[0])
        assert (equation.operands, equation.value, equation.rhs) == (right.operands, right.value, right.rhs), case


@pytest.mark.parametrize(
    "text", ["", "none", "x2", "R2D2", "v1.2.3", "1_000", "3/0", "1e99", "9" * 400, "٣", "-", "$", ".", "a_1"]
)
def test_texts_without_a_number(text):
    assert last_number(text) is None
    assert not same_answer(text, "3")


def test_same_answer_by_hand():
    assert same_answer("She makes $18 a day.", "18")
    assert not same_answer("14", "4") and not same_answer("4", "14") and not same_answer("18 or 19", "18")
    assert same_answer("25%", "25") and same_answer("25%", "0.25") and same_answer("25", "25")
    assert not same_answer("25", "0.25") and not same_answer("0.25%", "0.25%x")
    assert same_answer("-9,867,630", "-9867630") and not same_answer("9867630", "-9867630")


def test_a_relative_tolerance_is_measured_by_the_reference():
    noisy = "3244047.0999999996"
    assert not same_answer("3244047.1", noisy) and same_answer("3244047.1", noisy, 1e-12)
    assert same_number("101", "100", relative=0.01) and not same_number("101.01", "100", relative=0.01)
    assert same_number("-99", "-100", relative=Fraction(1, 100)) and not same_number("0.001", "0", relative=0.5)
    assert same_number("0.001", "0", tolerance=0.01, relative=0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(-3), "-3"),
        (Fraction(5, 4), "1.25"),
        (Fraction(-1, 20), "-0.05"),
        (Fraction(1, 3), "1/3"),
        (Fraction(10**20), "1" + "0" * 20),
        (Fraction(7, 2**5), "0.21875"),
    ],
)
def test_write_number_by_hand(value, text):
    assert write_number(value) == text


@pytest.mark.slow
@given(st.fractions(max_denominator=10**4))
def test_written_numbers_read_back(value):
    assert parse_number(write_number(value)) == value == last_number(f"It is {write_number(value)}.")
    assert "e" not in write_number(value) and not write_number(value).endswith(".0")


@given(st.floats(-1e15, 1e15).filter(lambda x: abs(x) > 1e-15 or x == 0))
def test_a_float_is_written_as_it_is_shown(number):
    assert float(write_number(parse_number(repr(number)))) == number


@pytest.mark.parametrize(
    ("answer", "reference", "right"),
    [
        ("08", "8", True),
        ("8.0", "8", True),
        ("8 apples", "8", False),  # all that was written counts
        ("", "8", False),
        ("1/2", "0.5", True),
        (" D", "D", True),
        ("D", "D ", True),
        ("d", "D", False),
        ("DE", "D", False),
        ("", "", False),
        ("8", "", False),
        ("8", "D", False),
    ],
)
def test_an_answer_is_right_as_a_number_or_else_as_it_is_written(answer, reference, right):
    assert is_right(answer, reference) is right


def test_a_noisy_reference_allows_a_share_of_itself():
    assert is_right("1000001", "1000000", relative=1e-5)
    assert not is_right("1000001", "1000000", relative=1e-7)
