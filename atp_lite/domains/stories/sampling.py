"""Random stories: their settings, and how a plot is drawn, sentence by sentence, with every result in range."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atp_lite.domains.made import MadeSettings, Split, random_stream, split_of_core
from atp_lite.domains.stories.steps import Story, story_of, work_out
from atp_lite.domains.stories.text import BOXES, COLOURS, NAMES, TEMPLATES, THINGS, Sentence, write

MOST_WORDS = 60
"""No generated story is longer, in words, numbers and signs."""

_PATIENCE = 20_000  # plots in a row without a new story before the space counts as exhausted
_WORD = re.compile(r"\w+|[^\w\s]")
_TEMPLATES = {kind: [t for t in TEMPLATES if t.kind == kind] for kind in dict.fromkeys(t.kind for t in TEMPLATES)}


@dataclass(frozen=True)
class StorySettings(MadeSettings):
    """What story problems look like."""

    max_leaf: int = 12
    """Numbers in the text are drawn from 2 to max_leaf."""
    max_distractors: int = 1
    """A story holds 0 to so many sentences (at most 3) whose number is not needed, each count equally likely."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(type(self.max_distractors) is int, "max_distractors", "use a whole number")
        self.check(0 <= self.max_distractors <= 3, "max_distractors", "use 0 to 3")
        self.check(self.max_leaf >= 5, "max_leaf", "use 5 or more")
        self.check(self.min_value >= 1, "min_value", "use 1 or more; nobody has less than one thing")

    @property
    def stream(self) -> tuple[object, ...]:
        return (self.seed, "stories")


class _DeadEnd(Exception):
    """No number fits here; another plot may do."""


class _Plot:
    """A story that is being told: who has how many by now, and how many steps are left to take."""

    def __init__(self, steps: int, settings: StorySettings, rng: random.Random) -> None:
        self.left = steps
        self.settings = settings
        self.rng = rng
        self.thing, self.other_thing = rng.sample(THINGS, 2)
        self.hero, self.second, self.bystander = rng.sample(NAMES, 3)
        self.have: dict[str, int] = {}
        self.changed: set[str] = set()  # who an event has happened to
        self.sentences: list[Sentence] = []

    def say(
        self, kind: str, who: str = "", whom: str = "", *numbers: int, which: int | None = None, **more: Any
    ) -> None:
        """Add a sentence of this kind; no event is told twice in the same words."""
        told = [s.template for s in self.sentences if s.template.role == "event"]
        templates = [t for t in _TEMPLATES[kind] if t not in told] if which is None else [_TEMPLATES[kind][which]]
        if not templates:
            raise _DeadEnd
        more.setdefault("thing", self.thing)
        self.sentences.append(Sentence(self.rng.choice(templates), who, whom, numbers, **more))

    def number(self, result: Callable[[int], float]) -> int:
        """A number from 2 to max_leaf whose result is a whole number in range."""
        low, high = self.settings.min_value, self.settings.max_value
        fitting = [n for n in range(2, self.settings.max_leaf + 1) if low <= result(n) <= high and result(n) % 1 == 0]
        if not fitting:
            raise _DeadEnd
        return self.rng.choice(fitting)

    def put(self, who: str, value: float, cost: int) -> None:
        """Note that `who` now has `value`, which took so many steps."""
        if not self.settings.min_value <= value <= self.settings.max_value or value % 1:
            raise _DeadEnd
        self.have[who] = int(value)
        self.left -= cost

    def introduce(self, who: str) -> None:
        """What somebody has from the start."""
        kind = self.rng.choice(["have", "have", "colours", "boxes"] if self.left else ["have"])
        a = self.number(lambda n: n)
        if kind == "have":
            self.say(kind, who, "", a)
            self.put(who, a, 0)
        elif kind == "colours":
            b = self.number(lambda n: a + n)
            self.say(kind, who, "", a, b, colours=tuple(self.rng.sample(COLOURS, 2)))
            self.put(who, a + b, 1)
        else:
            b = self.number(lambda n: a * n)
            self.say(kind, who, "", a, b, box=self.rng.choice(BOXES))
            self.put(who, a * b, 1)

    def compare(self, who: str, whom: str, differences: bool) -> None:
        """What somebody has, told by what another one has; takes a step. Without `differences` by a factor only."""
        base = self.have[whom]
        kind = self.rng.choice(["times", "twice", "half", *(["more", "fewer"] * differences)])
        if kind in ("twice", "half"):
            self.say(kind, who, whom)
            self.put(who, base * 2 if kind == "twice" else base / 2, 1)
            return
        result: dict[str, Callable[[int], int]] = {
            "times": lambda n: base * n if n > 2 else 0,
            "more": lambda n: base + n,
            "fewer": lambda n: base - n,
        }
        a = self.number(result[kind])
        self.say(kind, who, whom, a)
        self.put(who, result[kind](a), 1)

    def event(self, who: str, whom: str) -> None:
        """Something happens to `who`, in one step or two; where there is a `whom`, who may give to them (else "")."""
        v = self.have[who]
        kinds = ["gain", "gain", "lose", "lose", "halve"]
        if self.left >= 2:
            kinds += ["buy boxes", "buy boxes"] + (["give", "give"] if whom else [])
        kind = self.rng.choice(kinds)
        self.changed.add(who)
        if kind in ("gain", "lose"):
            a = self.number(lambda n: v + n if kind == "gain" else v - n)
            self.say(kind, who, "", a)
            self.put(who, v + a if kind == "gain" else v - a, 1)
        elif kind == "halve":
            self.say(kind, who)
            self.put(who, v / 2, 1)
        elif kind == "buy boxes":
            a = self.rng.randint(2, 5)
            b = self.number(lambda n: v + a * n)
            self.say(kind, who, "", a, b, box=self.rng.choice(BOXES))
            self.put(who, v + a * b, 2)
        else:
            a = self.number(lambda n: v - n)
            self.say(kind, who, whom, a)
            self.put(who, v - a, 1)
            self.put(whom, self.have[whom] + a, 1)
            self.changed.add(whom)

    def distract(self) -> None:
        """Add sentences whose number is not needed, each behind the first sentence of somebody in the story."""
        wanted = self.rng.randint(0, self.settings.max_distractors)
        kinds = ["have", "family", "age", "also"]  # the last one comes to stand closest
        for kind in sorted(self.rng.sample(kinds, wanted), key=kinds.index):
            who = self.rng.choice(list(self.have))
            first = next(i for i, s in enumerate(self.sentences) if s.who == who)
            end = self.sentences[first + 1 :]
            del self.sentences[first + 1 :]
            if kind == "have":
                self.say(kind, self.bystander, "", self.number(lambda n: n))
            elif kind == "also":
                self.say(kind, who, "", self.number(lambda n: n), thing=self.other_thing)
            else:
                a = self.rng.randint(*((5, self.settings.max_leaf) if kind == "age" else (2, 4)))
                self.say(kind, who, "", a, thing="")
            self.sentences += end

    def finish(self, ask: str, who: str, whom: str) -> None:
        """The last event, if any, and the question."""
        v, w = self.have[who], self.have.get(whom, 0)
        if ask == "count":
            self.say("count", who, which=0 if who in self.changed else 1)
        elif ask == "together":
            self.say("together", who, whom)
        elif ask == "difference":
            self.say("more than" if v > w else "fewer than", who, whom)
        elif ask == "pool":
            self.say("pool", who, whom)
            self.say("share pool", "", "", self.number(lambda n: (v + w) / n))
            self.say("each")
        elif ask == "share":
            self.say("share", who, "", self.number(lambda n: v / n))
            self.say("each")
        elif ask == "pack":
            box = self.rng.choice(BOXES)
            self.say("pack", who, "", self.number(lambda n: v / n), box=box)
            self.say("containers", who, thing="", box=box)
        else:
            self.say("sell", who, "", self.number(lambda n: v * n))
            self.say("dollars", who, thing="")


