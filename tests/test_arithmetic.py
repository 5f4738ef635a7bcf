"""Toy arithmetic, checked against Python's own parser, brute force and numbers worked out by hand."""

import ast
import math
import os
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import islice, permutations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from small import cpu_seconds

from atp_lite.domains import (
    SPLITS,
    ArithmeticSettings,
    Problem,
    count_chains,
    default_counts,
    equivalent_chains,
    expression_tokens,
    generate,
    label_errors,
    needed_steps,
    question_length,
    read_expression,
    split_of,
    true_answer,
)
from atp_lite.domains.arithmetic.sampling import list_questions, tree_shapes
from atp_lite.domains.chains import count_orders, orders

SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
WIDE = ArithmeticSettings(min_value=0, max_value=10**15)
DIGITS = st.integers(0, 9)
STEP = re.compile(r"(\d+)([-+*])(\d+)=(\d+)")


def value_of(a, sign, b):
    return a + b if sign == "+" else a - b if sign == "-" else a * b


def core_of(text):
    """The expression as nested tuples without `*1`, `+0` and their like, read by Python's parser."""

    def reduce(node):
        if isinstance(node, ast.Constant):
            return node.value
        left, sign, right = reduce(node.left), SIGNS[type(node.op)], reduce(node.right)
        if right == (1 if sign == "*" else 0):
            return left
        if sign != "-" and left == (1 if sign == "*" else 0):
            return right
        return (sign, left, right)

    return reduce(ast.parse(text, mode="eval").body)


def steps_of(core):
    """{sub-expression: the text of its step} in written order."""
    found = {}

    def work(node):
        if isinstance(node, int):
            return node
        left, right = work(node[1]), work(node[2])
        value = value_of(left, node[0], right)
        found.setdefault(node, f"{left}{node[0]}{right}={value}")
        return value

    work(core)
    return found


def orders_by_brute_force(core):
    """Every valid order of the steps, by trying all permutations."""
    steps = steps_of(core)
    chains = []
    for order in permutations(steps):
        place = {node: i for i, node in enumerate(order)}
        if all(place.get(part, -1) < place[node] for node in order for part in node[1:]):
            chains.append(tuple(steps[node] for node in order))
    return chains


