"""The language of story problems: its sentences, written and read back by the same templates.

A sentence is a template with its slots filled. `write` puts pronouns for names and an occasional "Then"; `parse` gives
the same sentences back, whoever wrote the text. What they mean, as arithmetic, stands in steps.py.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from atp_lite.domains.syntax import shorten

BOYS = ("Tom", "Ben", "Sam", "Leo", "Omar", "Jack")
GIRLS = ("Anna", "Mia", "Lily", "Sara", "Ella", "Nina")
NAMES = BOYS + GIRLS
THINGS = ("marbles", "stickers", "stamps", "cards", "buttons", "beads", "pencils", "crayons")
BOXES = ("bags", "boxes", "packs")
COLOURS = ("red", "blue", "green", "yellow")


@dataclass(frozen=True)
class Template:
    """One form of sentence. Slots: {who} {whom} people, {a} {b} numbers, {thing} {box} {colour} {colour2} {his}."""

    kind: str
    """What it means; templates of one kind mean the same."""
    text: str
    role: str
    """`fact` holds from the start, `event` changes something, `end` is the last event, `question` asks."""


TEMPLATES = tuple(
    Template(kind, text, role)
    for role, kind, *texts in (
        ("fact", "have", "{who} has {a} {thing}."),
        ("fact", "also", "{who} also has {a} {thing}."),
        ("fact", "colours", "{who} has {a} {colour} {thing} and {b} {colour2} {thing}."),
        ("fact", "boxes", "{who} has {a} {box} with {b} {thing} in each."),
        ("fact", "more", "{who} has {a} more {thing} than {whom}."),
        ("fact", "fewer", "{who} has {a} fewer {thing} than {whom}."),
        ("fact", "times", "{who} has {a} times as many {thing} as {whom}."),
        ("fact", "twice", "{who} has twice as many {thing} as {whom}."),
        ("fact", "half", "{who} has half as many {thing} as {whom}."),
        ("fact", "age", "{who} is {a} years old."),
        ("fact", "family", "{who} has {a} sisters.", "{who} has {a} brothers."),
        ("event", "gain", "{who} finds {a} more {thing}.", "{who} buys {a} more {thing}."),
        ("event", "gain", "{who} gets {a} more {thing} from a friend."),
        ("event", "lose", "{who} loses {a} {thing}.", "{who} sells {a} {thing}."),
        ("event", "lose", "{who} gives {a} {thing} to a friend."),
        ("event", "give", "{who} gives {a} {thing} to {whom}."),
        ("event", "buy boxes", "{who} buys {a} {box} with {b} {thing} in each."),
        ("event", "halve", "{who} sells half of {his} {thing}.", "{who} gives half of {his} {thing} to a friend."),
        ("end", "share", "{who} shares all {his} {thing} equally among {a} friends."),
        ("end", "pack", "{who} puts all {his} {thing} into {box} of {a}."),
        ("end", "sell", "{who} sells all {his} {thing} for {a} dollars each."),
        ("end", "pool", "{who} and {whom} put all their {thing} together."),
        ("end", "share pool", "They share the {thing} equally among {a} friends."),
        ("question", "count", "How many {thing} does {who} have now?", "How many {thing} does {who} have?"),
        ("question", "together", "How many {thing} do {who} and {whom} have together?"),
        ("question", "more than", "How many more {thing} does {who} have than {whom}?"),
        ("question", "fewer than", "How many fewer {thing} does {who} have than {whom}?"),
        ("question", "each", "How many {thing} does each friend get?"),
        ("question", "containers", "How many {box} does {who} need?"),
        ("question", "dollars", "How many dollars does {who} get?"),
    )
    for text in texts
)


@dataclass(frozen=True)
class Sentence:
    """A template with its slots filled; slots that it lacks stay empty."""

    template: Template
    who: str = ""
    whom: str = ""
    numbers: tuple[int, ...] = ()
    thing: str = ""
    box: str = ""
    colours: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.template.kind


def _pronoun(name: str) -> str:
    return "he" if name in BOYS else "she"


def write(sentences: Sequence[Sentence], rng: random.Random) -> str:
    """The sentences as a text. A pronoun stands where it can mean nobody but the subject just named."""
    written: list[str] = []
    before: Sentence | None = None
    for sentence in sentences:
        who, role = sentence.who, sentence.template.role
        if before is not None and before.who == who and role != "question" and sentence.kind != "pool":  # noqa: SIM102
            if not before.whom or _pronoun(before.whom) != _pronoun(who):
                who = _pronoun(who)
        text = sentence.template.text.format(
            who=who,
            whom=sentence.whom,
            thing=sentence.thing,
            box=sentence.box,
            his="his" if sentence.who in BOYS else "her",
            **dict(zip(("colour", "colour2"), sentence.colours, strict=False)),
            **dict(zip("ab", sentence.numbers, strict=False)),
        )
        if role in ("event", "end") and rng.random() < 0.4 and not written[-1].startswith("Then "):
            text = "Then " + text.replace("They ", "they ")
        written.append(text[0].upper() + text[1:])
        before = sentence
    return " ".join(written)


_SLOTS = {
    "who": "|".join((*NAMES, "[Hh]e", "[Ss]he")),
    "whom": "|".join(NAMES),
    "a": "#",
    "b": "#",
    "thing": "|".join(THINGS),
    "box": "|".join(BOXES),
    "colour": "|".join(COLOURS),
    "colour2": "|".join(COLOURS),
    "his": "his|her",
}


def _pattern(template: Template) -> re.Pattern[str]:
    """The regular expression of a sentence in which every number has become `#`."""
    seen: set[str] = set()
    pattern = ""
    for part in re.split(r"(\{\w+\})", template.text):
        name = part[1:-1]
        if not part.startswith("{"):
            pattern += re.escape(part).replace("They", "[Tt]hey")
        elif name in seen:
            pattern += f"(?P={name})"
        else:
            seen.add(name)
            pattern += f"(?P<{name}>{_SLOTS[name]})"
    return re.compile(pattern)


_PATTERNS = tuple((template, _pattern(template)) for template in TEMPLATES)
_NUMBER = re.compile(r"[0-9]+")
_END = re.compile(r"(?<=[.?])\s+")


@lru_cache(maxsize=50_000)
def _recognise(sentence: str) -> tuple[Template, dict[str, str]] | None:
    """The template and slots of a sentence whose numbers have become `#`."""
    body = sentence.removeprefix("Then ")
    for template, pattern in _PATTERNS:
        match = pattern.fullmatch(body)
        if match and (body == sentence or template.role in ("event", "end")):
            return template, match.groupdict()
    return None


def parse(text: str) -> list[Sentence]:
    """The sentences of a story; pronouns become the name they stand for.

    Raises ValueError that quotes the sentence which is none of the language, or whose pronoun has nobody to stand for.
    """
    sentences: list[Sentence] = []
    for written in _END.split(text.strip()):
        found = _recognise(_NUMBER.sub("#", written))
        if found is None:
            raise ValueError(
                f"{shorten(text)}: the sentence {shorten(written)} is none that a story is made of; write it like "
                "those of `atp-lite data --domain stories`"
            )
        template, slots = found
        who = slots.get("who", "")
        if who.lower() in ("he", "she"):
            before = sentences[-1].who if sentences else ""
            if not before or _pronoun(before) != who.lower():
                raise ValueError(f"{shorten(text)}: {who!r} in {shorten(written)} stands for nobody; write the name")
            who = before
        colours = tuple(slots[name] for name in ("colour", "colour2") if name in slots)
        numbers = tuple(int(number) for number in _NUMBER.findall(written))
        sentences.append(
            Sentence(
                template, who, slots.get("whom", ""), numbers, slots.get("thing", ""), slots.get("box", ""), colours
            )
        )
    return sentences


def text_words() -> list[str]:
    """Every word and sign that a story may hold, numbers left out, in alphabetical order."""
    fixed = " ".join(re.sub(r"\{\w+\}", " ", template.text) for template in TEMPLATES)
    words = set(re.findall(r"[A-Za-z]+|[.?]", fixed)) | {"Then", "they", "he", "He", "she", "She", "his", "her"}
    return sorted(words | {*NAMES, *THINGS, *BOXES, *COLOURS})
