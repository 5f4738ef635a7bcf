"""What became of edited thoughts (see `interventions`), and what many edits add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from atp_lite.evaluation.metrics import Estimate, mean_interval, wilson

Response = Literal["follows", "stays", "neither"]
RESPONSES: tuple[Response, ...] = ("follows", "stays", "neither")
EDITS = ("swap-all", "swap", "borrowed", "typed", "noise", "same-text")
"""In the order of tables: interventions, then their controls."""
SHARES = {f"answer_{response}": f"answer {response}, %" for response in RESPONSES}
SHARES |= {f"rest_{response}": f"later steps: {response}, %" for response in RESPONSES}
SHARES |= {"rest_arrives": "they arrive, %", "reads": "reads as put in, %"}
"""Shares of an edit as a table calls them."""
CHANGES = {"shift": "answer's distribution moves by, %", "answer_changed": "answer changes, %"}
CHANGES |= {"rest_changed": "later steps change, %"}
"""How much a thought matters, as a table calls it."""


@dataclass(frozen=True)
class Effect:
    """What one edit changed. None: nobody can tell."""

    position: int
    """Of the problem among those given."""
    edit: str
    """One of EDITS."""
    place: int
    """Of the step that was replaced, from 1; 0 for all of them."""
    answer: Response | None
    rest: Response | None
    """Of the decoded steps after the edit, where there were some before it."""
    rest_arrives: bool | None
    """Whether they follow, and the last one gives the answer."""
    reads: bool | None
    """Whether the decoder reads the thought as what was put in (noise: as before)."""
    answer_changed: bool
    rest_changed: bool | None
    """Whether a later step differs from before the edit; None where there was none."""
    shift: float
    """Total variation distance between the distributions of the answer's first token before and after the edit."""


@dataclass(frozen=True)
class Causes:
    """Every edit of every problem, and what they add up to."""

    problems: int
    """How many were given."""
    edited: int
    """How many of them were edited: those with a right chain."""
    effects: list[Effect]

    def shares(self, edit: str, place: int | None = None) -> dict[str, Estimate]:
        """Shares of the outcomes of one edit, named as in SHARES, with Wilson intervals over problems.

        place: of one thought; None takes the mean over the places of each problem, then over problems.
        """
        own = [e for e in self.effects if e.edit == edit and place in (None, e.place)]
        found: dict[str, list[tuple[int, bool]]] = {}
        for what in ("answer", "rest"):
            known = [(e.position, getattr(e, what)) for e in own if getattr(e, what) is not None]
            found |= {f"{what}_{response}": [(i, value == response) for i, value in known] for response in RESPONSES}
        for name in ("rest_arrives", "reads"):
            found[name] = [(e.position, getattr(e, name)) for e in own if getattr(e, name) is not None]
        return {name: _by_problem(hits) for name, hits in found.items() if hits}

    def matters(self) -> dict[int, dict[str, Estimate]]:
        """How much each thought matters, by its place: what changes when it is swapped, named as in CHANGES.

        What the later thoughts pass on, which are thought anew, is part of it. `shift` is a mean with its normal
        interval, the others are shares of problems.
        """
        found: dict[int, dict[str, Estimate]] = {}
        swaps = [e for e in self.effects if e.edit == "swap"]
        for place in sorted({e.place for e in swaps}):
            own = [e for e in swaps if e.place == place]
            found[place] = {"shift": mean_interval([e.shift for e in own], share=True)}
            for name in ("answer_changed", "rest_changed"):
                if hits := [getattr(e, name) for e in own if getattr(e, name) is not None]:
                    found[place][name] = wilson(sum(hits), len(hits))
        return found

    def to_json(self) -> dict[str, Any]:
        """Everything but the single effects, as plain values; places are text, and `all` is their mean."""

        def plain(metrics: dict[str, Estimate]) -> dict[str, Any]:
            return {name: estimate.to_json() for name, estimate in metrics.items()}

        edits: dict[str, dict[str, Any]] = {}
        for name in EDITS:
            places = sorted({e.place for e in self.effects if e.edit == name and e.place})
            found = {"all": self.shares(name)} | {str(place): self.shares(name, place) for place in places}
            edits |= {name: {key: plain(shares) for key, shares in found.items()}} if found["all"] else {}
        matters = {str(place): plain(changes) for place, changes in self.matters().items()}
        return {"problems": self.problems, "edited": self.edited, "edits": edits, "matters": matters}

    def to_markdown(self) -> str:
        """Two tables: what follows from each edit, and how much the thought at each place matters."""
        edits = _table("edit", {name: self.shares(name) for name in EDITS}, SHARES)
        places = _table("thought swapped", {str(place): found for place, found in self.matters().items()}, CHANGES)
        return f"{self.edited} of {self.problems} problems have a right chain, and are edited.\n\n{edits}\n\n{places}"


def _by_problem(hits: Sequence[tuple[int, bool]]) -> Estimate:
    """The mean over problems of each one's share of hits. hits: pairs of a problem's position and whether it is one."""
    found: dict[int, list[bool]] = defaultdict(list)
    for position, hit in hits:
        found[position].append(hit)
    return wilson(sum(sum(own) / len(own) for own in found.values()), len(found))


def _table(first: str, rows: dict[str, dict[str, Estimate]], labels: dict[str, str]) -> str:
    """Rows of percentages with the labels that any of them has; problems are the most of a row."""
    rows = {name: found for name, found in rows.items() if found}
    used = {key: label for key, label in labels.items() if any(key in found for found in rows.values())}
    lines = [f"| {first} | problems | " + " | ".join(used.values()) + " |", "|---" * (len(used) + 2) + "|"]
    for name, found in rows.items():
        cells = [found[key].percent() if key in found else "" for key in used]
        lines.append(f"| {name} | {max(e.n for e in found.values())} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
