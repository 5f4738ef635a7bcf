"""Domains: which one reads a question, what chains are right, and what is left out where nobody can tell."""

import json
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atp_lite.domains import (
    DOMAINS,
    UNNAMED,
    ArithmeticSettings,
    BenchmarkSettings,
    Domain,
    EquationDomain,
    NotMeasured,
    Problem,
    StorySettings,
    generate,
    measured,
    read_expression,
    read_story,
)
from atp_lite.domains.chains import chain_order
from atp_lite.domains.sources import Sources
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, REGIMES, fresh_planner

ARITHMETIC, STORIES, WORDS = (DOMAINS[name] for name in ("arithmetic", "stories", "word-problems"))
PRODUCT = read_expression("(3+4)*(9-2)")
CARDS = read_story(STORIES.example)


@pytest.mark.parametrize(
    ("problem", "steps", "needed", "done", "right"),
    [
        (PRODUCT, ["3+4=7", "9-2=7", "7*7=49"], 3, 3, True),
        (PRODUCT, ["9-2=7", "3+4=7", "7*7=49"], 3, 3, True),
        (PRODUCT, ["9-2=7", "3+4=7", "7 × 7 = 49"], 3, 3, True),  # how it is spelt does not matter
        (PRODUCT, ["4+3=7", "9-2=7", "7*7=49"], 3, 1, False),  # operands as the question has them
        (PRODUCT, ["3+4=7", "7*7=49", "9-2=7"], 3, 2, False),  # 7*7 before both of its sevens are there
        (PRODUCT, ["3+4=7", "3+4=7", "7*7=49"], 3, 1, False),  # each step once: fully coherent, and no right chain
        (PRODUCT, ["3+4=7", "9-2=7", "1+1=2", "7*7=49"], 3, 3, False),  # a step too many
        (PRODUCT, ["3+4=8", "9-2=7", "8*7=56"], 3, 1, False),
        (PRODUCT, [], 3, 0, False),
        (CARDS, ["5+3=8", "8-2=6"], 2, 2, True),
        (CARDS, ["8-2=6", "5+3=8"], 2, 1, False),
        (read_expression("7"), [], 0, 0, True),
        (read_expression("((1+2)+4)*(3+4)"), ["3+4=7", "1+2=3", "3+4=7", "7*7=49"], 4, 4, True),
        (read_expression("((1+2)+4)*(3+4)"), ["3+4=7", "3+4=7", "1+2=3", "7*7=49"], 4, 2, False),
    ],
)
def test_verdicts_by_hand(problem, steps, needed, done, right):
    domain = STORIES if problem is CARDS else ARITHMETIC
    verdict = domain.verify(problem, steps)
    assert (verdict.needed, verdict.done, verdict.taken, verdict.is_right) == (needed, done, len(steps), right)
    assert verdict.share == (done / max(needed, len(steps)) if needed or steps else 1.0)
    assert (verdict.share == 1.0) == right


@pytest.mark.slow
@given(st.sampled_from(["(1+2)*(3+4)", "((1+2)+4)*(3+4)", "1+2+3", "(5-1)*(6-2)-3", "(2+3)*(2+3)"]), st.data())
@settings(max_examples=60)
def test_what_is_verified_is_what_is_listed(question, data):
    problem = read_expression(question)
    chains = set(ARITHMETIC.equivalent_chains(problem))
    steps = data.draw(st.permutations(problem.steps)) + data.draw(st.lists(st.sampled_from(problem.steps), max_size=1))
    assert ARITHMETIC.verify(problem, steps).is_right == (tuple(steps) in chains)
    listed = [chain for chain in permutations(problem.steps) if ARITHMETIC.verify(problem, chain).is_right]
    assert set(listed) == chains and len(chains) <= ARITHMETIC.count_chains(problem)


def test_the_order_of_a_chain_takes_every_step_after_those_that_it_uses():
    steps = ARITHMETIC.needed_steps(PRODUCT.question)
    assert [step.text for step in steps] == ["3+4=7", "9-2=7", "7*7=49"]
    assert chain_order(steps, ["9-2=7", "3+4=7", "7*7=49"]) == [1, 0, 2]
    assert chain_order(steps, ["3+4=7", "7*7=49", "9-2=7"]) is None, "the product is taken before what it uses"
    assert chain_order(steps, ["3+4=7", "9-2=7"]) is None, "one is left"


def test_a_wrong_label_does_not_matter():
    noisy = Problem("(3+4)*2", ("3+4=7", "7-2=5"), "5")
    assert ARITHMETIC.verify(noisy, ["3+4=7", "7*2=14"]).is_right and ARITHMETIC.count_chains(noisy) == 1
    assert not ARITHMETIC.verify(noisy, noisy.steps).is_right


