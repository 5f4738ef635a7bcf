"""Answers in words: the marked or last number of a text, compared as an exact number. No eval, no rounding.

`equations.parse_number` reads a text that is one number and nothing else. Here the number stands among words, as a
language model or a written solution gives it: `She pays $1,234.50 in all.`
"""

from __future__ import annotations

import re
from fractions import Fraction

from atp_lite.domains.equations import parse_number, same_number
from atp_lite.domains.syntax import FRACTIONS, OTHER_AMOUNT, EquationError, respelled

_START = r"(?:(?<![\w.])|(?<=\.)(?<![0-9]\.)(?=[$0-9]))"  # not inside a word, a number or a version such as 1.2.3
_DIGITS = r"(?:[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_POWER = r"(?:\^|(?<=[0-9)])\*\*(?=[-−–{(0-9])|(?<=[0-9)] )\*\*(?=\s))"  # `**42**` is bold
_WRITTEN = re.compile(
    r"(?P<sign>(?<![\w)\]%])\$?[-−–])?"
    rf"(?P<power>{_POWER}\s*\{{?[-−–]?\s*|±\s*|(?:√|\bsqrt)\s*[({{]?\s*|(?<=[0-9]\.)(?:\(|\\overline\{{))?{_START}"
    r"(?:(?P<whole>[0-9]+) +(?=[0-9]+/[0-9]))?"
    rf"(?P<number>(?>\$?{_DIGITS}(?:(?:[.,:'’]|\s*/\s*\$?|\^\{{?-?|\*\*-?){_DIGITS})*))(?![\d_])(?!(?:st|nd|rd|th)\b)"
    rf"(?P<percent>\s?(?:%|per ?cent\b))?(?P<other>{OTHER_AMOUNT})?"
)
_GAP = r"[^\S\n]"  # a number ends with its line
_UNIT_POWER = re.compile(r"(?<=[^\W\d_])(?:\^|\*\*)\{?[-−–]?[0-9]+\}?")
_BOX = re.compile(r"\\f?box(?:ed)?\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_MARKERS = (
    re.compile(r"####([^\n]*)"),
    _BOX,
    re.compile(r"\banswer(?: is\b(?! not\b):?|\**:\**)([^\n]*)", re.IGNORECASE),
)
_OPERATOR = re.compile(r"\s*[-+*/×÷x·−–^]\s*[$(0-9]")
_WORKED_OUT = re.compile(r"[\s$(]*[0-9]+(?:[.,][0-9]+)*(?:[\s$()]*[-+*/×÷x·−–][\s$()]*[0-9]+(?:[.,][0-9]+)*)+[\s)]*=")


def _marked(text: str) -> tuple[str, bool] | None:
    """What stands behind the last marker of an answer, worked-out expressions left out, and whether it is in a box.

    None where no marker has a digit behind it.
    """
    for marker in _MARKERS:
        if found := [part for part in marker.findall(text) if re.search(r"[0-9]", part)]:
            worked_out = _WORKED_OUT.match(found[-1])
            return str(found[-1])[worked_out.end() if worked_out else 0 :], marker is _BOX
    return None


def _is_part(match: re.Match[str]) -> bool:
    """Whether it is a part of another number, such as the 3 of `10^3`, the 000 of `1  000`, the 1/2 of `2 and 1/2`."""
    before, number = match.string[max(0, match.start() - 40) : match.start()], match["number"]
    behind_and = re.search(rf"[0-9]{_GAP}+(?:and|&){_GAP}+\Z", before)
    return bool(
        match["power"]
        or match["other"] is not None
        or re.search(rf"[0-9%)]{_GAP}*/{_GAP}*\Z|\\[dtc]?frac\S*\Z", before)
        or re.match(r"0[0-9]", number)
        and re.search(rf"[0-9]{_GAP}+\Z", before)
        or re.match(r"[0-9]{3}(?![0-9])", number)
        and re.search(rf"(?<![0-9])[0-9]{{1,3}}(?:[,.'’][0-9]{{3}})*{_GAP}+\Z", before)
        or behind_and
        and ("/" in number or re.match(rf"\s{FRACTIONS}", match.string[match.end() :][:20]))
    )


