"""Word problems with other numbers: where each number of a chain comes from, and chains that are right again."""

import json
import random
from collections import Counter
from fractions import Fraction

import pytest

from atp_lite.cli.main import main
from atp_lite.domains import Problem, chain_fault, read_jsonl, write_jsonl
from atp_lite.domains.word_problems.renumbering import (
    Place,
    Source,
    Unusable,
    alike,
    draw_like,
    renumbered,
    template_of,
)


def problem(question: str, *steps: str) -> Problem:
    return Problem(question, steps, steps[-1].rpartition("=")[2], "p", "own")


BAGS = problem("Tom has 3 bags of 4 apples. He eats half of them. How many are left?", "3*4=12", "12/2=6")


def sources(*of: tuple[str, int]) -> list[Source]:
    return [Source(kind, Fraction(key)) for kind, key in of]


def test_every_number_is_traced():
    template = template_of(BAGS)
    found = [[piece for piece in step if isinstance(piece, Source)] for step in template.steps]
    assert found == [sources(("number", 3), ("number", 4)), sources(("step", 0), ("constant", 2))]
    assert [place.text for place in template.places] == ["3", "4"]


def test_everything_is_worked_out_anew():
    template = template_of(BAGS)
    values = {Fraction(3): Fraction(5), Fraction(4): Fraction(6)}
    assert template.work_out(values) == ("5*6=30", "30/2=15")
    assert template.question(values) == "Tom has 5 bags of 6 apples. He eats half of them. How many are left?"
    assert template.work_out({Fraction(3): Fraction(5), Fraction(4): Fraction(3)}) is None, "7.5 apples"
    assert template.work_out({Fraction(3): Fraction(60), Fraction(4): Fraction(6)}) is None, "thirty times as many"


def test_percentages_prices_and_thousands():
    sale = problem("A coat for $1,200 is 25% off. What does it cost?", "1200*.25=300", "1200-300=900")
    template = template_of(sale)
    assert template.steps[0][2] == Source("percent", Fraction(25))
    values = {Fraction(1200): Fraction(1600), Fraction(25): Fraction(5)}
    assert template.work_out({**values, Fraction(25): Fraction(10)}) == ("1600*0.1=160", "1600-160=1440")
    assert template.question(values) == "A coat for $1,600 is 5% off. What does it cost?"
    rolls = problem("6 rolls cost $1.50 each. What do they cost?", "6*1.5=9")
    assert template_of(rolls).question({Fraction(6): Fraction(8), Fraction(3, 2): Fraction(2)}) == (
        "8 rolls cost $2.00 each. What do they cost?"
    )


def test_equal_numbers_stay_equal_and_constants_stay():
    twice = problem("He buys 5 pens at $5 in 7 days a week. And in all?", "5*5=25", "25*7=175")
    template = template_of(twice)
    assert [place.text for place in template.places] == ["5", "5"], "7 is that of the week"
    assert template.question({Fraction(5): Fraction(8)}) == "He buys 8 pens at $8 in 7 days a week. And in all?"


def test_a_result_that_only_repeats_a_number_is_that_number():
    again = problem("Ann has 4 pens. Bo has 9 more. Both?", "4=4", "4+9=13", "13+4=17")
    assert template_of(again).steps[2] == (Source("step", Fraction(1)), "+", Source("number", Fraction(4)))


