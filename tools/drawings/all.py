"""Every drawing by its file, and the writing of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.drawings import course, learning, thinking
from tools.drawings.hand import Sketch

OUT = Path(__file__).resolve().parents[2] / "docs" / "img"
IDEAS: dict[str, Callable[[], Sketch]] = {
    "loop": thinking.loop,
    "shapes": thinking.shapes,
    "curriculum": learning.curriculum,
    "step-encoder": learning.step_encoder,
    "superposed": thinking.superposed,
    "group": learning.group,
    "verifier": learning.verifier,
    "estimators": learning.estimators,
    "ages": thinking.ages,
}
"""`docs/img/idea-NAME.svg`"""


def drawings() -> dict[str, str]:
    """File name -> SVG: the ideas, the map, and the map as each notebook shows it."""
    drawn = {f"idea-{name}.svg": draw().svg() for name, draw in IDEAS.items()}
    drawn["map.svg"] = course.course_map().svg()
    for _, places in course.ROOMS:
        drawn |= {f"map-{number}.svg": course.course_map(number).svg() for number, _ in places}
    return drawn


def main() -> int:
    for name, svg in drawings().items():
        (OUT / name).write_text(svg, encoding="utf-8")
    return 0