_ASKS = {"count": 0, "together": 1, "difference": 1, "pool": 2, "share": 1, "pack": 1, "sell": 1}
"""What a story may come to -> the steps it takes."""
_OF_BOTH = ("together", "difference", "pool")


def _draw(n: int, settings: StorySettings, rng: random.Random) -> _Plot:
    """A random plot that should need n steps; raises _DeadEnd where it does not come about."""
    asks = [ask for ask, cost in _ASKS.items() if cost <= n]
    ask = rng.choice(asks + [ask for ask in asks if ask in _OF_BOTH])  # two people make for several orders of steps
    plot = _Plot(n - _ASKS[ask], settings, rng)
    hero, second = plot.hero, plot.second
    both = ask in _OF_BOTH

    def meet(who: str, whom: str) -> None:
        if plot.left and rng.random() < 0.5:
            plot.compare(who, whom, differences=ask != "difference")
        else:
            plot.introduce(who)

    if both or (plot.left and rng.random() < 0.3):
        plot.introduce(second)
        if both and rng.random() < 0.4:  # the second one's story first, and only then the hero's
            for _ in range(rng.randint(0, 2)):
                if plot.left:
                    plot.event(second, "")
        if both:
            meet(hero, second)
        else:
            plot.compare(hero, second, differences=True)
    else:
        plot.introduce(hero)
    actors = [hero, second] if both else [hero]
    while plot.left > 0:
        who = rng.choice(actors)
        plot.event(who, (second if who == hero else hero) if both else "")
    plot.distract()
    plot.finish(ask, hero, second)
    return plot


def _is_fit(story: Story, n: int, settings: StorySettings) -> bool:
    """Whether the story needs n different steps, all with results in range."""
    texts, low, high = {step.text for step in story.steps}, settings.min_value, settings.max_value
    in_range = all(low <= step.value <= high for step in story.steps)
    return len(story.steps) == len(texts) == n and in_range


def sample_stories(n: int, count: int, split: Split, settings: StorySettings) -> list[str]:
    """Up to `count` distinct stories of n steps in the split, in random order; fewer where they run out.

    A story belongs to a split by the hash of its core, so a test story never comes back with other names, things,
    words or distractors. Every text is read back before it is kept.
    Raises RuntimeError for a text that does not mean what was drawn (a template would be at fault).
    """
    rng = random_stream(settings, "questions", split, n)
    found: dict[str, None] = {}
    misses = 0
    while len(found) < count and misses < _PATIENCE:
        misses += 1
        try:
            plot = _draw(n, settings, rng)
        except _DeadEnd:
            continue
        drawn = work_out(plot.sentences, "a drawn story")
        if not _is_fit(drawn, n, settings) or split_of_core(drawn.core) != split:
            continue
        text = write(plot.sentences, rng)
        if len(_WORD.findall(text)) > MOST_WORDS or text in found:
            continue
        read = story_of(text)
        if (read.core, read.steps, read.numbers) != (drawn.core, drawn.steps, drawn.numbers):
            raise RuntimeError(f"the story {text!r} reads as {read.core!r}, but {drawn.core!r} was drawn")
        found[text] = None
        misses = 0
    return list(found)
