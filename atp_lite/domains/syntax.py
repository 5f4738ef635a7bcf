"""Reading arithmetic text: tokens, and their order of evaluation (postfix).

The one reader behind equations.py and expressions.py. Linear in the length of the text, without recursion and
without eval, so text written by a language model can be read safely.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SAME_SYMBOL = {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"}
"""Other ways to write an operator (times, middle dot, division, Unicode minus, en dash) -> ours."""

NUMBER = (
    r"\$?(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9])|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?![0-9])|[0-9]+)(?:\.[0-9]*)?"
    r"|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
)
"""A number without its sign: `7`, `1,234.5`, `1,00,000`, `.5`, `5.`, `$3`, `1e3`."""

FRACTIONS = r"(?:half|halve|third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth|hundredth)s?\b"
OTHER_AMOUNT = (
    r"[⁰¹²³⁴-⁹₀-₉‰]|\s?π|\s?(?=√)|[\s-]?(?:hundred|thousand|million|billion|trillion|lakh|crore|mil|mn|bn)s?\b(?!-)"
    r"|\s?[kK]\b|M\b|\s(?:halve|third|fifth|sixth|seventh|eighth|ninth|tenth|hundredth)s\b|\s(?:squared|cubed)\b"
    rf"|\s+and\s+(?:an?|one|two|three|[0-9]+)\s+{FRACTIONS}|[^\W\d_]+[0-9]|\.(?:\([0-9]|\\overline)"
    r"|(?<=\.[0-9]{2})\s?[ap]\.?m\b"
)
"""What stands behind a number and makes it another one: `2 and a half`, `3 million`, `2 thirds`, a superscript, the
letters and digits of `0x1F` and `7h30`, the repeating digits of `0.(3)`, the minutes of `7.30pm`. It is not read."""

_TOKEN = re.compile(rf"\s*(?:(?P<number>{NUMBER})|(?P<symbol>//|\S))")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "negate": 3}


_CHARACTERS: dict[int, int | str | None] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_CHARACTERS |= dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u200a\u202f\u3000"), " ")
_CHARACTERS |= dict.fromkeys(map(ord, "\u2010\u2011\u2012\ufe63"), "-") | dict.fromkeys(map(ord, "\u2044\u2215"), "/")
_CHARACTERS |= dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF], None)
"""Full-width signs, spaces, hyphens and slashes as ASCII has them; what nobody sees is left out."""


def _fraction(match: re.Match[str]) -> str:
    sign, over, under = (match[1], match[2], match[3]) if match[2] else ("", match[4], match[5])
    behind_digit = match.string[: match.start()][-1:].isdigit()
    return f"{' ' if behind_digit else ''}{sign}{over}/{under}"


_SPELLINGS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"\\[dtc]?frac(?:\{(-?)([0-9][0-9,.]*)\}\{([0-9][0-9,.]*)\}|([0-9])([0-9]))", _fraction),
    (r"\\(?:times|cdot)(?![a-z])", "×"),
    (r"\\pi(?![a-z])", "π"),
    (r"\\sqrt(?![a-z])", "√"),
    (
        r"(?:(?<=[0-9]) +)?([¼-¾⅐-⅞])",
        lambda match: " " + unicodedata.normalize("NFKC", match[1]).replace("\u2044", "/"),
    ),
    (r"(?<=[0-9])(?:\{,\}|\\[,;: ]|~)(?=[0-9]{3})", ","),
    (
        r"(?<![\w.,:'’/])[1-9][0-9]{0,2}(?:([ '’])[0-9]{3})(?:\1[0-9]{3})*(?![\w'’]|[,:][0-9])",
        lambda match: re.sub("[ '’]", ",", match[0]),
    ),
    (r"(\A|[=:(≈]|\b(?:is|equals)\b)\s*(?:[-−–]|(?i:minus|negative))\s+(?=[$.0-9])", r"\1 -"),
    (r"(?<![\w-])(?i:negative)\s+(?=[$.0-9])", "-"),
)


def respelled(text: str) -> str:
    """The text with its numbers in the spelling of NUMBER and `1/2`.

    Full-width digits, `1 000`, `1'234`, `1½`, `1 ½`, `- 7` and `minus 7` at the beginning, `negative 7`, hyphens and
    slashes of other kinds, and LaTeX's `\\frac{1}{2}` and `1{,}234`.
    """
    text = text.translate(_CHARACTERS)
    for pattern, spelling in _SPELLINGS:
        text = re.sub(pattern, spelling, text)
    return text


class EquationError(ValueError):
    """Text that cannot be read or worked out. The message names the text, the position and the way out."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an arithmetic text."""

    kind: str
    """`number`, one of `+ - * / // % ( )`, or from `postfix` also `negate` and `group`."""
    text: str
    """The token as it was typed."""
    position: int
    """Index of its first character in the text."""


