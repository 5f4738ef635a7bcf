"""Toy expressions: which steps they need, in which orders, and their canonical text.

One rule says which steps an expression needs:
- an operation that changes nothing needs none: `x*1`, `1*x`, `x+0`, `0+x`, `x-0`, where the 0 or 1 is written
  (also as `1*1`), not worked out: `(3-2)*5` takes two steps;
- redundant parentheses need none;
- a sub-expression that occurs twice (the same once the two rules above are applied) is worked out once.
What these three leave out is *decoration*; without the first two an expression is called its *core*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from atp_lite.domains.chains import Step, Worked, work
from atp_lite.domains.syntax import EquationError, Token, postfix, shorten

LARGEST_VALUE = 10**18
"""No number or intermediate value may be larger (in size) than this."""

_ATOM = re.compile(r"[0-9]+|\S")


def expression_tokens(question: str) -> list[str]:
    """The tokens of a question, one for each number, operator and parenthesis."""
    return _ATOM.findall(question)


def _whole_number(token: Token, text: str) -> int:
    digits = token.text.lstrip("0") or "0"
    if not token.text.isdigit() or len(digits) > 18:
        raise EquationError(
            f"{shorten(text)}: {shorten(token.text)} at position {token.position} is not a whole number "
            "below 10^18; write one such as 7"
        )
    return int(digits)


def _with_parentheses(atoms: list[str], opened: list[int], closed: list[int], start: int, end: int) -> str:
    return "".join("(" * opened[i] + atoms[i] + ")" * closed[i] for i in range(start, end + 1))


@dataclass(slots=True)
class _Part:
    """A sub-expression on the reader's stack. Spans are places in the list of numbers and operators."""

    value: int
    step: int | None  # the step that gives the value; None for a written number
    start: int
    end: int
    core_start: int
    core_end: int
    pairs: int = 0  # of parentheses typed round it


def read(text: str) -> Worked:
    """Read a toy expression of whole numbers, + - * and parentheses, in time linear in its length.

    Raises EquationError (a ValueError) for text that is no such expression, naming symbol and position:
    division, a minus before a number, decimals, and values beyond LARGEST_VALUE are refused.
    """
    order = list(postfix(text))
    terms = sorted((t for t in order if t.kind not in ("group", "negate", "%")), key=lambda t: t.position)
    place = {token.position: index for index, token in enumerate(terms)}
    atoms = [str(_whole_number(t, text)) if t.kind == "number" else t.kind for t in terms]
    # How many parentheses open before and close behind each atom, in the question and in the core.
    opened, closed = [0] * len(atoms), [0] * len(atoms)
    core_opened, core_closed = [0] * len(atoms), [0] * len(atoms)
    core_atoms = list(atoms)

    steps: list[Step] = []
    known: dict[tuple[object, ...], int] = {}  # (operator, left operand, right operand) -> its step
    stack: list[_Part] = []
    for token in order:
        if token.kind == "number":
            i = place[token.position]
            stack.append(_Part(int(atoms[i]), None, i, i, i, i))
        elif token.kind == "group":
            part = stack[-1]
            part.pairs += 1
            opened[part.start] += 1
            closed[part.end] += 1
        elif token.kind in ("+", "-", "*"):
            right, left = stack.pop(), stack.pop()
            for part in (left, right):
                if part.end > part.start and not part.pairs:  # an operation without its parentheses
                    opened[part.start] += 1
                    closed[part.end] += 1
            sign = place[token.position]
            kept = _unchanged_operand(token.kind, left, right)
            if kept is not None:
                dropped = right if kept is left else left
                core_atoms[dropped.core_start] = core_atoms[sign] = ""
                stack.append(_Part(kept.value, kept.step, left.start, right.end, kept.core_start, kept.core_end))
                continue
            for part in (left, right):
                if part.step is not None:
                    core_opened[part.core_start] += 1
                    core_closed[part.core_end] += 1
            value = work(left.value, token.kind, right.value)
            if value is None or abs(value) > LARGEST_VALUE:
                raise EquationError(
                    f"{shorten(text)}: the result at position {token.position} is beyond 10^18; use smaller numbers"
                )
            key = (
                token.kind,
                *((p.step, None) if p.step is not None else (None, p.value) for p in (left, right)),
            )
            if key not in known:
                known[key] = len(steps)
                steps.append(Step(left.value, token.kind, right.value, value, (left.step, right.step)))
            stack.append(_Part(value, known[key], left.start, right.end, left.core_start, right.core_end))
        else:
            name = {
                "/": "division",
                "//": "division",
                "%": "a percent sign",
                "negate": "a minus before a number",
            }[token.kind]
            raise EquationError(
                f"{shorten(text)}: {name} ({token.text!r} at position {token.position}) is not part of "
                "toy arithmetic; use + - * between whole numbers"
            )
    whole = stack[0]
    opened[whole.start] -= whole.pairs  # none round the whole
    closed[whole.end] -= whole.pairs
    return Worked(
        question=_with_parentheses(atoms, opened, closed, whole.start, whole.end),
        core=_with_parentheses(core_atoms, core_opened, core_closed, whole.core_start, whole.core_end),
        numbers=tuple(int(atom) for atom in atoms[::2]),
        steps=tuple(steps),
        value=whole.value,
    )


def _unchanged_operand(operator: str, left: _Part, right: _Part) -> _Part | None:
    """The operand that an operation merely hands on, or None where it does work."""
    neutral = 1 if operator == "*" else 0
    if right.step is None and right.value == neutral:
        return left
    if operator != "-" and left.step is None and left.value == neutral:
        return right
    return None
