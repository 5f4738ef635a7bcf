"""Story problems: each kind of sentence worked out by hand, and generated ones by a second, simpler reader."""

import re
from collections import Counter
from itertools import permutations

import pytest

from atp_lite.domains import (
    SPLITS,
    Problem,
    StorySettings,
    count_chains,
    data_hash,
    default_counts,
    equivalent_chains,
    generate,
    label_errors,
    needed_steps,
    overlap,
    parse_equation,
    read_story,
    split_of,
    story_of,
    story_words,
    true_answer,
)
from atp_lite.domains.stories.sampling import MOST_WORDS
from atp_lite.domains.stories.text import BOYS, GIRLS, NAMES, TEMPLATES, THINGS, parse

HASH = "322d2dc09c24082f"
WIDE = StorySettings(min_ops=1, max_ops=6, max_value=99, max_distractors=3, seed=5)


@pytest.fixture(scope="module")
def stories() -> list[Problem]:
    """150 training stories of each number of steps from 1 to 6."""
    return generate(WIDE, "train", dict.fromkeys(range(1, 7), 150))


TOM = "Tom has 8 cards. "
ANNA = TOM + "Anna has 6 cards. "
ASK = "How many cards does Tom have now?"


@pytest.mark.parametrize(
    ("text", "steps", "answer"),
    [
        (TOM + "How many cards does Tom have?", [], "8"),
        (TOM + "He finds 5 more cards. " + ASK, ["8+5=13"], "13"),
        (TOM + "Then he buys 5 more cards. " + ASK, ["8+5=13"], "13"),
        (TOM + "Tom gets 5 more cards from a friend. " + ASK, ["8+5=13"], "13"),
        (TOM + "He loses 5 cards. Then Tom sells 2 cards. " + ASK, ["8-5=3", "3-2=1"], "1"),
        (TOM + "He gives 5 cards to a friend. " + ASK, ["8-5=3"], "3"),
        (TOM + "He gives half of his cards to a friend. " + ASK, ["8/2=4"], "4"),
        (TOM + "He sells half of his cards. " + ASK, ["8/2=4"], "4"),
        (TOM + "He buys 3 packs with 4 cards in each. " + ASK, ["3*4=12", "8+12=20"], "20"),
        ("Mia has 3 red beads and 4 blue beads. How many beads does Mia have?", ["3+4=7"], "7"),
        ("Mia has 3 bags with 4 beads in each. How many beads does Mia have?", ["3*4=12"], "12"),
        (TOM + "Anna has 3 more cards than Tom. How many cards does Anna have?", ["8+3=11"], "11"),
        (TOM + "Anna has 3 fewer cards than Tom. How many cards does Anna have?", ["8-3=5"], "5"),
        (TOM + "Anna has 3 times as many cards as Tom. How many cards does Anna have?", ["8*3=24"], "24"),
        (TOM + "Anna has twice as many cards as Tom. How many cards does Anna have?", ["8*2=16"], "16"),
        (TOM + "Anna has half as many cards as Tom. How many cards does Anna have?", ["8/2=4"], "4"),
        (ANNA + "How many cards do Anna and Tom have together?", ["6+8=14"], "14"),
        (ANNA + "How many more cards does Tom have than Anna?", ["8-6=2"], "2"),
        (ANNA + "How many fewer cards does Anna have than Tom?", ["8-6=2"], "2"),
        (
            ANNA + "Tom gives 3 cards to Anna. How many more cards does Anna have than Tom?",
            ["8-3=5", "6+3=9", "9-5=4"],
            "4",
        ),
        (ANNA + "Tom gives 3 cards to Anna. How many cards does Anna have now?", ["6+3=9"], "9"),
        (ANNA + "Anna loses 2 cards. " + ASK, [], "8"),
        (TOM + "He shares all his cards equally among 4 friends. How many cards does each friend get?", ["8/4=2"], "2"),
        (TOM + "He puts all his cards into boxes of 4. How many boxes does Tom need?", ["8/4=2"], "2"),
        (TOM + "He sells all his cards for 4 dollars each. How many dollars does Tom get?", ["8*4=32"], "32"),
        (
            ANNA + "Then Tom and Anna put all their cards together. They share the cards equally among 7 friends. "
            "How many cards does each friend get?",
            ["8+6=14", "14/7=2"],
            "2",
        ),
        (TOM + "He is 9 years old. He has 2 sisters. He also has 7 beads. He loses 3 cards. " + ASK, ["8-3=5"], "5"),
    ],
)
def test_every_kind_of_sentence_by_hand(text, steps, answer):
    assert read_story(text) == Problem(text, tuple(steps), answer)
    assert needed_steps(text) == story_of(text).steps and true_answer(text) == answer