@st.composite
def expressions(draw, depth=3, leaves=DIGITS):
    """Text with parentheses where they are needed, where they are not, and decorations."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        text = str(draw(leaves))
    else:
        part = expressions(depth=depth - 1, leaves=leaves)
        left = draw(part)
        right = left if draw(st.integers(0, 4)) == 0 else draw(part)
        text = f"({left}){draw(st.sampled_from('+-*'))}({right})"
    return draw(st.sampled_from(["{}", "{}", "{}", "({})", "({})*1", "0+({})", "({}) - 0"])).format(text)


# --- which steps are needed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "question", "steps", "answer"),
    [
        ("(3+4)*(9-2)", "(3+4)*(9-2)", ("3+4=7", "9-2=7", "7*7=49"), "49"),
        ("((2+3)*4)-1", "((2+3)*4)-1", ("2+3=5", "5*4=20", "20-1=19"), "19"),
        (" 3 + 4*2 - 1 ", "(3+(4*2))-1", ("4*2=8", "3+8=11", "11-1=10"), "10"),
        ("9-3-2", "(9-3)-2", ("9-3=6", "6-2=4"), "4"),
        ("9−(3×2)", "9-(3*2)", ("3*2=6", "9-6=3"), "3"),
        ("7", "7", (), "7"),
        ("((7))", "7", (), "7"),
        ("0", "0", (), "0"),
        ("(3+4)", "3+4", ("3+4=7",), "7"),
        ("(3+4)*(3+4)", "(3+4)*(3+4)", ("3+4=7", "7*7=49"), "49"),
        ("(3+4)+(4+3)", "(3+4)+(4+3)", ("3+4=7", "4+3=7", "7+7=14"), "14"),
        ("((3+4)*1)*(0+((3)+4))", "((3+4)*1)*(0+((3)+4))", ("3+4=7", "7*7=49"), "49"),
        ("1*(1*5)", "1*(1*5)", (), "5"),
        ("5*(1+0)", "5*(1+0)", (), "5"),
        ("(3-2)*5", "(3-2)*5", ("3-2=1", "1*5=5"), "5"),
        ("((3+4))*((2))", "((3+4))*((2))", ("3+4=7", "7*2=14"), "14"),
        ("0-0+8", "(0-0)+8", (), "8"),
        ("007+2", "7+2", ("7+2=9",), "9"),
    ],
)
def test_reading_by_hand(text, question, steps, answer):
    problem = read_expression(text)
    assert (problem.question, problem.steps, problem.answer) == (question, steps, answer)
    assert true_answer(text) == answer


@pytest.mark.slow
@given(expressions())
def test_reading_agrees_with_pythons_parser(text):
    steps = needed_steps(text)
    expected = steps_of(core_of(text))
    assert [step.text for step in steps] == list(expected.values())
    places = {node: i for i, node in enumerate(expected)}
    assert [set(step.uses) for step in steps] == [{places[p] for p in n[1:] if p in places} for n in expected]
    assert int(true_answer(text)) == eval(text)  # noqa: S307


@pytest.mark.slow
@given(expressions(leaves=st.integers(1, 9)))
def test_reading_a_question_again_changes_nothing(text):
    try:
        problem = read_expression(text, WIDE)
    except ValueError:  # a negative result
        return
    assert read_expression(problem.question, WIDE) == problem
    assert core_of(problem.question) == core_of(text)
    stripped = re.sub(r"[() ]", "", text)
    assert re.sub(r"[()]", "", problem.question) == stripped


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("8/2", "division \\('/' at position 1\\).*use \\+ - \\*"),
        ("3+x", "unknown symbol 'x' at position 2"),
        ("-3+5", "a minus before a number"),
        ("50%", "percent"),
        ("1.5+2", "'1.5' at position 0 is not a whole number"),
        ("(3+4", "opened at position 0 is never closed"),
        ("3+4)", "closed at position 3 was never opened"),
        ("3+", "missing at the end"),
        ("50+1", "50 is outside 0 to 49"),
        ("7*8", "step 7\\*8=56 leaves the range 1 to 49"),
        ("3-3", "step 3-3=0 leaves the range"),
        ("2-3", "step 2-3=-1 leaves the range"),
        ("9" * 30, "below 10\\^18"),
        ("*".join(["9"] * 30), "beyond 10\\^18"),
    ],
)
def test_what_cannot_be_read(text, message):
    with pytest.raises(ValueError, match=message):
        read_expression(text)


def test_an_operator_outside_the_settings_is_named():
    with pytest.raises(ValueError, match="operator '×' at position 1 is not among '\\+-'"):
        read_expression("2×3", ArithmeticSettings(operators="+-"))


@pytest.mark.slow
def test_long_and_deep_expressions_are_read_in_linear_time():
    assert len(needed_steps("(1+" * 20_000 + "7" + ")" * 20_000)) == 20_000
    assert len(needed_steps("1" + "+2" * 20_000)) == 20_000
    assert needed_steps("(" * 50_000 + "3+4" + ")" * 50_000)[0].text == "3+4=7"
    assert split_of("(" * 9000 + "7" + "*1)" * 9000) == split_of("7")

    def seconds(repeats):
        text = "((3+4)*1-2)" + "+((5-4)*2+0)" * repeats
        return cpu_seconds(lambda: needed_steps(text))

    assert seconds(3200) / seconds(200) < 64  # 16 if linear, 256 if quadratic


# --- equivalent chains ------------------------------------------------------------------------------------


@pytest.mark.slow
@given(expressions(leaves=st.integers(2, 9)))
def test_chains_are_all_valid_orders(text):
    core = core_of(text)
    if len(steps_of(core)) > 6:
        return
    problem = Problem(text, (), "")
    chains = list(equivalent_chains(problem))
    assert sorted(chains) == sorted(orders_by_brute_force(core))
    assert count_chains(problem) == len(chains)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("7", 1),
        ("3+4", 1),
        ("(1+2)*(3+4)", 2),  # 3! / 3
        ("((1+2)*(3+4))+((5+6)*(7+8))", 80),  # 7! / (7 * 3 * 3)
        ("(((1+2)+3)+4)*(((5+6)+7)+8)", 20),  # two chains of three shuffled: 6 over 3
        ("((2+3)*(2+3))+((2+3)-4)", 2),  # the shared sum first, then two steps in either order
        ("+".join(["1"] * 2000), 1),
    ],
)
def test_chain_counts_by_hand(text, count):
    assert count_chains(Problem(text, (), "")) == count


def test_chains_are_made_lazily_and_counted_in_closed_form():
    halves = ["(1+2)", "(3+4)"] * 16
    while len(halves) > 1:
        halves = [f"({a}+{b})" for a, b in zip(halves[::2], halves[1::2], strict=True)]
    shared = Problem(halves[0], (), "")  # equal halves are shared: 2 leaf sums, then one step a level
    assert count_chains(shared) == 2
    wide = Problem("+".join(f"({i}*{i + 1})" for i in range(2, 42)), (), "")
    # 40 products; sum k needs products 1 to k+1. Backwards, each has as many places as steps stand before it.
    chains = list(islice(equivalent_chains(wide), 1000))
    assert len(set(chains)) == 1000
    assert count_chains(wide) == math.factorial(79) // (math.prod(range(3, 80, 2)))


@pytest.mark.slow
def test_too_many_shared_orders_are_refused():
    for parts, message in (
        (22, "of 109 steps with shared results are too many"),
        (60, "at most 200 steps, not"),
    ):
        text = "+".join(f"((({i}*{i})+1)-(({i}*{i})-1))" for i in range(2, 2 + parts))
        with pytest.raises(ValueError, match=message):
            count_chains(Problem(text, (), ""))


# --- questions --------------------------------------------------------------------------------------------


def test_tree_shapes_are_all_binary_trees():
    assert [len(set(tree_shapes(n))) for n in range(7)] == [1, 1, 2, 5, 14, 42, 132]  # Catalan numbers


@pytest.mark.slow
def test_the_small_spaces_are_complete():
    settings = ArithmeticSettings(min_ops=1)
    leaves = range(1, 10)

    def step(a, sign, b, *written):
        value = value_of(a, sign, b)
        return value if 1 <= value <= 49 and not (sign == "*" and 1 in written) else None

    ones = [f"{a}{s}{b}" for a in leaves for b in leaves for s in "+-*" if step(a, s, b, a, b) is not None]
    twos = []
    for a in leaves:
        for b in leaves:
            for s in "+-*":
                if (inner := step(a, s, b, a, b)) is None:
                    continue
                for c in leaves:
                    for t in "+-*":
                        for question, left, right in (
                            (f"({a}{s}{b}){t}{c}", inner, c),
                            (f"{c}{t}({a}{s}{b})", c, inner),
                        ):
                            same_step = (left, t, right) == (a, s, b)
                            if step(left, t, right, c) is not None and not same_step:
                                twos.append(question)
    for n, expected in ((1, ones), (2, twos)):
        listed = [question for split in SPLITS for question in list_questions(n, split, settings)]
        assert sorted(listed) == sorted(expected)
    assert (len(ones), len(twos)) == (171, 5831)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.slow
def test_generated_problems_keep_the_rules(split, hidden):
    settings = ArithmeticSettings(min_ops=1, max_ops=6, hidden_length=hidden)
    counts = {1: 10, 2: 40, 3: 60, 4: 60, 5: 30, 6: 30}
    problems = generate(settings, split, counts)
    assert Counter(len(p.steps) for p in problems) == counts
    assert len({p.question for p in problems}) == len(problems)
    assert [p.id for p in problems] == [f"toy-{split}-{i:06d}" for i in range(1, 231)]
    for problem in problems:
        again = read_expression(problem.question, settings)  # also checks the range
        assert again.question == problem.question and again.answer == problem.answer
        assert problem.answer == str(eval(problem.question))  # noqa: S307
        core = core_of(problem.question)
        expected = steps_of(core).values()
        assert sorted(problem.steps) == sorted(set(expected))
        assert problem.steps in set(equivalent_chains(problem))
        assert split_of(problem.question) == split
        assert problem.source == f"toy/{split}"
        if not hidden:
            assert len(expression_tokens(problem.question)) == 4 * len(problem.steps) - 1
            assert "0" not in expression_tokens(problem.question)
    assert len({len(p.steps) for p in problems[:20]}) > 2  # shuffled together


@pytest.mark.slow
def test_hidden_length_says_nothing():
    settings = ArithmeticSettings(hidden_length=True)
    problems = generate(settings, "train", {2: 300, 3: 300, 4: 300})
    lengths = defaultdict(Counter)
    for problem in problems:
        lengths[len(expression_tokens(problem.question))][len(problem.steps)] += 1
    best_guess = sum(max(steps.values()) for steps in lengths.values()) / len(problems)
    assert best_guess == 1 / 3 and list(lengths) == [question_length(settings, 2)] == [23]
    shared = [p for p in problems if _operations(core_of(p.question)) > len(p.steps)]
    assert len(shared) > 200  # many needed fewer steps than operations because a part is repeated


def _operations(core):
    return 0 if isinstance(core, int) else 1 + _operations(core[1]) + _operations(core[2])


def test_plain_length_gives_the_number_of_steps_away():
    assert [question_length(ArithmeticSettings(), n) for n in (2, 3, 4)] == [7, 11, 15]
    assert expression_tokens("(13+4)*2") == ["(", "13", "+", "4", ")", "*", "2"]


# --- splits -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(expressions(leaves=st.integers(2, 9)), st.randoms(use_true_random=False))
def test_a_decorated_twin_falls_into_the_same_split(text, rng):
    twin = text
    for _ in range(4):
        twin = rng.choice(["({})", "({})*1", "1*({})", "({})+0", "0+({})", "({})-0"]).format(twin)
        leaf = rng.choice(list(re.finditer(r"\d+", twin)))
        inside = rng.choice(["({})", "({}*1)", "(0+{})"]).format(leaf[0])
        twin = twin[: leaf.start()] + inside + twin[leaf.end() :]
    assert core_of(twin) == core_of(text)
    assert split_of(twin) == split_of(text) == split_of(text.replace("(", "( "))


@pytest.mark.slow
def test_splits_are_disjoint_also_as_decorated_twins():
    hidden = ArithmeticSettings(hidden_length=True)
    cores = {split: set() for split in SPLITS}
    for settings in (ArithmeticSettings(), hidden):
        for split in SPLITS:
            problems = generate(settings, split, {2: 200, 3: 200, 4: 200})
            cores[split] |= {core_of(p.question) for p in problems}
    assert all(len(c) > 700 for c in cores.values())
    for split in SPLITS:
        for other in SPLITS:
            assert split == other or not cores[split] & cores[other]


@pytest.mark.slow
def test_split_shares_and_pinned_examples():
    counts = Counter(
        split_of(f"({a}+{b})*({c}-{d})") for a in range(9) for b in range(9) for c in range(9) for d in range(9)
    )
    total = sum(counts.values())
    for split, share in (("train", 0.7), ("rl", 0.1), ("validation", 0.1), ("test", 0.1)):
        assert abs(counts[split] / total - share) < 5 * math.sqrt(share * (1 - share) / total)
    assert [split_of(q) for q in ("3+4", "(3+4)*2", "9-(2*3)", "(5-2)+6", "7")] == [
        "validation",
        "train",
        "train",
        "train",
        "test",
    ]  # the first 8 bytes of BLAKE2b, modulo 100: 84, 6, 43, 6, 90


# --- determinism ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_same_data_in_every_process(repo_root):
    program = (
        "from atp_lite.domains import *\n"
        "for hidden in (False, True):\n"
        "    settings = ArithmeticSettings(label_noise=.6, hidden_length=hidden)\n"
        "    print(data_hash(generate(settings, 'train', {2: 50, 3: 50, 4: 50})))\n"
    )
    outputs = set()
    for seed in ("0", "1", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            cwd=repo_root,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1 and len(set(outputs.pop().split())) == 2


def test_streams_are_independent():
    settings = ArithmeticSettings()
    small, large = generate(settings, "rl", {3: 50}), generate(settings, "rl", {3: 80, 4: 50})
    assert {(p.question, p.steps) for p in small} <= {(p.question, p.steps) for p in large}
    other_seed = generate(ArithmeticSettings(seed=1), "rl", {3: 50})
    assert len({p.question for p in small} & {p.question for p in other_seed}) < 10


# --- labels -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [False, True])
def test_random_labels_are_uniform_over_the_equivalent_chains(hidden):
    settings = ArithmeticSettings(min_ops=5, max_ops=5, hidden_length=hidden)
    drawn = defaultdict(Counter)
    for problem in generate(settings, "train", {5: 4000}):
        chains = list(equivalent_chains(problem))
        drawn[len(chains)][chains.index(problem.steps)] += 1
    assert set(drawn) >= {1, 2, 3, 4, 6, 8}
    for count, places in drawn.items():
        expected = sum(places.values()) / count
        if count > 1 and expected > 10:
            chi_square = sum((places[i] - expected) ** 2 / expected for i in range(count))
            freedom = count - 1
            assert chi_square < freedom + 4 * math.sqrt(2 * freedom), (count, places)


def test_written_order_reads_from_left_to_right():
    for problem in generate(ArithmeticSettings(label_order="written"), "train", {3: 100, 4: 100}):
        assert problem.steps == read_expression(problem.question).steps


def check_chain(problem):
    """Every step is right, uses only numbers at hand, and the last gives the label's answer."""
    at_hand = Counter(t for t in expression_tokens(problem.question) if t.isdigit())
    result = None
    for step in problem.steps:
        a, sign, b, result = STEP.fullmatch(step).groups()
        assert value_of(int(a), sign, int(b)) == int(result) and 1 <= int(result) <= 49
        assert at_hand[a] and at_hand[b]
        at_hand[result] += 1
    assert result == problem.answer


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [False, True])
def test_label_noise_swaps_the_last_plus_and_minus(hidden):
    counts = {2: 300, 3: 800, 4: 1200}
    clean, noisy, all_noisy = (
        generate(ArithmeticSettings(label_noise=noise, hidden_length=hidden), "train", counts)
        for noise in (0.0, 0.6, 1.0)
    )
    able, wrong = Counter(), Counter()
    for truth, label, swapped in zip(clean, noisy, all_noisy, strict=True):
        assert truth.question == label.question == swapped.question and truth.source == "toy/train"
        assert label.source == swapped.source == "toy/train-noisy"
        check_chain(label)
        a, sign, b, _ = STEP.fullmatch(truth.steps[-1]).groups()
        other = {"+": "-", "-": "+", "*": "*"}[sign]
        value = value_of(int(a), other, int(b))
        can_swap = sign != "*" and 1 <= value <= 49
        last = f"{a}{other}{b}={value}" if can_swap else truth.steps[-1]
        assert swapped.steps == (*truth.steps[:-1], last)
        assert label.steps in (truth.steps, swapped.steps)
        assert true_answer(label.question) == truth.answer
        assert (swapped.answer != truth.answer) == can_swap
        able[len(truth.steps)] += can_swap
        wrong[len(truth.steps)] += label.answer != truth.answer
    for n, count in able.items():
        assert abs(wrong[n] / count - 0.6) < 4 * math.sqrt(0.6 * 0.4 / count)
        assert label_errors(noisy)[n] == (wrong[n], counts[n])
    assert 0.2 < wrong[4] / counts[4] < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("split", ["rl", "validation", "test"])