def _goes_on(match: re.Match[str], behind: re.Match[str] | None = None) -> bool:
    """Whether the number behind it is a part of it."""
    if behind is None or not _is_part(behind):
        return False
    return re.fullmatch(rf"{_GAP}*(?:/|&|and\b)?{_GAP}*", match.string[match.end() : behind.start()]) is not None


def _last(text: str) -> tuple[Fraction, bool] | None:
    """The number meant by the text, and whether it is a percentage."""
    text = respelled(_UNIT_POWER.sub("", text))
    marked, in_box = _marked(text) or (None, False)
    matches = list(_WRITTEN.finditer(text if marked is None else respelled(marked.strip())))
    if not matches or in_box and sum(not match["power"] for match in matches) > 1:
        return None
    match = matches[-1 if marked is None else 0]
    if _is_part(match) or (
        marked is not None and (_OPERATOR.match(match.string, match.end()) or _goes_on(*matches[:2]))
    ):
        return None  # a part of another number is no answer
    try:
        value = parse_number(match["number"] + ("%" if match["percent"] else ""))
        if match["whole"] and value < 1:  # 2 1/2; in `7 48/2` the 7 is a number of its own
            value += parse_number(match["whole"])
    except EquationError:
        return None
    return (-value if match["sign"] else value), match["percent"] is not None


def last_number(text: str) -> Fraction | None:
    """The number that answers, exactly: the one behind a marker, otherwise the last; None where it cannot be read.

    Markers are `####`, `\\boxed{}`, `the answer is` and `answer:`. Reads what `parse_number` reads (`1,234.5`, `$3`,
    `-$3`, `25%` as 1/4, `3/4`, `1e3`), also among words, with a unit (`5kg`, `12 apples`), before a full stop, and a
    mixed number (`2 1/2`). A number is never part of another number or of a word: the last number of `14` is 14, and
    `x2` has none. A minus is a sign unless something is written directly before it: the last number of `10-4` is 4.
    Times (`3:30`), powers (`10^3`), decimal commas (`12,5`), `2 and a half`, `3 million` and a box of several numbers
    are none, rather than a part of one.

    >>> last_number("She has 3 bags, so she pays $1,200.")
    Fraction(1200, 1)
    """
    found = _last(text)
    return None if found is None else found[0]


def same_answer(text: str, reference: str | Fraction, relative: Fraction | float = 0) -> bool:
    """Whether the last number of `text` is the reference, up to `relative` times its size (0: exactly).

    A percentage answers in either unit: `25%` is 0.25 and, where percent were asked for, 25. GSM-Hard's references
    carry floating-point noise: compare them with a relative tolerance such as 1e-6.
    False where the text has no number or the reference is none.
    """
    found = _last(text)
    if found is None:
        return False
    value, is_percentage = found
    readings = (value, 100 * value) if is_percentage else (value,)
    return any(same_number(reading, reference, relative=relative) for reading in readings)


def is_right(answer: str, reference: str, relative: Fraction | float = 0) -> bool:
    """Whether a model's answer is the reference: the same number where that is one, otherwise the same text.

    White space at the ends does not count. No answer is right where the reference is empty, that is, unknown.

    >>> is_right("08", "8"), is_right(" D", "D"), is_right("d", "D"), is_right("", "")
    (True, True, False, False)
    """
    try:
        number = parse_number(reference)
    except EquationError:
        return bool(reference.strip()) and answer.strip() == reference.strip()
    return same_number(answer, number, relative=relative)


def write_number(value: Fraction) -> str:
    """The number as plain text that `parse_number` reads back: a decimal where it ends, otherwise a fraction.

    No exponent, no thousands separators, no trailing zeros.

    >>> write_number(Fraction(5, 4)), write_number(Fraction(-2, 3)), write_number(Fraction(1000))
    ('1.25', '-2/3', '1000')
    """
    places, rest = 0, value.denominator
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        places = max(places, count)
    if rest != 1:
        return str(value)
    if not places:
        return str(value.numerator)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