def test_what_is_not_needed_is_found():
    story = story_of(TOM + "He has 2 sisters. Ben has 3 cards. He loses 1 cards. Tom loses 2 cards. " + ASK)
    assert [step.text for step in story.steps] == ["8-2=6"]
    assert story.spare == (1, 2, 3) and story.numbers == (8, 2, 3, 1, 2)


def test_the_steps_know_what_they_use():
    text = ANNA + "Tom loses 1 cards. Anna loses 2 cards. How many cards do Tom and Anna have together?"
    assert [step.uses for step in needed_steps(text)] == [(), (), (0, 1)]
    problem = read_story(text)
    assert list(equivalent_chains(problem)) == [("8-1=7", "6-2=4", "7+4=11"), ("6-2=4", "8-1=7", "7+4=11")]
    assert count_chains(problem) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tom has 8 zebras. How many zebras does Tom have?", ["'Tom has 8 zebras.'", "none that a story is made of"]),
        ("", ["none that a story"]),
        ("He has 8 cards. How many cards does Tom have?", ["'He'", "stands for nobody"]),
        (TOM + "She loses 2 cards. " + ASK, ["'She'", "stands for nobody"]),
        (TOM + "Ben loses 2 cards. " + ASK, ["how many cards Ben had is not said"]),
        (TOM + "How many beads does Tom have?", ["how many beads Tom had is not said"]),
        (TOM + "He loses 9 cards. " + ASK, ["8-9 is below zero"]),
        (TOM + "He puts all his cards into boxes of 3. How many boxes does Tom need?", ["8", "3", "without a rest"]),
        (TOM + "He puts all his cards into boxes of 0. How many boxes does Tom need?", ["0", "without a rest"]),
        (TOM, ["ends with its one question"]),
        (ASK + " " + TOM, ["is not said"]),
        (TOM + ASK + " " + ASK, ["ends with its one question"]),
        (TOM + "How many cards does each friend get?", ["ends with its one question"]),
        ("Then Tom has 8 cards. " + ASK, ["'Then Tom has 8 cards.'"]),
    ],
)
def test_what_cannot_be_read_is_quoted(text, words):
    with pytest.raises(ValueError) as error:
        read_story(text)
    for word in words:
        assert word in str(error.value)


# --- generated stories ---


def second_reader(text: str) -> int:
    """The answer of a story by keywords and a table of who has what; shares no code with the package."""
    table, last, subject = {}, None, None
    for sentence in re.findall(r"[^.?]+[.?]", text):
        words = re.findall(r"\w+", sentence)
        numbers = [int(w) for w in words if w.isdigit()]
        names = [w for w in words if w in NAMES]
        thing = next((w for w in words if w in THINGS), None)
        if words[0] == "How":
            if "dollars" in words or "each" in words or "need" in words:
                return last
            amounts = [table[name, thing] for name in names]
            if "more" in words or "fewer" in words:
                return amounts[0] - amounts[1] if "more" in words else amounts[1] - amounts[0]
            return sum(amounts)
        if "years" in words or "sisters" in words or "brothers" in words:
            subject = names[0] if names else subject
            continue
        pronouns = {"he", "He", "she", "She"} & set(words)
        if not pronouns and names:
            subject = names[0]
        others = [n for n in names if n != subject]
        key = (subject, thing)
        if "together" in words:
            last = table[names[0], thing] + table[names[1], thing]
        elif {"They", "they"} & set(words):
            last //= numbers[0]
        elif "shares" in words or "puts" in words:
            last = table[key] // numbers[0]
        elif "dollars" in words:
            last = table[key] * numbers[0]
        elif "half" in words and "of" in words:
            table[key] //= 2
        elif "than" in words or "as" in words:
            base = table[others[0], thing]
            factor = numbers[0] if "times" in words else 2
            table[key] = (
                base + numbers[0] if "more" in words
                else base - numbers[0] if "fewer" in words
                else base // 2 if "half" in words
                else base * factor
            )  # fmt: skip
        elif "in" in words:
            table[key] = (table[key] if "buys" in words else 0) + numbers[0] * numbers[1]
        elif "has" in words:
            table[key] = sum(numbers)
        elif "more" in words:
            table[key] += numbers[0]
        else:
            table[key] -= numbers[0]
            if others:
                table[others[0], thing] += numbers[0]
    raise ValueError(text)