def shorten(text: str, limit: int = 60) -> str:
    """The text in quotes, cut in the middle to about `limit` characters, for an error message."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}...{text[-limit // 4 :]}"
    return repr(text)


def tokenize(text: str) -> list[Token]:
    """Cut the text into numbers, operators and parentheses; white space is dropped.

    Raises EquationError at a symbol that is none of them.
    """
    tokens = []
    for match in _TOKEN.finditer(text.rstrip()):
        symbol = match["number"] or match["symbol"]
        start = match.end() - len(symbol)
        kind = "number" if match["number"] else SAME_SYMBOL.get(symbol, symbol)
        if kind != "number" and kind not in _PRECEDENCE and kind not in "%()":
            way_out = "use numbers, + - * / % and parentheses"
            raise EquationError(f"{shorten(text)}: unknown symbol {symbol!r} at position {start}; {way_out}")
        tokens.append(Token(kind, symbol, start))
    return tokens


def postfix(text: str) -> Iterator[Token]:
    """The tokens in the order in which a stack machine needs them (Dijkstra's shunting-yard algorithm).

    A `number` puts a value on the stack; `+ - * / //` replace the two upper values by one; `negate` and `%`
    change the upper value; `group` says that the upper value was written in parentheses (its token is the
    closing one). `*` and `/` bind tighter than `+` and `-`, all from left to right; a minus before
    an operand binds tighter than they do, `%` behind one tighter still.
    Raises EquationError for empty text, a missing operand or operator, and unbalanced parentheses.
    """
    tokens = tokenize(text)
    if not tokens:
        raise EquationError(f"{shorten(text)}: the expression is empty; write one such as (3+4)*2")
    waiting: list[Token] = []
    value_expected = True
    for token in tokens:
        kind = token.kind
        if value_expected:
            if kind == "number":
                yield token
                value_expected = False
            elif kind == "(":
                waiting.append(token)
            elif kind == "-":
                waiting.append(Token("negate", token.text, token.position))
            elif kind == "+":
                pass  # a plus before an operand says nothing
            else:
                raise EquationError(
                    f"{shorten(text)}: a number is missing before {token.text!r} at position "
                    f"{token.position}; write one there"
                )
        elif kind == "%":
            yield token
        elif kind == ")":
            while waiting and waiting[-1].kind != "(":
                yield waiting.pop()
            if not waiting:
                raise EquationError(
                    f"{shorten(text)}: the parenthesis closed at position {token.position} was never opened; "
                    "remove it or open it"
                )
            waiting.pop()
            yield Token("group", token.text, token.position)
        elif kind in _PRECEDENCE:
            while waiting and _PRECEDENCE.get(waiting[-1].kind, 0) >= _PRECEDENCE[kind]:
                yield waiting.pop()
            waiting.append(token)
            value_expected = True
        else:
            raise EquationError(
                f"{shorten(text)}: an operator is missing before {token.text!r} at position "
                f"{token.position}; write + - * or / there"
            )
    if value_expected:
        raise EquationError(
            f"{shorten(text)}: a number is missing at the end (position {len(text)}); write it or remove "
            f"{tokens[-1].text!r}"
        )
    while waiting:
        token = waiting.pop()
        if token.kind == "(":
            raise EquationError(
                f"{shorten(text)}: the parenthesis opened at position {token.position} is never closed; close it"
            )
        yield token
