"""Problems of reasoning-gym: what is made of its entries, and verdicts that need neither a label nor its code."""

import random
import sys
from fractions import Fraction
from types import ModuleType

import pytest

from atp_lite.domains import DOMAINS, NotMeasured, Problem, chain_fault
from atp_lite.domains.equations import evaluate
from atp_lite.domains.files import written_steps
from atp_lite.domains.gym.countdown import CountdownSettings, solution, steps_of
from atp_lite.domains.gym.gsm_symbolic import ASKED, GsmSymbolicSettings
from atp_lite.domains.gym.path_star import PathStarSettings

GSM, COUNTDOWN, STAR = (DOMAINS[name] for name in ("gsm-symbolic", "countdown", "path-star"))


class Made:
    """What `create_dataset` returns: entries by their number, which depend on the seed."""

    def __init__(self, task, seed, size, **options):
        self.task, self.seed, self.options = task, seed, options
        if task == "gsm_symbolic":
            self.task_indices = [(seed + i) % 10 for i in range(size)]

    def __getitem__(self, i):
        rng = random.Random(self.seed + i)
        return getattr(self, self.task)(rng, **self.options) | {}

    def gsm_symbolic(self, rng):
        bags, apples, eaten = rng.randint(2, 30), rng.randint(2, 30), rng.randint(1, 3)
        left = bags * apples - eaten
        cot = f"In {bags} bags are {bags} bags * {apples} apples/bag = {bags * apples} apples.\n"
        cot += f"Then {bags * apples} apples - {eaten} = {left} are left.\n#### {left}"
        question = f"Tom has {bags} bags of {apples} apples and eats {eaten}. How many are left?{ASKED}"
        return {"question": question, "answer": str(left), "metadata": {"answer_cot": cot}}

    def countdown(self, rng, min_numbers, max_numbers, min_value, max_value, min_target, max_target):
        numbers = [rng.randint(min_value, max_value) for _ in range(min_numbers)]
        expression = "+".join(map(str, numbers))
        facts = {"numbers": numbers, "target": sum(numbers), "expression": expression}
        return {"question": "", "answer": expression, "metadata": facts}

    def path_star(self, rng, degree, node_range, min_path_length, max_path_length):
        names = rng.sample(range(node_range), 1 + degree * min_path_length)
        arms = [names[1 + i * min_path_length :][:min_path_length] for i in range(degree)]
        edges = [edge for arm in arms for edge in zip([names[0], *arm], arm, strict=False)]
        rng.shuffle(edges)
        task = "".join(f"|{a} {b}" for a, b in edges)
        question = f"Example:\n|1 2|1 3/1 3 = 1 3\nSolve the following task:\n{task}/{names[0]} {arms[0][-1]} = "
        return {"question": question, "answer": "", "metadata": {"center": names[0], "goal": arms[0][-1]}}


@pytest.fixture
def gym(monkeypatch):
    """A stand-in that makes entries of the same form."""
    module = ModuleType("reasoning_gym")
    module.create_dataset = Made
    monkeypatch.setitem(sys.modules, "reasoning_gym", module)


# --- all three ---

SMALL = {"gsm-symbolic": {2: 12}, "countdown": {2: 9, 3: 9}, "path-star": {2: 9, 3: 9}}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_splits_share_nothing_and_every_label_is_right(gym, name):
    domain = DOMAINS[name]
    counts = dict.fromkeys(("train", "rl", "validation", "test"), SMALL[name])
    splits = domain.make_splits(domain.default_settings(), counts)  # says so where two splits share a question
    assert splits == domain.make_splits(domain.default_settings(), counts)
    for split, problems in splits.items():
        assert len(problems) == sum(SMALL[name].values()) and len({p.id for p in problems}) == len(problems)
        assert {p.source for p in problems} == {f"{name}/{split}"}
        for problem in problems:
            verdict = domain.verify(problem, problem.steps)
            assert verdict.is_right and verdict.arrives and domain.is_right(problem.answer, problem.answer)
            assert not domain.verify(problem, problem.steps[:-1]).arrives
            assert domain.coherence(problem.steps, problem.answer, problem.question).score == 1.0


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(ValueError, match=r"countdown comes from reasoning-gym, which is missing: pip install"):
        COUNTDOWN.generate(CountdownSettings(), "train", {2: 1})