@pytest.mark.slow
def test_a_second_reader_finds_the_same_answers(stories):
    assert len(stories) == 900
    for problem in stories:
        assert second_reader(problem.question) == int(problem.answer) == int(true_answer(problem.question)), problem


def test_every_chain_is_right_in_range_and_made_of_what_is_there(stories):
    for problem in stories:
        results = []
        numbers = set(map(int, re.findall(r"\d+", problem.question))) | {2}  # twice, half
        for step in problem.steps:
            equation = parse_equation(step)
            assert equation.is_right and WIDE.min_value <= equation.rhs <= WIDE.max_value
            assert all(operand in numbers or operand in results for operand in equation.operands)
            results.append(equation.rhs)
        assert results[-1] == int(problem.answer)
        assert len(set(problem.steps)) == len(problem.steps)
        assert numbers <= set(range(2, WIDE.max_leaf + 1))


def test_texts_are_short_and_their_words_known(stories):
    vocabulary = set(story_words(WIDE))
    assert len([word for word in vocabulary if not word.isdigit()]) < 100
    used = Counter()
    for problem in stories:
        words = re.findall(r"\w+|[^\w\s]", problem.question)
        assert len(words) <= MOST_WORDS == 60 and set(words) <= vocabulary
        used.update(words)
    assert {w for w in vocabulary if not w.isdigit()} - set(used) <= {"they"}, "a word that no story needs"
    assert [str(n) for n in range(100)] == [w for w in story_words(WIDE) if w.isdigit()]
    assert len(set(story_words())) == len(story_words())


def test_every_template_is_told(stories):
    told = {sentence.template for problem in stories for sentence in parse(problem.question)}
    assert told == set(TEMPLATES)


def test_pronouns_and_then_read_well(stories):
    pronoun = {name: "He" for name in BOYS} | {name: "She" for name in GIRLS}
    for problem in stories:
        sentences = re.findall(r"[^.?]+[.?]", problem.question)
        for before, after in zip(sentences, sentences[1:], strict=False):
            before, after = before.strip(), after.strip()
            assert not (before.startswith("Then ") and after.startswith("Then "))
            first = after.removeprefix("Then ").split()[0].capitalize()
            if first in ("He", "She"):  # only one person in the sentence before can be meant
                named = [pronoun[w] for w in re.findall(r"\w+", before) if w in NAMES]
                assert named.count(first) <= 1
        assert re.search(r"\b1 \w", problem.question) is None, "1 marbles"


@pytest.mark.slow
def test_chains_are_counted_as_by_brute_force(stories):
    counts = Counter()
    for problem in stories:
        steps = needed_steps(problem.question)
        orders = [
            order
            for order in permutations(range(len(steps)))
            if all(order.index(used) < order.index(i) for i, step in enumerate(steps) for used in step.uses)
        ]
        chains = {tuple(steps[i].text for i in order) for order in orders}
        assert count_chains(problem) == len(orders) == len(chains) and problem.steps in chains
        counts[len(steps), len(orders) > 1] += 1
    assert all(counts[n, True] > 40 for n in (4, 5, 6))  # many have several orders


@pytest.mark.slow
def test_labels_show_every_order_or_that_of_the_text():
    random, written = (
        generate(StorySettings(min_ops=4, max_ops=4, label_order=order), "train", {4: 300})
        for order in ("random", "written")
    )
    assert [p.question for p in random] == [p.question for p in written]
    assert all(p.steps == read_story(p.question).steps for p in written)
    other = sum(p.steps != q.steps for p, q in zip(random, written, strict=True))
    expected = sum(1 - 1 / count_chains(p) for p in written)
    assert abs(other - expected) < 4 * expected**0.5 and other > 40


