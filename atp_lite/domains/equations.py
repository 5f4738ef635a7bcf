"""Safe, exact arithmetic on text: numbers, expressions, equations such as `16-3-4=9`.

Everything is a `Fraction`: no rounding, no eval, no recursion. Used to check written steps (decoded thoughts,
the annotations of a benchmark) and to compare answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from atp_lite.domains.syntax import NUMBER, OTHER_AMOUNT, EquationError, Token, postfix, respelled, shorten

MAX_DIGITS = 300
"""The longest numerator or denominator, in decimal digits, that is worked with."""
MAX_EXPONENT = 30
"""The largest power of ten in a number such as `1e3`."""

_MAX_BITS = int(MAX_DIGITS * 3.3219280948873623)
_SIGNED = re.compile(
    r"(?P<sign>[-−–+]?)(?:(?P<whole>[0-9]+) +(?=[0-9]+/))?"
    rf"(?P<top>{NUMBER})(?:(?P<percent>%)|\s*/\s*(?P<under>{NUMBER}))?"
    rf"|\$[-−–](?P<behind_dollar>{NUMBER})"
)

_UNIT = re.compile(rf"(?s)(.*?[0-9%.])(?!{OTHER_AMOUNT})\s*(?:[^\W\d_][^\d=]{{0,60}}|°[^\d=]{{0,60}})")
_TIMES = re.compile(r"(?<=[0-9)%])\s*[xX]\s*(?=[0-9($.])")
_ANNOTATED = re.compile(r"([^<>]*)<<([^<>]*)>>([^<>]*)")


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

    Reads `7`, `-7`, `+7`, `.5`, `5.`, `1,234.5`, `$3`, `-$3`, `25%` (1/4), `3/4`, `2 1/2`, `1e3` and what `respelled`
    makes of other spellings; white space around it is dropped. A comma before one or two digits is not read: in some
    countries it is a decimal point, in others nothing. `50%/2` is an expression, no number.
    Raises EquationError for anything else, for a zero denominator, and for numbers too large to be meant (more than
    MAX_DIGITS digits, an exponent beyond MAX_EXPONENT).
    """
    stripped = text.strip()
    match = _SIGNED.fullmatch(stripped)
    if match is None:
        stripped = respelled(stripped).strip()
        match = _SIGNED.fullmatch(stripped)
    if match is None or re.search(r"[0-9]\.(?![0-9]|\Z)", stripped):  # `5.`, but neither `5.%` nor `5./6`
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
    if match["whole"]:
        if value >= 1:
            raise EquationError(
                f"{shorten(text)}: a mixed number needs a fraction below 1 at position {match.start('top')}"
            )
        value += int(match["whole"])
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
    """Read `lhs=rhs`: an expression on the left, one number or fraction on the right, a unit behind it or none.

    Also reads `3 x 4=12`, calculator annotations (`<<lhs=rhs>>`, `lhs=<<lhs=rhs>>rhs`) and a chained equality
    (`3+4=7=7`) whose parts behind the first agree; the last one is the claim.
    Raises EquationError where there is no equals sign, a side cannot be read, or the parts do not agree.
    """
    inner = text.strip()
    if annotated := _ANNOTATED.fullmatch(inner):
        before, inner, after = (part.strip(" =") for part in annotated.groups())
        equation = parse_equation(inner)
        if before and _side(before)[0] != equation.value or after and _claim(after) != equation.rhs:
            place = f"around << >> at position {annotated.start(2)}"
            raise EquationError(f"{shorten(text)}: what stands {place} is not what stands in it; make them agree")
        return equation
    lhs, *others = inner.split("=")
    if not others:
        raise EquationError(f"{shorten(text)}: no '=' at position {len(inner)}; write one equation such as 3+4=7")
    value, operands = _side(lhs)
    rhs = _claim(others[-1])
    for part in others[:-1]:
        if _side(part)[0] != rhs:
            raise EquationError(
                f"{shorten(text)}: {part.strip()!r} at position {inner.index(part)} is not {rhs}; the parts behind the "
                "first '=' must agree"
            )
    return Equation(inner, _TIMES.sub("*", lhs).strip(), rhs, operands, value)


def _side(text: str) -> tuple[Fraction, tuple[Fraction, ...]]:
    return _work_out(_TIMES.sub("*", text))


def _claim(text: str) -> Fraction:
    """The number on the right of an equation; a unit behind it is left out."""
    unit = _UNIT.fullmatch(text)
    return parse_number(unit[1] if unit else text)


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