def test_only_training_labels_are_noisy(split):
    counts = {2: 50, 3: 50, 4: 50}
    assert generate(ArithmeticSettings(label_noise=1.0), split, counts) == generate(ArithmeticSettings(), split, counts)


# --- how many ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["rl", "validation", "test"])
@pytest.mark.slow
def test_default_counts_exist(split):
    settings = ArithmeticSettings(min_ops=1, max_ops=3 if split != "rl" else 2)
    counts = default_counts(split, settings)
    assert Counter(len(p.steps) for p in generate(settings, split)) == counts


def test_default_counts():
    assert default_counts("train", ArithmeticSettings()) == {2: 4000, 3: 60_000, 4: 60_000}
    assert default_counts("test", ArithmeticSettings()) == {2: 300, 3: 1000, 4: 1000}
    tiny = ArithmeticSettings(max_ops=2, max_leaf=2)
    assert sum(default_counts(split, tiny)[2] for split in SPLITS) == sum(
        len(list_questions(2, split, tiny)) for split in SPLITS
    )


@pytest.mark.slow
def test_a_space_that_is_too_small_is_named():
    settings = ArithmeticSettings(min_ops=1)
    exist = len(list_questions(2, "test", settings))
    assert len(generate(settings, "test", {2: exist})) == exist
    with pytest.raises(ValueError, match=f"{exist + 1} problems of n = 2 .*'test' split, but only {exist} were found"):
        generate(settings, "test", {2: exist + 1})
    hidden = ArithmeticSettings(min_ops=1, max_ops=2, operators="-", max_leaf=1, hidden_length=True)
    with pytest.raises(ValueError, match="only 0 were found"):  # 1-1=0 is out of range
        generate(hidden, "train", {1: 1})