@pytest.mark.slow
def test_splits_share_no_story_even_under_other_names():
    made = {split: generate(WIDE, split, {1: 20, 2: 100, 4: 100}) for split in SPLITS}
    assert overlap(made) == {}
    cores = [{story_of(p.question).core for p in problems} for problems in made.values()]
    assert sum(map(len, cores)) == len(set.union(*cores))
    assert {split_of(p.question) for p in made["test"]} == {"test"}


def test_names_things_words_and_distractors_move_no_story():
    text = "Tom has 8 cards. He finds 5 more cards. How many cards does Tom have now?"
    twin = "Mia has 8 beads. Omar has 4 beads. Mia also has 3 cards. Then Mia buys 5 more beads. "
    twin += "How many beads does Mia have?"
    assert story_of(text).core == story_of(twin).core == "have 0 with 8; gain 0 with 5; count 0"
    assert story_of(text.replace("5", "6")).core != story_of(text).core
    assert split_of(text) == split_of(twin)


@pytest.mark.slow
def test_generation_depends_on_the_settings_alone():
    assert data_hash(generate(StorySettings(), "test", {2: 30, 3: 30, 4: 30})) == HASH
    again = generate(StorySettings(seed=1), "test", {2: 30, 3: 30, 4: 30})
    assert data_hash(again) != HASH
    assert again[0].id == "story-test-000001" and again[0].source == "story/test"
    assert default_counts("test", StorySettings()) == {2: 500, 3: 500, 4: 500}


@pytest.mark.slow
def test_distractors_are_as_many_as_asked_for():
    for most in range(4):
        settings = StorySettings(min_ops=3, max_ops=3, max_distractors=most)
        counts = Counter(len(story_of(p.question).spare) for p in generate(settings, "train", {3: 200}))
        assert set(counts) == set(range(most + 1)) and min(counts.values()) > 100 / (most + 1) / 2


@pytest.mark.slow
def test_label_noise_swaps_the_last_sign_in_training_only():
    clean, noisy = (StorySettings(min_ops=3, max_ops=3, label_noise=noise) for noise in (0, 1))
    pairs = list(zip(generate(clean, "train", {3: 300}), generate(noisy, "train", {3: 300}), strict=True))
    assert all(a.question == b.question and a.steps[:-1] == b.steps[:-1] for a, b in pairs)
    wrong = [(a, b) for a, b in pairs if a.answer != b.answer]
    assert label_errors([b for _, b in pairs]) == {3: (len(wrong), 300)} and len(wrong) > 50
    for a, b in wrong:
        (left, sign, right), (other_left, other_sign, other_right) = (
            re.fullmatch(r"(\d+)(.)(\d+)=\d+", p.steps[-1]).groups() for p in (a, b)
        )
        assert (left, right, {sign, other_sign}) == (other_left, other_right, {"+", "-"})
        assert parse_equation(b.steps[-1]).is_right and b.steps[-1].endswith(f"={b.answer}")
        assert b.source == "story/train-noisy"
    assert generate(noisy, "test", {3: 50}) == generate(clean, "test", {3: 50})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"min_ops": 0}, "use 1 to 6"),
        ({"max_ops": 7}, "use min_ops"),
        ({"max_leaf": 4}, "use 5 or more"),
        ({"min_value": 0}, "use 1 or more"),
        ({"max_value": 9}, "at least min_value and max_leaf"),
        ({"max_distractors": 4}, "use 0 to 3"),
        ({"label_noise": 2.0}, "probability"),
        ({"label_order": "any"}, "'random' or 'written'"),
        ({"seed": 1.5}, "whole number"),
    ],
)
def test_settings_out_of_range_are_explained(wrong, words):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"StorySettings.{name} = {value!r}: .*{words}"):
        StorySettings(**wrong)


@pytest.mark.slow
def test_too_many_stories_are_refused_with_a_way_out():
    narrow = StorySettings(min_ops=6, max_ops=6, max_leaf=5, min_value=48, max_value=49)
    with pytest.raises(ValueError, match="3 problems of n = 6 .* only 0 were found; ask for fewer or widen max_leaf"):
        generate(narrow, "train", {6: 3})