def test_too_few_are_said_to_be_too_few(gym, monkeypatch):
    monkeypatch.setattr("atp_lite.domains.gym.DRAWS", 300)
    with pytest.raises(ValueError, match=r"400 problems of 2 steps .* but only \d+ were found: ask for fewer"):
        COUNTDOWN.generate(CountdownSettings(max_value=4), "test", {2: 400})


@pytest.mark.parametrize("name", ["countdown", "path-star"])
def test_questions_are_known_by_their_form_and_their_words_are_all_there(gym, name):
    domain = DOMAINS[name]
    for problem in domain.generate(domain.default_settings(), "test", SMALL[name]):
        assert DOMAINS.reading(problem.question) is domain
        words = set(domain.vocabulary(domain.default_settings()).words)
        assert set(problem.question.split()) <= words
    assert DOMAINS.reading("5 : ab cd : aa to de").name == "routes"
    assert DOMAINS.reading("(3+4)*2").name == "arithmetic"


def test_what_the_real_package_makes():
    pytest.importorskip("reasoning_gym")
    for name, counts in SMALL.items():
        domain = DOMAINS[name]
        made = domain.generate(domain.default_settings(), "test", counts)
        assert all(domain.verify(problem, problem.steps).is_right for problem in made)


# --- gsm-symbolic ---


def test_equations_are_found_among_words():
    told = (
        "First: 240 onion / 12 onion/minute = 20 minutes.\nSo 33 dancers are 168 total students - 48 read - 16 "
        "baseball = 104. She gets 3 x €1,200 = €3600, and 50% * 8 = 4; a 2-hour show, 11÷44=1/4 hours. Let y = x + 60."
    )
    assert written_steps(told) == ("240/12=20", "168-48-16=104", "3*1,200=3600", "50%*8=4", "11/44=1/4")
    assert written_steps("He has (3 + 4) * 2 = 14 pens") == ("(3+4)*2=14",)
    assert written_steps("There are 21=21 pens and 5 more.") == ()


@pytest.mark.parametrize(
    "cot", ["3 + 4 = 8\n#### 8", "3 + 4 = 7\n#### 9", "It is clear.\n#### 7", "3 + 4 = 7", "12 ÷ 1/2 = 24\n#### 24"]
)
def test_an_entry_without_a_right_chain_is_left_out(cot):
    assert GSM.from_entry({"question": "How?", "metadata": {"answer_cot": cot}}, GsmSymbolicSettings()) is None


def test_the_label_says_which_chains_are_right():
    problem = Problem("How many?", ("3*4=12", "5+2=7", "12-7=5"), "5")
    assert chain_fault(problem) is None
    assert GSM.verify(problem, ["5+2=7", "3*4=12", "12-7=5"]).is_right and GSM.count_chains(problem) == 2
    assert not GSM.verify(problem, ["12-7=5", "3*4=12", "5+2=7"]).arrives
    with pytest.raises(NotMeasured, match="has no label"):
        GSM.verify(GSM.read_question("How many?"), ["3*4=12"])


def test_whole_templates_can_be_held_out(gym):
    settings = GsmSymbolicSettings(held_out="templates")
    entry = {"question": "How?", "metadata": {"template": 7}}
    assert GSM.split_key(entry, Problem("How?", (), ""), settings) == "gsm-symbolic template 7"
    with pytest.raises(ValueError, match="held_out = 'stories': use"):
        GsmSymbolicSettings(held_out="stories")


# --- countdown ---


@pytest.mark.parametrize(
    "expression, steps",
    [
        ("3*4+12", ("3*4=12", "12+12=24")),
        ("-2 + 3*4", ("3*4=12", "12-2=10")),
        ("-(2 - 9) + 1", ("9-2=7", "7+1=8")),
        ("20 - 3 - 4", ("20-3=17", "17-4=13")),
        ("-2 - 3 + 9", ("2+3=5", "9-5=4")),
        ("7*8/4", ("7*8=56", "56/4=14")),
    ],
)
def test_an_expression_becomes_its_operations(expression, steps):
    assert steps_of(expression) == steps
    assert Fraction(steps[-1].partition("=")[2]) == evaluate(expression)


