"""Which questions stand in more than one split, or twice in one; and how to leave them out.

Questions are compared by their words and numbers: case, punctuation and white space do not count, so that a copy is
found however it was cleaned.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

from atp_lite.domains.problem import Problem

_SEPARATOR = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[0-9]*\.[0-9]+|\w+|[-+*/=%$]")


def normalise_question(text: str) -> str:
    """The question as its words, numbers and operators in lower case, one space between them.

    A question without words, a toy expression, stays as it is but for its white space: there parentheses count.

    >>> normalise_question("Tom’s pie costs $1,200.50.  How  much?")
    'toms pie costs $ 1200.50 how much'
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    if not _LETTER.search(text):
        return "".join(text.split())
    return " ".join(_WORD.findall(_SEPARATOR.sub("", re.sub(r"['’‘`]", "", text))))


def overlap(
    splits: Mapping[str, Iterable[Problem]], key: Callable[[str], str] = normalise_question
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Questions that two splits share: (first, second) -> the pairs (id in first, id in second).

    key: two questions are one if this makes the same text of them.

    Under (name, name) stand the repeats inside a split, each with the first of its kind. Pairs of splits that share
    nothing are left out, so an empty result means that the splits are clean.
    """
    first_ids: dict[str, dict[str, str]] = {}
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, problems in splits.items():
        seen = first_ids.setdefault(name, {})
        for problem in problems:
            question = key(problem.question)
            if question in seen:
                found.setdefault((name, name), []).append((seen[question], problem.id))
            else:
                seen[question] = problem.id
    for a, b in combinations(first_ids, 2):
        shared = [(first_ids[a][question], i) for question, i in first_ids[b].items() if question in first_ids[a]]
        if shared:
            found[a, b] = shared
    return found


def without_overlap(problems: Iterable[Problem], *held_out: Iterable[Problem]) -> list[Problem]:
    """The problems whose question stands in none of the `held_out` splits, in order: what may be trained on."""
    kept_back = {normalise_question(problem.question) for split in held_out for problem in split}
    return [problem for problem in problems if normalise_question(problem.question) not in kept_back]
