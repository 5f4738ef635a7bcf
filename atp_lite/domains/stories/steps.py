"""What a story means as arithmetic: its sentences, read from the first to the last, as the steps its question needs.

Steps form a DAG, as those of toy expressions do, so chains are found and counted in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from atp_lite.domains.chains import Step, Worked, work
from atp_lite.domains.problem import Problem
from atp_lite.domains.stories.text import Sentence, parse
from atp_lite.domains.syntax import shorten


@dataclass(frozen=True)
class Story(Worked):
    """A story problem, read and worked out. Its core holds kinds of sentence, people by number, and numbers."""

    spare: tuple[int, ...]
    """Places of the sentences with a number that is not needed (distractors)."""


@dataclass(frozen=True)
class _Amount:
    """How many there are, and where that is from: a step, or the sentence that says so."""

    value: int
    step: int | None
    sentence: int


_SIGNS = {"more": "+", "fewer": "-", "times": "*", "twice": "*", "half": "/", "gain": "+", "lose": "-"}
_SIGNS |= {"share": "/", "pack": "/", "sell": "*", "share pool": "/"}


def work_out(sentences: Sequence[Sentence], text: str) -> Story:
    """What the sentences need as arithmetic, read from the first to the last.

    Raises ValueError that quotes `text` where somebody has nothing, gives more than there is, or a division has a rest.
    """
    amounts: dict[tuple[str, str], _Amount] = {}
    steps: list[Step] = []
    behind: list[set[int]] = []  # the sentences that each step reads its numbers from
    result: _Amount | None = None  # of the last event: a share, containers, dollars, a pool

    def number(value: int, at: int) -> _Amount:
        return _Amount(value, None, at)

    def step(left: _Amount, operator: str, right: _Amount, at: int) -> _Amount:
        a, b = left.value, right.value
        value = work(a, operator, b)
        if value is None:
            raise ValueError(f"{shorten(text)}: {a} cannot be divided by {b} without a rest; change a number")
        if value < 0:
            raise ValueError(f"{shorten(text)}: {a}-{b} is below zero; change a number")
        steps.append(Step(a, operator, b, value, (left.step, right.step)))
        behind.append({x.sentence for x in (left, right) if x.step is None} | {at})
        return _Amount(value, len(steps) - 1, at)

    def has(who: str, thing: str) -> _Amount:
        if (who, thing) not in amounts:
            raise ValueError(f"{shorten(text)}: how many {thing} {who or 'they'} had is not said; say it before")
        return amounts[who, thing]

    for at, s in enumerate(sentences):
        n = [number(value, at) for value in s.numbers]
        mine, theirs = (s.who, s.thing), (s.whom, s.thing)
        match s.kind:
            case "have" | "also":
                amounts[mine] = n[0]
            case "colours":
                amounts[mine] = step(n[0], "+", n[1], at)
            case "boxes":
                amounts[mine] = step(n[0], "*", n[1], at)
            case "more" | "fewer" | "times":
                amounts[mine] = step(has(*theirs), _SIGNS[s.kind], n[0], at)
            case "twice" | "half":
                amounts[mine] = step(has(*theirs), _SIGNS[s.kind], number(2, at), at)
            case "gain" | "lose":
                amounts[mine] = step(has(*mine), _SIGNS[s.kind], n[0], at)
            case "halve":
                amounts[mine] = step(has(*mine), "/", number(2, at), at)
            case "give":
                amounts[mine] = step(has(*mine), "-", n[0], at)
                amounts[theirs] = step(has(*theirs), "+", n[0], at)
            case "buy boxes":
                amounts[mine] = step(has(*mine), "+", step(n[0], "*", n[1], at), at)
            case "share" | "pack" | "sell" | "share pool":
                result = step(has(*mine), _SIGNS[s.kind], n[0], at)
            case "pool":
                amounts["", s.thing] = step(has(*mine), "+", has(*theirs), at)
            case "count":
                result = has(*mine)
            case "together":
                result = step(has(*mine), "+", has(*theirs), at)
            case "more than":
                result = step(has(*mine), "-", has(*theirs), at)
            case "fewer than":
                result = step(has(*theirs), "-", has(*mine), at)
    asked = [at for at, s in enumerate(sentences) if s.template.role == "question"]
    if asked != [len(sentences) - 1] or result is None:
        raise ValueError(f"{shorten(text)}: a story ends with its one question; write one such as How many ... now?")
    return _needed(sentences, text, steps, behind, result)


def _needed(
    sentences: Sequence[Sentence], text: str, steps: list[Step], behind: list[set[int]], result: _Amount
) -> Story:
    """The story with the steps alone that its result needs."""
    wanted = set() if result.step is None else {result.step}
    for i in range(len(steps) - 1, -1, -1):
        if i in wanted:
            wanted.update(steps[i].uses)
    order = sorted(wanted)
    place = {i: n for n, i in enumerate(order)}
    used = {result.sentence, len(sentences) - 1}.union(*(behind[i] for i in order))
    people: dict[str, int] = {}
    core = []
    for at in sorted(used):
        s = sentences[at]
        names = [people.setdefault(name, len(people)) for name in (s.who, s.whom) if name]
        core.append(" ".join(map(str, (s.kind, *names, *(("with", *s.numbers) if s.numbers else ())))))
    kept = [steps[i] for i in order]

    def moved(source: int | None) -> int | None:
        return None if source is None else place[source]

    return Story(
        question=text,
        core="; ".join(core),
        numbers=tuple(number for s in sentences for number in s.numbers),
        steps=tuple(replace(s, sources=(moved(s.sources[0]), moved(s.sources[1]))) for s in kept),
        value=result.value,
        spare=tuple(at for at, s in enumerate(sentences) if s.numbers and at not in used),
    )


@lru_cache(maxsize=50_000)
def story_of(text: str) -> Story:
    """A story read from its text. Raises ValueError that quotes the sentence which cannot be read or worked out."""
    return work_out(parse(text), text)


def read_story(text: str) -> Problem:
    """A typed story as a problem: its steps in the order of the text, its exact answer. Errors as in `story_of`.

    >>> read_story("Tom has 5 cards. He buys 3 more cards. How many cards does Tom have now?").steps
    ('5+3=8',)
    """
    story = story_of(text)
    return Problem(story.question, tuple(step.text for step in story.steps), str(story.value))
