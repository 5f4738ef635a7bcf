"""Exact arithmetic on text, checked against Fractions worked out while the text is built."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import cpu_seconds

from atp_lite.domains import (
    EquationError,
    evaluate,
    parse_equation,
    parse_number,
    same_number,
)

BENCHMARKS = Path(__file__).parents[2] / "shared" / "benchmarks"
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


@st.composite
def written_trees(draw, depth=4):
    """(text, value or None after a division by zero, precedence of the outermost sign, operands)."""
    if depth == 0 or draw(st.booleans()):
        whole, cents = draw(st.integers(0, 2000)), draw(st.integers(0, 99))
        value = Fraction(whole * 100 + cents, 100)
        text = draw(st.sampled_from([f"{whole}.{cents:02d}", f"{whole:,}.{cents:02d}", f"${whole}.{cents:02d}"]))
        form = draw(st.sampled_from(["plain", "minus", "percent", "parentheses"]))
        if form == "minus":
            return f"-{text}", -value, 3, [-value]
        if form == "percent":
            return f"{text}%", value / 100, 3, [value / 100]
        return (f"( {text})" if form == "parentheses" else text), value, 3, [value]
    op = draw(st.sampled_from("+-*/"))
    left, right = draw(written_trees(depth=depth - 1)), draw(written_trees(depth=depth - 1))
    texts = []
    for (text, _, precedence, _), is_right in ((left, False), (right, True)):
        needs = precedence < PRECEDENCE[op] or (is_right and precedence == PRECEDENCE[op])
        texts.append(f"({text})" if needs or draw(st.integers(0, 4)) == 0 else text)
    a, b = left[1], right[1]
    if a is None or b is None or (op == "/" and b == 0):
        value = None
    else:
        value = a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b
    space, sign = draw(st.sampled_from(["", " "])), draw(st.sampled_from({"*": "*×·", "/": "/÷"}.get(op, op)))
    text = f"{texts[0]}{space}{sign}{space}{texts[1]}"
    return text, value, PRECEDENCE[op], left[3] + right[3]


@pytest.mark.slow
@given(written_trees())
def test_value_and_operands_of_random_expressions(written):
    text, value, _, operands = written
    if value is None:
        with pytest.raises(EquationError, match="division by zero at position"):
            evaluate(text)
        return
    assert evaluate(text) == value
    equation = parse_equation(f"<<{text}={value}>>")
    assert equation.is_right and equation.value == value == equation.rhs
    assert equation.operands == tuple(operands)
    assert not parse_equation(f"{text}={value + 1}").is_right


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("10-3-2", 5),
        ("24/4/2", 3),
        ("560//10", 56),
        ("-7//2*2", -8),
        ("2--3", 5),
        ("-2*-3", 6),
        ("--5", 5),
        ("+3+4", 7),
        ("2-+3", -1),
        ("-(3+4)*2", -14),
        ("200*25%", 50),
        ("(20+5)%", Fraction(1, 4)),
        ("-50%", Fraction(-1, 2)),
        ("1,000/8", 125),
        ("1/3+1/6", Fraction(1, 2)),
        (".1+.2", Fraction(3, 10)),
        ("5.*2", 10),
        ("6×7−2÷4", Fraction(83, 2)),
        ("1e3+2.5e-1", Fraction(4001, 4)),
        ("007", 7),
    ],
)
def test_evaluate_by_hand(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        (" -7 ", -7),
        ("−7", -7),
        ("+7", 7),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("1,234.5", Fraction(2469, 2)),
        ("12,345,678", 12345678),
        ("25%", Fraction(1, 4)),
        ("$3.20", Fraction(16, 5)),
        ("-$3", -3),
        ("$-3", -3),
        ("3/4", Fraction(3, 4)),
        ("-3/4", Fraction(-3, 4)),
        ("1e3", 1000),
        ("1E-30", Fraction(1, 10**30)),
        ("2 1/2", Fraction(5, 2)),
        ("-3 3/4", Fraction(-15, 4)),
        ("2 000 000", 2000000),
        ("7\u202f500.5", Fraction(15001, 2)),
        ("4’321’000", 4321000),
        ("12,34,567", 1234567),
        ("３４", 34),
        ("2¾", Fraction(11, 4)),
        ("- 9", -9),
    ],
)
def test_parse_number_by_hand(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "1,23", "1,2345", ",5", ".", "1.2.3", "3/", "3/0", "1/2/3", "50%/2", "2+3", "(3)", "1e31", "1e-31"]
    + ["2 3/2", "1 00", "0 500", "1'00", "10 3/4 1", "9^2", "7:30"]
    + [
        "1e999999999",
        "1e" + "9" * 100_000,
        "9" * 100_000,
        "nan",
        "inf",
        "0x10",
        "1_000",
        "٣",
        "$",
        "%",
        "--5",
    ],
)
def test_what_is_no_number(text):
    with pytest.raises(EquationError):
        parse_number(text)
    assert not same_number(text, "1") and not same_number(1, text)


@given(st.fractions(max_denominator=10**6))
def test_numbers_go_round(value):
    assert parse_number(str(value)) == value == evaluate(str(value))


@pytest.mark.parametrize(
    ("text", "problem", "position"),
    [
        ("", "empty", None),
        ("3+", "missing at the end", 2),
        ("*3", "missing before '\\*'", 0),
        ("3 4", "operator is missing before '4'", 2),
        ("2(3)", "operator is missing before '\\('", 1),
        ("(3+4", "never closed", 0),
        ("3+4)", "never opened", 3),
        ("()", "missing before '\\)'", 1),
        ("3+a", "unknown symbol 'a'", 2),
        ("7///2", "missing before '/'", 3),
        ("7//0", "division by zero", 1),
        ("__import__('os')", "unknown symbol '_'", 0),
        ("2**3", "missing before '\\*'", 2),
        ("1/(2-2)", "division by zero", 1),
        ("4/0%", "division by zero", 1),
        ("1e99", "exponent", 0),
    ],
)
def test_error_names_text_and_position(text, problem, position):
    with pytest.raises(EquationError, match=problem) as error:
        evaluate(text)
    assert repr(text) in str(error.value)
    if position is not None:
        assert f"position {position}" in str(error.value)


@given(st.text(alphabet="0123456789.,$%+-*/()eE=<>x× \n", max_size=40))
def test_any_text_has_a_value_or_a_clear_error(text):
    for read in (evaluate, parse_number, parse_equation):
        try:
            read(text)
        except EquationError as error:
            assert "position" in str(error) or "empty" in str(error)
            assert len(str(error)) < 300


@pytest.mark.slow
def test_huge_results_are_refused_before_they_cost_anything():
    def refuse(text):
        with pytest.raises(EquationError, match="more than 300 digits"):
            evaluate(text)

    small_numbers = "+".join(["1"] * 5000)
    unit = cpu_seconds(lambda: evaluate(small_numbers))
    for text in (
        "*".join(["9" * 200] * 5000),  # about 0.5 units; 157 if all of it is computed first
        "5" + "%" * 50_000,  # about 2 units; 12 if all of it is computed first
        "+".join(f"1/{p}" for p in range(2, 5000)),
    ):
        assert cpu_seconds(lambda text=text: refuse(text)) < 6 * unit


def test_equations_by_hand():
    equation = parse_equation(" <<16-3-4=9>> ")
    assert (equation.text, equation.lhs, equation.rhs, equation.value) == ("16-3-4=9", "16-3-4", 9, 9)
    assert equation.operands == (16, 3, 4) and equation.is_right
    assert parse_equation("3/4=3/4").is_right and parse_equation("8=8").operands == (8,)
    assert parse_equation("5-15=-10").is_right and parse_equation("1/4=25%").is_right
    assert not parse_equation("10/3=3.33").is_right
    assert parse_equation("-3+5=2").operands == (-3, 5)
    assert parse_equation("-(3)+50%=-2.5").operands == (3, Fraction(1, 2))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("3+4", "no '=' at position 3"),
        ("1=1=2", "'1' at position 0 is not 2"),
        ("3+4=7=8", "'7' at position 4 is not 8"),
        ("<<3+4=7>>8", "around << >> at position 2"),
        ("9-3=<<3+4=7>>", "around << >> at position 6"),
        ("3+4=7 million", "not a number"),
        ("3+4=7 and a half", "not a number"),
        ("3+4=7²", "not a number"),
        ("3+4=12:30", "not a number"),
        ("=7", "empty"),
        ("3+4=", "not a number"),
        ("7=3+4", "not a number"),
        ("<<3+4=7", "unknown symbol '<'"),
    ],
)
def test_what_is_no_equation(text, place):
    with pytest.raises(EquationError, match=place):
        parse_equation(text)


@pytest.mark.parametrize(
    "text, lhs, rhs",
    [
        ("12 X 3 = 36", "12*3", 36),
        ("(1+1)x(2)=4", "(1+1)*(2)", 4),
        ("2*6=$12 a day", "2*6", 12),
        ("9-3=6kg", "9-3", 6),
        ("9-3=6°", "9-3", 6),
        ("<<9-3=6>>6 apples", "9-3", 6),
        ("9-3=<<9-3=6>>6", "9-3", 6),
        ("9-3=<<9-3=6>>", "9-3", 6),
        ("2+2=4=8/2=4", "2+2", 4),
        ("500+500=1 000", "500+500", 1000),
        ("1+1=3=3", "1+1", 3),  # a wrong claim, said twice
    ],
)
def test_equations_as_people_write_them(text, lhs, rhs):
    equation = parse_equation(text)
    assert ("".join(equation.lhs.split()), equation.rhs) == (lhs, rhs)
    assert equation.value == evaluate(lhs) and equation.operands == parse_equation(f"{lhs}={rhs}").operands


def test_same_number():
    assert same_number("1,000", "1000.0") and same_number("50%", Fraction(1, 2)) and same_number("0.750", "3/4")
    assert not same_number("0.33", "1/3") and same_number("0.33", "1/3", Fraction(1, 100))
    assert same_number("0.33", "1/3", 0.01) and not same_number("0.33", "1/3", 0.001)
    assert not same_number("seven", "seven") and not same_number("7", float("nan"))


@pytest.mark.slow
def test_long_and_deep_text_is_no_trouble():
    assert evaluate("(" * 50_000 + "7" + ")" * 50_000) == 7
    assert evaluate("(1+" * 50_000 + "7" + ")" * 50_000) == 50_007
    assert evaluate("-" * 99_999 + "7") == -7
    assert parse_equation("1" + "+1" * 50_000 + "=50001").is_right
    with pytest.raises(EquationError, match="never closed"):
        evaluate("(" * 100_000 + "7")


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["+1,234*(2-1)/7.5", "+((1))", "-10%", "*1,111,111/1,111,111"])
def test_time_is_linear_in_the_length(pattern):
    def seconds(repeats):
        text = "1" + pattern.replace("/7.5", "/2*2/2*2") * repeats
        return cpu_seconds(lambda: evaluate(text))

    assert seconds(4800) / seconds(300) < 64  # 16 if linear, 256 if quadratic


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="needs the folder shared/benchmarks beside the repository")
def test_every_step_of_gsm8k_is_right():
    wrong, count = [], 0
    for line in (BENCHMARKS / "gsm8k_train.jsonl").read_bytes().splitlines():
        row = json.loads(line)
        parse_number(row["answer"])
        for step in row["steps"]:
            count += 1
            if not parse_equation(step).is_right:
                wrong.append((row["id"], step))
    assert wrong == []
    assert count == 23716  # as counted by the README beside the file