@pytest.mark.slow
def test_generating_takes_time_linear_in_the_count():
    def seconds(count):
        return cpu_seconds(lambda: generate(ArithmeticSettings(), "train", {3: count, 4: count}))

    assert seconds(3200) / seconds(200) < 64  # 16 if linear, 256 if quadratic


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_ops": 0}, "min_ops = 0: use 1 to 6"),
        ({"max_ops": 7}, "max_ops = 7: use min_ops \\(2\\) to 6"),
        ({"min_ops": 4, "max_ops": 3}, "max_ops = 3: use min_ops \\(4\\) to 6"),
        ({"operators": "+/"}, "operators = '\\+/': use some of"),
        ({"operators": "++"}, "operators"),
        ({"operators": ""}, "operators"),
        ({"max_leaf": 0}, "max_leaf"),
        ({"min_value": -1}, "min_value"),
        ({"max_value": 8}, "max_value = 8: use at least min_value and max_leaf \\(9\\)"),
        ({"label_noise": 1.5}, "label_noise = 1.5: use a probability"),
        ({"label_noise": float("nan")}, "label_noise"),
        ({"label_noise": 0.5, "operators": "+*"}, "label_noise = 0.5: use 0, or have \\+ and -"),
        ({"label_order": "sorted"}, "label_order = 'sorted': use 'random' or 'written'"),
        ({"min_ops": 2.0}, "min_ops = 2.0: use a whole number"),
        ({"seed": True}, "seed"),
    ],
)
def test_settings_are_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        ArithmeticSettings(**changes)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="split = 'dev': use one of train, rl, validation, test"):
        generate(ArithmeticSettings(), "dev")
    with pytest.raises(ValueError, match="counts\\[5\\] = 10: ask for 0 or more problems of 2 to 4 steps"):
        generate(ArithmeticSettings(), "train", {5: 10})
    with pytest.raises(ValueError, match="counts\\[2\\] = -1"):
        generate(ArithmeticSettings(), "train", {2: -1})


