"""Draw the house, docs/img/architecture.svg: what a problem becomes on its way, and which room does it.

    python -m tools.architecture

The picture brings its own background, light or dark as the reader's system asks, so it can be read on any page.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "docs" / "img" / "architecture.svg"
WIDTH, HEIGHT = 640, 852
STYLE = """
.page { fill: #ffffff } .box { fill: #f2f5f8; stroke: #8794a1 } .room { fill: #e2eefb; stroke: #4a90d9 }
.trace { fill: #fdf0d5; stroke: #c98a12 } .frame { fill: none; stroke: #8794a1; stroke-dasharray: 7 5 }
text { fill: #1d2126; font: 15px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif }
.name { font-weight: 700; font-size: 18px }
.place { fill: #1f63ad; font: 14px ui-monospace, "DejaVu Sans Mono", monospace }
.way { fill: none; stroke: #56616c; stroke-width: 2; marker-end: url(#tip) } #tip path { fill: #56616c }
@media (prefers-color-scheme: dark) {
  .page { fill: #14181c } .box { fill: #22292f; stroke: #6d7985 } .room { fill: #17304a; stroke: #4a90d9 }
  .trace { fill: #40310f; stroke: #c98a12 } .frame { stroke: #6d7985 }
  text { fill: #e3e7ea } .place { fill: #8ac1fb } .way { stroke: #a3aeb8 } #tip path { fill: #a3aeb8 }
}
"""


@dataclass(frozen=True)
class Box:
    """A box with its name, where its code is, and what it does."""

    x: int
    """Left edge in pixels, as all numbers here."""
    y: int
    wide: int
    high: int
    name: str
    place: str
    """A file or folder of the package; empty for none."""
    lines: tuple[str, ...] = ()
    kind: str = "box"
    """Which colours: box, room, trace or frame."""


BOXES = (
    Box(20, 16, 410, 78, "Problem", "domains/", ("a question, one right chain of steps, the answer",)),
    Box(20, 140, 410, 78, "Batch", "tokens.py", ("the same as token ids, padded to a rectangle",)),
    Box(8, 252, 624, 406, "", "engine/", ("runs it: folder, log, saved state; processes, shards, LoRA",), "frame"),
    Box(20, 302, 410, 196, "Model", "model/", (), "room"),
    Box(32, 342, 122, 144, "think", "loop.py", ("draw a latent,", "feed it back,", "until to stop")),
    Box(164, 342, 122, 144, "answer", "reasoner.py", ("write the", "answer after", "the latents")),
    Box(296, 342, 122, 144, "decode", "decoders.py", ("read every", "latent back", "as text")),
    Box(
        *(20, 544, 410, 100, "Trace", "model/trace.py"),
        ("all that happened, worked out once:", "latents, answer, steps in words"),
        "trace",
    ),
    Box(
        *(460, 302, 160, 342, "Training", "sft/  rl/"),
        (
            "sft: imitate the",
            "steps and the",
            "answer",
            "",
            "rl: compare tries",
            "at one question,",
            "favour the better",
        )
        + ("", "both: a loss, and", "a step along its", "gradient"),
        "room",
    ),
    Box(20, 732, 190, 104, "Pictures", "views/", ("figures, explorers,", "pages")),
    Box(240, 732, 190, 104, "Metrics", "evaluation/", ("accuracy, intervals,", "coherence")),
    Box(460, 732, 160, 104, "Rewards", "rl/rewards.py", ("right? coherent?", "one number a try")),
)
WAYS = (
    "M60 94 V137",
    "M60 218 V299",
    "M154 374 H161",
    "M286 374 H293",
    "M60 498 V541",
    "M60 644 V729",
    "M335 644 V729",
    "M400 644 V690 H500 V729",
    "M580 732 V647",
    "M430 594 H457",
    "M460 400 H433",
)
NOTES = (
    (72, 122, "text to numbers"),
    (72, 525, "the model has thought, answered and decoded"),
    (72, 694, "all of them read the trace"),
)


def text(x: int, y: int, said: str) -> str:
    return f'<text x="{x}" y="{y}">{escape(said)}</text>'


def drawn(box: Box) -> str:
    """A box with its texts: the name and the place, then the lines; in a narrow box the place below the name."""
    parts = [f'<rect class="{box.kind}" x="{box.x}" y="{box.y}" width="{box.wide}" height="{box.high}" rx="8"/>']
    place = f'<tspan class="place">{escape(box.place)}</tspan>'
    if box.kind == "frame":
        said = f'{place}<tspan dx="10">{escape(box.lines[0])}</tspan>'
        return "\n".join([*parts, f'<text x="{box.x + 68}" y="{box.y + 27}">{said}</text>'])
    x, y = box.x + 12, box.y + 27
    name = f'<tspan class="name">{escape(box.name)}</tspan>'
    below = box.wide < 200
    where = f' x="{x}" dy="21"' if below else ' dx="10"'
    parts.append(f'<text x="{x}" y="{y}">{name}{place.replace(" ", where + " ", 1)}</text>')
    y += 46 if below else 25
    parts += [text(x, y + 21 * i, line) for i, line in enumerate(box.lines) if line]
    return "\n".join(parts)


def picture() -> str:
    """The whole picture as SVG."""
    said = "A problem becomes a batch; the model thinks, answers and decodes; the trace is read by training, pictures, "
    said += "metrics and rewards; training changes the model."
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto">'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
    parts = [
        f'{head}role="img">',
        f"<title>The house of atp_lite</title><desc>{said}</desc><style>{STYLE}</style>",
        f'<defs>{tip}<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        *map(drawn, BOXES),
        *(f'<path class="way" d="{way}"/>' for way in WAYS),
        *(text(x, y, note) for x, y, note in NOTES),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    OUT.write_text(picture(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
