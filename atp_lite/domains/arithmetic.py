"""Problems with all their equivalent chains of thought, and data sets with clean or noisy labels.

A question is a toy expression (drawn in sampling.py, its steps read in expressions.py) or a story problem (drawn in
stories.py, its steps read in story_steps.py). Both need steps that form a DAG, and everything here is about that.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping

from atp_lite.domains.expressions import Expression, Step, all_orders, count_orders, orders, read
from atp_lite.domains.problem import Problem
from atp_lite.domains.sampling import (
    DEFAULT_SETTINGS,
    SPLITS,
    ArithmeticSettings,
    Split,
    list_questions,
    random_stream,
    sample_questions,
    split_of_core,
)
from atp_lite.domains.stories import StorySettings, sample_stories
from atp_lite.domains.story_steps import Story, read_story, story_of
from atp_lite.domains.syntax import SAME_SYMBOL, shorten

ProblemSettings = ArithmeticSettings | StorySettings
"""What `generate` takes: the kind of problem follows from it."""


def is_story(question: str) -> bool:
    """What ends with a question mark is read as a story, all else as an expression."""
    return question.rstrip().endswith("?")


def _read(question: str) -> Expression | Story:
    """A question, worked out."""
    return story_of(question) if is_story(question) else read(question)


def needed_steps(question: str) -> tuple[Step, ...]:
    """The steps a question needs, in written order; each names the earlier steps it uses (a DAG).

    Raises EquationError (a ValueError) for text that is no toy expression, ValueError for a story that cannot be read.
    """
    return _read(question).steps


def true_answer(question: str) -> str:
    """The exact value of a question, as text; what its label says does not matter."""
    return str(_read(question).value)


def read_expression(text: str, settings: ArithmeticSettings = DEFAULT_SETTINGS) -> Problem:
    """A typed expression as a problem: canonical question, steps in written order, exact answer.

    Usual precedence, any spaces and parentheses. The question is fully parenthesised; decorations that were
    typed stay, except parentheses round the whole. It may need any number of steps; the caller decides.
    Raises ValueError, naming place and way out, for text that is no toy expression, an operator that is not
    in `settings.operators`, a number outside 0 to max_value, a result outside min_value to max_value.
    """
    expression = read(text)
    for position, symbol in enumerate(text):
        operator = SAME_SYMBOL.get(symbol, symbol)
        if operator in "+-*" and operator not in settings.operators:
            raise ValueError(
                f"{shorten(text)}: the operator {symbol!r} at position {position} is not among "
                f"{settings.operators!r}; leave it out or add it to ArithmeticSettings.operators"
            )
    for number in expression.numbers:
        if number > settings.max_value:
            raise ValueError(
                f"{shorten(text)}: {number} is outside 0 to {settings.max_value}; use a smaller number"
            )
    for step in expression.steps:
        if not settings.min_value <= step.value <= settings.max_value:
            raise ValueError(
                f"{shorten(text)}: the step {step.text} leaves the range {settings.min_value} to "
                f"{settings.max_value}; change its numbers or the settings"
            )
    return Problem(expression.question, tuple(step.text for step in expression.steps), str(expression.value))


def read_question(text: str) -> Problem:
    """A typed expression or story as a problem; errors as in `read_expression` and `read_story`."""
    return read_story(text) if is_story(text) else read_expression(text)


def equivalent_chains(problem: Problem) -> Iterator[tuple[str, ...]]:
    """Every correct chain of the question: the needed steps in each order that respects what uses what. Lazy.

    The chains are worked out from the question, so a wrong label does not matter. Two different operations
    may read the same (`3+4=7` from `3+4` and from `(1+2)+4`); then some chains do too. Generated problems
    avoid this.
    """
    steps = needed_steps(problem.question)
    for order in orders(tuple(step.uses for step in steps)):
        yield tuple(steps[i].text for i in order)


def count_chains(problem: Problem) -> int:
    """How many chains `equivalent_chains` gives, without listing them.

    For a tree by the hook-length formula n! / (product of subtree sizes), where results are shared by a
    dynamic programme over the sets of finished steps; see `expressions.count_orders`.
    """
    return count_orders(tuple(step.uses for step in needed_steps(problem.question)))


def split_of(question: str) -> Split:
    """The split a question belongs to: 70 % train, 10 % each rl, validation, test.

    By a hash of the expression without its decorations, so a decorated twin of a test question is never
    trained on, and no setting moves a question. The core of a story leaves out names, things, words and distractors, so
    no test story is a training story told again. "rl" is for reinforcement learning, which sees answers only.
    """
    return split_of_core(_read(question).core)


def _label(
    needed: tuple[Step, ...], settings: ProblemSettings, noise: float, rng: random.Random
) -> list[Step]:
    """The steps of one label. The last operation ends every order, since all others feed it."""
    steps = list(needed)
    if settings.label_order == "random":
        steps = [steps[i] for i in rng.choice(all_orders(tuple(step.uses for step in steps)))]
    swap = rng.random() < noise  # drawn in any case, so noise changes no order
    last = steps[-1]
    if swap and last.operator in "+-":
        operator = "-" if last.operator == "+" else "+"
        value = last.left - last.right if operator == "-" else last.left + last.right
        if settings.min_value <= value <= settings.max_value and value != last.value:
            steps[-1] = Step(last.left, operator, last.right, value, last.uses)
    return steps


def default_counts(split: Split, settings: ProblemSettings = DEFAULT_SETTINGS) -> dict[int, int]:
    """How many problems of each number of steps a split holds by default.

    Few steps allow few expressions, so small numbers of steps get fewer, and never more than exist where the
    space is small enough to be listed (one and two steps in the plain regime). Stories come in equal numbers.
    """
    _check_split(split)
    one, two, more = {
        "train": (100, 4000, 60_000),
        "rl": (15, 300, 8000),
        "validation": (15, 100, 200),
        "test": (15, 300, 1000),
    }[split]
    counts = {}
    if isinstance(settings, StorySettings):
        same = {"train": 10_000, "rl": 2000, "validation": 200, "test": 500}[split]
        return dict.fromkeys(range(settings.min_ops, settings.max_ops + 1), same)
    for n in range(settings.min_ops, settings.max_ops + 1):
        counts[n] = one if n == 1 else two if n == 2 else more
        listed = list_questions(n, split, settings)
        if listed is not None:
            counts[n] = min(counts[n], len(listed))
    return counts


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"split = {split!r}: use one of {', '.join(SPLITS)}")


def generate(
    settings: ProblemSettings, split: Split, counts: Mapping[int, int] | None = None
) -> list[Problem]:
    """Distinct problems of one split: `counts[n]` of them with n needed steps, shuffled together.

    `ArithmeticSettings` give toy expressions, `StorySettings` story problems.

    `counts` defaults to `default_counts(split, settings)`. The result depends on the arguments alone. Labels
    carry noise (`settings.label_noise`) in the train split only; rl, validation and test always tell the
    truth. The questions, their order and the order of their steps do not depend on the noise.
    Raises ValueError for a number of steps outside the settings, and where there are not enough problems.
    """
    _check_split(split)
    noise = settings.label_noise if split == "train" else 0.0
    kind, sample = ("story", sample_stories) if isinstance(settings, StorySettings) else ("toy", sample_questions)
    source = f"{kind}/{split}-noisy" if noise else f"{kind}/{split}"
    problems: list[Problem] = []
    for n, count in sorted((default_counts(split, settings) if counts is None else counts).items()):
        if not settings.min_ops <= n <= settings.max_ops or count < 0:
            raise ValueError(
                f"counts[{n}] = {count}: ask for 0 or more problems of {settings.min_ops} to "
                f"{settings.max_ops} steps, or change min_ops and max_ops"
            )
        questions = sample(n, count, split, settings)
        if len(questions) < count:
            raise ValueError(
                f"{count} problems of n = {n} steps were asked of the {split!r} split, but only "
                f"{len(questions)} were found; ask for fewer or widen max_leaf, max_value or operators"
            )
        rng = random_stream(settings, "labels", split, n)
        for question in questions:
            steps = _label(_read(question).steps, settings, noise, rng)
            problems.append(Problem(question, tuple(step.text for step in steps), str(steps[-1].value)))
    random_stream(settings, "order", split).shuffle(problems)
    return [
        Problem(p.question, p.steps, p.answer, f"{kind}-{split}-{i:06d}", source)
        for i, p in enumerate(problems, start=1)
    ]


def label_errors(problems: list[Problem]) -> dict[int, tuple[int, int]]:
    """For each number of steps: (how many labels have a wrong answer, how many labels there are)."""
    total = Counter(len(p.steps) for p in problems)
    wrong = Counter(len(p.steps) for p in problems if p.answer != true_answer(p.question))
    return {n: (wrong[n], total[n]) for n in sorted(total)}