def test_any_way_to_the_target_is_right_and_no_other():
    problem = Problem("24 from 3 4 12", ("4-3=1", "12*1=12"), "24")
    assert COUNTDOWN.verify(problem, ["3*4=12", "12+12=24"]).is_right
    assert (
        COUNTDOWN.verify(problem, ["12-4=8", "8*3=24"]).is_right
        and COUNTDOWN.verify(problem, ["4*3=12", "12+12=24"]).is_right
    )
    wrong = COUNTDOWN.verify(problem, ["12*3=36", "36-4=32"])
    assert (wrong.done, wrong.in_place, wrong.arrives, wrong.is_right) == (0, 2, False, False)
    half = COUNTDOWN.verify(problem, ["3*4=12", "12*12=144"])
    assert (half.needed, half.done, half.in_place) == (2, 1, 2)
    assert COUNTDOWN.verify(problem, ["3+4=7", "12+12=24"]).in_place == 1, "there is one 12"
    assert COUNTDOWN.verify(problem, ["3*4=13", "13+11=24"]).in_place == 0, "what is wrong, or not there"
    assert not COUNTDOWN.verify(problem, ["12+12=24"]).arrives and not COUNTDOWN.verify(problem, []).arrives


def test_a_typed_question_is_solved():
    problem = COUNTDOWN.read_question(" 24  from 3 4 12 ")
    assert problem.question == "24 from 3 4 12" and COUNTDOWN.verify(problem, problem.steps).is_right
    assert solution((Fraction(1), Fraction(1)), Fraction(7)) is None
    assert solution((Fraction(0), Fraction(12), Fraction(12)), Fraction(24)) is not None, "a difference may be zero"
    with pytest.raises(ValueError, match="'7 from 1 1' has no solution"):
        COUNTDOWN.read_question("7 from 1 1")
    with pytest.raises(ValueError, match="has 7 numbers: give 6 at most"):
        COUNTDOWN.read_question("7 from 1 1 1 1 1 1 1")
    with pytest.raises(ValueError, match="is no countdown question"):
        COUNTDOWN.read_question("make 24")


# --- path-star ---


def test_the_way_is_read_off_the_question():
    problem = STAR.read_question("4 9 | 7 2 | 7 4 | 2 5 : 7 to 9")
    assert problem.steps == ("7>4", "4>9") and problem.answer == "9"
    assert STAR.verify(problem, ["7>4", "4>9"]).is_right and not STAR.verify(problem, ["7>2", "2>5"]).arrives
    found = STAR.coherence(["7>4", "4>5"], "9", problem.question)
    assert [use.is_right for use in found.steps] == [True, False] and [use.is_coherent for use in found.steps] == [
        True,
        False,
    ]
    with pytest.raises(ValueError, match="no way leads from 7 to 3"):
        STAR.read_question("4 9 | 7 4 : 7 to 3")
    with pytest.raises(ValueError, match="is no star of paths"):
        STAR.read_question("4 9")


@pytest.mark.parametrize(
    "settings, options, says",
    [
        (CountdownSettings, {"min_numbers": 1}, "min_numbers = 1: use 2 to max_numbers"),
        (CountdownSettings, {"max_numbers": 7}, "max_numbers = 7: use 6 at most"),
        (CountdownSettings, {"max_result": 5}, "max_result = 5"),
        (PathStarSettings, {"degree": 1}, "degree = 1: use 2 or more"),
        (PathStarSettings, {"labels": 9}, "labels = 9: use more than"),
        (GsmSymbolicSettings, {"min_steps": 0}, "min_steps = 0: use 1 to"),
    ],
)
def test_settings_say_what_is_wrong(settings, options, says):
    with pytest.raises(ValueError, match=says):
        settings(**options)