@pytest.mark.parametrize(
    "faulty, reason",
    [
        (problem("He has 3 bags of 4.", "3*4=12", "12+5=17"), "a number that cannot be traced"),
        (problem("He has 3 bags of 4, then 12 more.", "3*4=12", "12+3=15"), "a number that could come from several"),
        (
            problem("20 people came, 5 of them by car with 3 bags.", "5*3=15"),
            "a number of the question that no step uses",
        ),
        (  # the last step reads result 3, counted from 0: that is not the number 3
            problem(
                "3 cats have 30 balls of 4 colours, lose 17, find 9, then 6, then 5. How many?",
                *("30*4=120", "120-17=103", "103+9=112", "112+6=118", "118+5=123"),
            ),
            "a number of the question that no step uses",
        ),
        (problem("He has two bags of three.", "2*3=6"), "no number of the question in the chain"),
        (problem("He has 3 and owes 8.", "3-8=-5"), "a negative or rounded result"),
        (problem("He has 3 bags of 4.", "3*4=13"), "a chain with a wrong step"),
        (Problem("He has 3.", (), "3"), "a chain without steps"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_its_reason(faulty, reason):
    with pytest.raises(Unusable, match=reason):
        template_of(faulty)


def test_times_years_fractions_and_ordinals_are_no_numbers_to_draw():
    told = problem("At 7:30 on the 4th of May 1999 he ate 1/8 of 16 pies. How many?", "16/8=2")
    assert [place.text for place in template_of(told).places] == ["16"]


def test_numbers_stay_plausible():
    rng = random.Random(0)
    drawn = lambda text, percent=False: {draw_like(Place(0, 1, text, percent), rng) for _ in range(500)}  # noqa: E731
    assert drawn("6") == {Fraction(n) for n in range(3, 13)}
    assert all(v % 100 == 0 and 400 <= v <= 1600 for v in drawn("800"))
    assert max(drawn("80", percent=True)) == 90 and max(drawn("85", percent=True)) == 95
    assert all((2 * v).denominator == 1 for v in drawn("2.50")) and min(drawn("0.10")) >= Fraction(1, 20)


@pytest.mark.parametrize("text", ["1.5", "1.0", "0.5", "3.5", "1.25", "2.50", "0.75", "1.125"])
def test_a_number_that_is_drawn_can_be_written_as_the_old_one_was(text):
    place, rng = Place(0, len(text), text, percent=False), random.Random(0)
    for value in {draw_like(place, rng) for _ in range(300)}:
        assert Fraction(place.write(value)) == value


def test_a_result_keeps_its_kind():
    assert alike(Fraction(8), Fraction(4)) and not alike(Fraction(1, 2), Fraction(4))
    assert alike(Fraction(1, 4), Fraction(1, 2)) and not alike(Fraction(1, 3), Fraction(1, 2))
    assert (
        not alike(Fraction(-1), Fraction(1)) and not alike(Fraction(0), Fraction(1)) and alike(Fraction(0), Fraction(0))
    )
    assert not alike(Fraction(21), Fraction(4)) and not alike(Fraction(4), Fraction(21))


def test_variants_are_right_distinct_and_the_same_again():
    untraceable = problem("He has 3 bags of 4.", "3*4=12", "12+5=17")
    faults: Counter[str] = Counter()
    made = list(renumbered([BAGS, untraceable], 12, seed=1, faults=faults))
    assert len(made) == 12 and [chain_fault(p) for p in made] == [None] * 12
    assert len({p.question for p in made} | {BAGS.question}) == 13 and len({p.id for p in made}) == 12
    assert dict(faults) == {"a number that cannot be traced": 1}
    assert made == list(renumbered([untraceable, BAGS], 12, seed=1)) != list(renumbered([BAGS], 12, seed=2))


def test_the_command_reads_gsm8k_as_it_is_shipped(tmp_path, capsys):
    row = {"question": BAGS.question, "answer": "3*4=<<3*4=12>>12. Half: <<12/2=6>>6.\n#### 6"}
    other = row | {"question": "Ann has 8 pens and gives 2 pens to each of 3 friends. How many are left?"}
    other["answer"] = "<<2*3=6>> <<8-6=2>>\n#### 2"
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in (row, other)))
    write_jsonl(tmp_path / "held.jsonl", [Problem(other["question"], (), "2")])
    out = tmp_path / "more.jsonl"
    assert main(["augment", str(tmp_path / "train.jsonl"), "--out", str(out), "--variants", "5",
                 "--held-out", str(tmp_path / "held.jsonl")]) == 0  # fmt: skip
    made = read_jsonl(out)
    assert len(made) == 6 and all("bags" in p.question and chain_fault(p) is None for p in made)
    assert made[0].question == BAGS.question, "the problems themselves come first"
    said = capsys.readouterr().out
    assert "6 problems" in said and "1 held out" in said
