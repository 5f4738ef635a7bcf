"""Toy expressions such as `(3+4)*2`: drawn in sampling.py, read and worked out in expressions.py."""

from __future__ import annotations

from atp_lite.domains.arithmetic.expressions import read
from atp_lite.domains.arithmetic.sampling import (
    DEFAULT_SETTINGS,
    ArithmeticSettings,
    list_questions,
    sample_questions,
)
from atp_lite.domains.chains import Worked
from atp_lite.domains.domain import DOMAINS, Vocabulary
from atp_lite.domains.made import MadeDomain, Split, as_split
from atp_lite.domains.problem import Problem
from atp_lite.domains.syntax import SAME_SYMBOL, shorten


@DOMAINS.register("arithmetic")
class Arithmetic(MadeDomain):
    """Toy expressions: whole numbers, + - * and parentheses."""

    settings_class = ArithmeticSettings
    label = source = "toy"
    about = "toy expressions"
    example = "(3+4)*(9-2)"
    bundled = "atp-step"

    def recognises(self, text: str) -> bool:
        """Any text that no other domain recognises: its errors are the ones to be read then."""
        return True

    def work_out(self, question: str) -> Worked:
        return read(question)

    def read_question(self, text: str) -> Problem:
        return read_expression(text)

    def sample(self, n: int, count: int, split: Split, settings: ArithmeticSettings) -> list[str]:
        return sample_questions(n, count, split, settings)

    def default_counts(self, split: str, settings: ArithmeticSettings = DEFAULT_SETTINGS) -> dict[int, int]:
        """How many problems of each number of steps a split holds by default.

        Few steps allow few expressions, so small numbers of steps get fewer, and never more than exist where the
        space is small enough to be listed (one and two steps in the plain regime).
        """
        split = as_split(split)
        one, two, more = {
            "train": (100, 4000, 60_000),
            "rl": (15, 300, 8000),
            "validation": (15, 100, 200),
            "test": (15, 300, 1000),
        }[split]
        counts = {}
        for n in range(settings.min_ops, settings.max_ops + 1):
            counts[n] = one if n == 1 else two if n == 2 else more
            listed = list_questions(n, split, settings)
            if listed is not None:
                counts[n] = min(counts[n], len(listed))
        return counts

    def vocabulary(self, settings: ArithmeticSettings = DEFAULT_SETTINGS) -> Vocabulary:
        return Vocabulary((*"()+-*=;", *map(str, range(settings.max_value + 1))), spaces=False)


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
            raise ValueError(f"{shorten(text)}: {number} is outside 0 to {settings.max_value}; use a smaller number")
    for step in expression.steps:
        if not settings.min_value <= step.value <= settings.max_value:
            raise ValueError(
                f"{shorten(text)}: the step {step.text} leaves the range {settings.min_value} to "
                f"{settings.max_value}; change its numbers or the settings"
            )
    return Problem(expression.question, tuple(step.text for step in expression.steps), str(expression.value))