@pytest.mark.slow
@hypothesis_settings(max_examples=25)
@given(st.integers(2, 5), st.sampled_from(["+", "+-", "-*", "+-*"]), st.integers(3, 9), st.booleans())
def test_other_settings_keep_the_rules_too(n, operators, max_leaf, hidden):
    settings = ArithmeticSettings(
        min_ops=1, max_ops=5, operators=operators, max_leaf=max_leaf, max_value=30, hidden_length=hidden
    )
    for problem in generate(settings, "train", {n: 3}):
        assert len(problem.steps) == n == len(set(problem.steps))
        assert read_expression(problem.question, settings).question == problem.question
        assert len(expression_tokens(problem.question)) == question_length(settings, n)
        check_chain(problem)


@given(st.integers(0, 2**32))
def test_orders_of_a_random_dag_are_the_brute_force_ones(seed):
    rng = random.Random(seed)
    n = rng.randint(1, 6)
    uses = tuple(tuple(sorted(rng.sample(range(i), min(i, rng.randint(0, 2))))) for i in range(n))
    expected = [
        order
        for order in permutations(range(n))
        if all(order.index(j) < order.index(i) for i in range(n) for j in uses[i])
    ]
    assert list(orders(uses)) == expected
    assert count_orders(uses) == len(expected)
