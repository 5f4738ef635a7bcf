"""The hand that draws: boxes, words, thoughts, clouds and arrows, with one meaning for every colour.

Blue is words, orange is thoughts, grey is a network, green is right, red is wrong. No colour stands alone: words have
corners and text, thoughts are round strips of cells, right and wrong have their marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from atp_lite.views.palette import FONT

WIDTH = 440
MONO = 9.1
"""Pixels that one character of code takes, at most."""
STYLE = """
.page { fill: #ffffff } .part { fill: #eef1f4; stroke: #7b8894 } .note { fill: none; stroke: none }
.word { fill: #dcecf9; stroke: #0072b2 } .thought { fill: #fdecc8; stroke: #b87400 } .cell { fill: #b87400 }
.right { fill: #d8f1e8; stroke: #00805d } .wrong { fill: #fbe3d6; stroke: #c04f00 } .cloud { fill: #e69f00 }
.plain { fill: #ffffff; stroke: #7b8894 } .frame { fill: none; stroke: #7b8894; stroke-dasharray: 6 5 }
.dot { fill: #1d2126 } .rule { stroke: #c3cbd2 }
text { fill: #1d2126; font: 15px FONT }
.name { font-weight: 700; font-size: 17px } .code { font: 15px ui-monospace, "DejaVu Sans Mono", monospace }
.soft { fill: #4d5862 }
.way, .back, .learn, .lose { fill: none; stroke-width: 2 }
.way { stroke: #56616c; marker-end: url(#tip) } #tip path { fill: #56616c }
.back { stroke: #b87400; stroke-width: 3; marker-end: url(#btip) } #btip path { fill: #b87400 }
.learn { stroke: #00805d; stroke-dasharray: 5 4; marker-end: url(#ltip) } #ltip path { fill: #00805d }
.lose { stroke: #c04f00; stroke-dasharray: 5 4; marker-end: url(#xtip) } #xtip path { fill: #c04f00 }
.yes { fill: none; stroke: #00805d; stroke-width: 3 } .no { fill: none; stroke: #c04f00; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
  .page { fill: #14181c } .part { fill: #262d34; stroke: #7b8894 } .plain { fill: #14181c; stroke: #7b8894 }
  .word { fill: #10324b; stroke: #56b4e9 } .thought { fill: #45330a; stroke: #e6a82a } .cell { fill: #e6a82a }
  .right { fill: #0b3b2e; stroke: #2fbf94 } .wrong { fill: #4a2410; stroke: #f08a4b } .rule { stroke: #3a434b }
  .dot { fill: #e3e7ea } text { fill: #e3e7ea } .soft { fill: #a9b4bd }
  .way { stroke: #a3aeb8 } #tip path { fill: #a3aeb8 } .back { stroke: #e6a82a } #btip path { fill: #e6a82a }
  .learn { stroke: #2fbf94 } #ltip path { fill: #2fbf94 } .lose { stroke: #f08a4b } #xtip path { fill: #f08a4b }
  .yes { stroke: #2fbf94 } .no { stroke: #f08a4b }
}
""".replace("FONT", FONT.replace("'", '"'))
TIPS = "".join(
    f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z"/></marker>'
    for name in ("tip", "btip", "ltip", "xtip")
)
SHADES = ((0.9, 0.25, 0.6, 0.1), (0.15, 0.8, 0.35, 0.65), (0.5, 0.1, 0.95, 0.4), (0.3, 0.65, 0.15, 0.85))
"""How dark the four cells of a thought are: what a vector looks like here, and no numbers of one."""


@dataclass
class Sketch:
    """A drawing under way. Lengths are pixels; y grows downwards."""

    title: str
    says: str
    """What it shows, for who cannot see it."""
    height: int
    parts: list[str] = field(default_factory=list)

    def say(self, x: float, y: float, *lines: str, look: str = "", anchor: str = "start", gap: int = 20) -> None:
        """Lines of text; (x, y) is where the baseline of the first begins, or its middle, or its end."""
        for i, line in enumerate(lines):
            self.parts.append(_text(x, y + gap * i, line, look, anchor))

    def box(
        self, x: float, y: float, wide: float, high: float, *lines: str, kind: str = "part", look: str = ""
    ) -> None:
        """A box with lines of text in its middle. No text may leave it: a test measures them."""
        first = y + high / 2 + 5 - 10 * (len(lines) - 1)
        corner = 13 if kind == "thought" else 6
        shape = f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="{corner}"/>'
        texts = [_text(x + wide / 2, first + 20 * i, line, look, "middle") for i, line in enumerate(lines)]
        self.parts.append(f'<g class="box">{shape}{"".join(texts)}</g>')

    def chip(self, x: float, y: float, text: str, kind: str = "word") -> float:
        """A piece of text in code, 28 high. Gives its right edge."""
        wide = round(len(text) * MONO + 12)
        self.box(x, y, wide, 28, text, kind=kind, look="code")
        return x + wide

    def thought(self, x: float, y: float, which: int = 0) -> float:
        """A latent: a round strip of cells, 48 by 28. Gives its right edge."""
        self.box(x, y, 48, 28, kind="thought")
        for i, dark in enumerate(SHADES[which % len(SHADES)]):
            self.parts.append(
                f'<rect class="cell" x="{x + 8 + 8 * i:g}" y="{y + 7:g}" width="7" height="14" opacity="{dark}"/>'
            )
        return x + 48

    def cloud(self, x: float, y: float, rx: float, ry: float) -> None:
        """A Gaussian, seen from above, around (x, y)."""
        for share in (1.0, 0.72, 0.42):
            self.parts.append(
                f'<ellipse class="cloud" cx="{x:g}" cy="{y:g}" rx="{rx * share:g}" ry="{ry * share:g}" opacity="0.3"/>'
            )

    def dots(self, *places: tuple[float, float]) -> None:
        """Draws, or exact points."""
        self.parts += [f'<circle class="dot" cx="{x:g}" cy="{y:g}" r="4"/>' for x, y in places]

    def arrow(self, path: str, look: str = "way") -> None:
        """look: way (what comes next), back (a vector fed back), learn and lose (gradients)."""
        self.parts.append(f'<path class="{look}" d="{path}"/>')

    def mark(self, x: float, y: float, right: bool) -> None:
        """A tick or a cross of 14 pixels around (x, y)."""
        path = f"M{x - 7:g} {y:g} l5 6 l9 -13" if right else f"M{x - 6:g} {y - 6:g} l12 12 m0 -12 l-12 12"
        self.parts.append(f'<path class="{"yes" if right else "no"}" d="{path}"/>')

    def rule(self, y: float) -> None:
        """A thin line across."""
        self.parts.append(f'<path class="rule" d="M16 {y:g} H{WIDTH - 16}"/>')

    def svg(self) -> str:
        size = f'viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        named = f"<title>{escape(self.title)}</title><desc>{escape(self.says)}</desc><style>{STYLE}</style>"
        page = f'<rect class="page" width="{WIDTH}" height="{self.height}" rx="8"/>'
        return "\n".join([head, named, f"<defs>{TIPS}</defs>", page, *self.parts, "</svg>"]) + "\n"


def _text(x: float, y: float, line: str, look: str, anchor: str) -> str:
    kind = f' class="{look}"' if look else ""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text{kind} x="{x:g}" y="{y:g}"{at}>{escape(line)}</text>'


def row(sketch: Sketch, x: float, y: float, parts: Sequence[str], gap: float = 6) -> list[tuple[float, float]]:
    """Pieces beside each other: a text is a word, "" a thought. Gives the left and the right edge of each."""
    edges = []
    thoughts = 0
    for part in parts:
        right = sketch.chip(x, y, part) if part else sketch.thought(x, y, thoughts)
        thoughts += not part
        edges.append((x, right))
        x = right + gap
    return edges
