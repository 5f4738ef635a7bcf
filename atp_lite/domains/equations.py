"""Safe, exact arithmetic on text: numbers, expressions, equations such as `16-3-4=9`.

Everything is a `Fraction`: no rounding, no eval, no recursion. Used to check written steps (decoded thoughts,
the annotations of a benchmark) and to compare answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from atp_lite.domains.syntax import NUMBER, EquationError, Token, postfix, shorten

MAX_DIGITS = 300
"""The longest numerator or denominator, in decimal digits, that is worked with."""
MAX_EXPONENT = 30
"""The largest power of ten in a number such as `1e3`."""

_MAX_BITS = int(MAX_DIGITS * 3.3219280948873623)
_SIGNED = re.compile(
    rf"(?P<sign>[-−–+]?)(?P<top>{NUMBER})(?P<percent>%?)(?:\s*/\s*(?P<under>{NUMBER}))?"
    rf"|\$[-−–](?P<behind_dollar>{NUMBER})"
)


def _plain_number(text: str, whole: str, position: int) -> Fraction:
    """A token of the form NUMBER -> its exact value."""
    mantissa, _, exponent = text.lstrip("$").replace(",", "").lower().partition("e")
    if len(mantissa) > MAX_DIGITS:
        raise EquationError(
            f"{shorten(whole)}: the number at position {position} has {len(mantissa)} characters; "
            f"at most {MAX_DIGITS} are read"
        )
    power = 0
    if exponent:
        digits = exponent.lstrip("+-").lstrip("0")
        if len(digits) > 3 or int(digits or 0) > MAX_EXPONENT:
            raise EquationError(
                f"{shorten(whole)}: the exponent of the number at position {position} is beyond "
                f"{MAX_EXPONENT}; write a smaller number"
            )
        power = int(exponent)
    before, _, behind = mantissa.partition(".")
    value = Fraction(int(before + behind), 10 ** len(behind))
    return value * Fraction(10) ** power if power else value


@lru_cache(maxsize=10_000)
def parse_number(text: str) -> Fraction:
    """The exact value of one written number.

    Reads `7`, `-7`, `+7`, `.5`, `5.`, `1,234.5`, `$3`, `-$3`, `25%` (1/4), `3/4` and `1e3`; white space
    around it is dropped. Raises EquationError for anything else, for a zero denominator, and for numbers too
    large to be meant (more than MAX_DIGITS digits, an exponent beyond MAX_EXPONENT).
    """
    stripped = text.strip()
    match = _SIGNED.fullmatch(stripped)
    if match is None:
        raise EquationError(f"{shorten(text)}: not a number (position 0); write one such as 7, -7, 1,234.5, 25% or 3/4")
    if match["behind_dollar"]:
        return -_plain_number(match["behind_dollar"], stripped, match.start("behind_dollar"))
    value = _plain_number(match["top"], stripped, match.start("top"))
    if match["percent"]:
        value /= 100
    if match["under"]:
        under = _plain_number(match["under"], stripped, match.start("under"))
        if under == 0:
            raise EquationError(f"{shorten(text)}: division by zero at position {match.start('under')}; change it")
        value /= under
    return -value if match["sign"] not in ("", "+") else value


def _apply(token: Token, left: Fraction, right: Fraction, text: str) -> Fraction:
    """One binary operation, guarded against division by zero and against numbers without end."""
    if token.kind == "+":
        value = left + right
    elif token.kind == "-":
        value = left - right
    elif token.kind == "*":
        value = left * right
    elif right == 0:
        raise EquationError(f"{shorten(text)}: division by zero at position {token.position}; use another divisor")
    else:
        value = left / right if token.kind == "/" else Fraction(left // right)
    if value.numerator.bit_length() > _MAX_BITS or value.denominator.bit_length() > _MAX_BITS:
        raise EquationError(
            f"{shorten(text)}: the result at position {token.position} has more than {MAX_DIGITS} digits; "
            "use smaller numbers"
        )
    return value


def _work_out(text: str) -> tuple[Fraction, tuple[Fraction, ...]]:
    """(exact value, the numbers in the text). A sign or % directly at a number belongs to that number."""
    stack: list[tuple[Fraction, int | None]] = []  # value, and which operand it is while it is still a bare number
    operands: list[Fraction] = []
    for token in postfix(text):
        if token.kind == "number":
            value = _plain_number(token.text, text, token.position)
            stack.append((value, len(operands)))
            operands.append(value)
        elif token.kind in ("negate", "%"):
            value, place = stack.pop()
            value = -value if token.kind == "negate" else _apply(Token("/", "%", token.position), value, _HUNDRED, text)
            if place is not None:
                operands[place] = value
            stack.append((value, place))
        elif token.kind == "group":
            stack.append((stack.pop()[0], None))
        else:
            right, left = stack.pop()[0], stack.pop()[0]
            stack.append((_apply(token, left, right, text), None))
    return stack[0][0], tuple(operands)


_HUNDRED = Fraction(100)


def evaluate(text: str) -> Fraction:
    """The exact value of an expression of numbers, + - * / %, unary minus or plus and parentheses.

    Also reads `×`, `·`, `÷` and the Unicode minus. `%` stands behind its operand: `50*10%` is 5. `//` rounds
    down, as in two steps of GSM8K. Time is linear in the length of the text, since no number may grow beyond
    MAX_DIGITS digits.
    Raises EquationError for text that is no expression, division by zero and numbers beyond MAX_DIGITS.
    """
    return _work_out(text)[0]


@dataclass(frozen=True)
class Equation:
    """A written step `lhs = rhs`, right or wrong."""

    text: str
    """The equation as it was written, without `<<` and `>>`."""
    lhs: str
    """The left-hand side as text."""
    rhs: Fraction
    """The number claimed on the right."""
    operands: tuple[Fraction, ...]
    """The numbers on the left, in order; `16-3-4=9` has three."""
    value: Fraction
    """The exact value of the left-hand side."""

    @property
    def is_right(self) -> bool:
        """Whether the claim holds exactly; a rounded right-hand side is wrong."""
        return self.value == self.rhs


def parse_equation(text: str) -> Equation:
    """Read `lhs=rhs` (also `<<lhs=rhs>>`): an expression on the left, one number or fraction on the right.

    Raises EquationError where there is not exactly one equals sign or where a side cannot be read.
    """
    inner = text.strip()
    if inner.startswith("<<") and inner.endswith(">>") and len(inner) >= 4:
        inner = inner[2:-2].strip()
    lhs, *others = inner.split("=", 2)
    if len(others) != 1:
        position = inner.index("=", len(lhs) + 1) if others else len(inner)
        found = "a second '='" if others else "no '='"
        raise EquationError(f"{shorten(text)}: {found} at position {position}; write one equation such as 3+4=7")
    value, operands = _work_out(lhs)
    return Equation(inner, lhs.strip(), parse_number(others[0]), operands, value)


def same_number(
    a: str | Fraction,
    b: str | Fraction,
    tolerance: Fraction | float = 0,
    relative: Fraction | float = 0,
) -> bool:
    """Whether two numbers differ by at most `tolerance`, or by at most `relative` times the size of `b`.

    `b` is the reference. Both are 0 by default: exactly the same. False when either is not a number.
    """
    try:
        first = parse_number(a) if isinstance(a, str) else Fraction(a)
        second = parse_number(b) if isinstance(b, str) else Fraction(b)
    except (ValueError, TypeError, OverflowError):
        return False
    difference = abs(first - second)
    return difference == 0 or difference <= tolerance or difference <= Fraction(relative) * abs(second)
