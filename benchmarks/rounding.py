"""What 8-bit weights of the live pages do to the bundled planners: `python -m benchmarks.rounding`, a CPU minute."""

from __future__ import annotations

from pathlib import Path

from atp_lab.compare.tables import markdown
from atp_lite.domains.sources import Sources
from atp_lite.evaluation import evaluate
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.views.live import BUNDLED, as_packed
from benchmarks.evidence import fill

PAGE = Path("docs/live.md")
HEADER = ["planner", "test questions", "right answers", "rounded", "right chains", "rounded", "same answers"]


def line(name: str) -> list[str]:
    """Of one bundled planner: how many are right before and after its weights are rounded."""
    planner = Planner.from_pretrained(CHECKPOINTS / name)
    problems = Sources(domain=planner.domain.name).load(None, "test")
    before, after = evaluate(planner, problems).outcomes, evaluate(as_packed(planner), problems).outcomes
    right = [sum(o.correct for o in found) for found in (before, after)]
    chains = [sum(bool(o.right_chain) for o in found) for found in (before, after)]
    same = sum(a.answer == b.answer for a, b in zip(before, after, strict=True))
    return [name, *(f"{n:,}" for n in (len(problems), *right, *chains, same))]


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text(), {"rounding": markdown(HEADER, [line(name) for name in BUNDLED])}))