def test_a_question_finds_its_domain():
    assert DOMAINS.reading("(3+4)*2") is ARITHMETIC and DOMAINS.reading("who knows") is ARITHMETIC
    assert DOMAINS.reading(CARDS.question) is STORIES
    assert [DOMAINS.of(s) for s in (ArithmeticSettings(), StorySettings(), BenchmarkSettings())] == [
        ARITHMETIC, STORIES, WORDS,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no domain has the settings int"):
        DOMAINS.of(3)
    with pytest.raises(ValueError, match="no domain is called 'algebra': choose from arithmetic"):
        Sources(domain="algebra").load(None, "test")


def test_word_problems_are_coherent_and_not_verifiable():
    problem = WORDS.examples()[1]
    found = WORDS.coherence(problem.steps, problem.answer, problem.question)
    assert found.score == found.right == 1.0
    for measure in (WORDS.count_chains, lambda p: WORDS.verify(p, p.steps)):
        with pytest.raises(NotMeasured, match="'word-problems' has no needed_steps"):
            measure(problem)
        assert measured(measure, problem) is None
    typed = WORDS.read_question(" How many? ")
    assert typed == Problem("How many?", (), "")


def test_what_cannot_be_read_is_not_measured():
    with pytest.raises(NotMeasured, match="the chain of 'How many cats' cannot be verified: .*unknown symbol 'H'"):
        ARITHMETIC.verify(Problem("How many cats", (), "3"), ["1+2=3"])
    for measure in (lambda: UNNAMED.coherence([], "7"), lambda: UNNAMED.read_answer("7"), UNNAMED.default_settings):
        assert measured(measure) is None
    assert UNNAMED.is_right("08", "8") and not UNNAMED.is_right("d", "D")
    with pytest.raises(NotMeasured, match='names no domain.*"domain" in its config.json'):
        UNNAMED.coherence(["1+2=3"], "3")


def test_splits_that_share_a_question_are_refused():
    class Same(EquationDomain):
        def generate(self, settings, split, counts=None):
            return [Problem("1+2", ("1+2=3",), "3", split)]

    with pytest.raises(ValueError, match="in two splits.*'train', 'rl'"):
        Same().make_splits(None)
    splits = STORIES.make_splits(StorySettings(), dict.fromkeys(STORIES.splits, {2: 5}))
    assert list(splits) == ["train", "rl", "validation", "test"] and all(len(made) == 5 for made in splits.values())
    assert splits["test"] == generate(StorySettings(), "test", {2: 5})


def test_a_domain_may_have_nothing():
    class Silent(Domain):
        name = "silent"

    domain = Silent()
    for ask in (
        lambda: domain.generate(None, "test"), lambda: domain.vocabulary(None), lambda: domain.read_question("x"),
        lambda: domain.needed_steps("x"), lambda: domain.coherence([], ""), lambda: domain.default_counts("test", None),
        lambda: domain.one_step_longer(None), lambda: domain.wrong_labels([]),
    ):  # fmt: skip
        with pytest.raises(NotMeasured, match="the domain 'silent' has no .*: define it in Silent, or do without"):
            ask()
    assert domain.describe_labels([PRODUCT]) == ""
    assert domain.examples() == [] and not domain.recognises("x") and not domain.makes_problems


@pytest.mark.slow
def test_every_bundled_checkpoint_names_its_domain():
    for folder in sorted(CHECKPOINTS.iterdir()):
        name = json.loads((folder / "config.json").read_text())["domain"]
        assert name == next((other for other in ("stories", "routes") if other in folder.name), "arithmetic")
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-rl")
    trace = planner.reason([PRODUCT])
    assert planner.domain is trace.domain is ARITHMETIC
    assert {name: fresh_planner(name, 0).domain.name for name in REGIMES} == {
        "clean": "arithmetic", "noisy": "arithmetic", "hidden": "arithmetic", "stories": "stories", "routes": "routes",
        "routes-7": "routes",
    }  # fmt: skip


@pytest.mark.slow
def test_a_checkpoint_keeps_its_domain_and_may_be_told_another(tmp_path):
    planner = Planner.fresh(None, tokenizer=Planner.fresh().tokenizer)
    planner.save_pretrained(tmp_path)
    assert Planner.from_pretrained(tmp_path).domain is UNNAMED
    told = Planner.from_pretrained(tmp_path, domain="arithmetic")
    told.save_pretrained(tmp_path)
    assert Planner.from_pretrained(tmp_path).domain is ARITHMETIC
    with pytest.raises(ValueError, match="needs a tokenizer"):
        Planner.fresh(None)
