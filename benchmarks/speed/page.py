"""From the numbers to docs/speed.md: tables, and a picture of how the cost grows."""

from __future__ import annotations

import json
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lab.compare.tables import markdown
from atp_lite.views.palette import BLUE, ORANGE, TEMPLATE
from benchmarks.evidence import fill
from benchmarks.speed.growth import AXES
from tools.pictures import figure_picture

NUMBERS, PAGE, PICTURE = Path("data/evidence/speed.json"), Path("docs/speed.md"), Path("docs/img/speed.png")


def ratio_line(ratio: dict) -> list[str]:
    limit = "" if ratio["limit"] is None else f"{ratio['limit']:.2f}"
    return [ratio["name"], *(f"{ratio[key]:.2f}" for key in ("median", "lowest", "highest")), limit]


def tables(numbers: dict) -> dict[str, str]:
    """Every table by its name, as Markdown."""
    made = {"speed-machine": markdown(list(numbers["machine"]), [[str(v) for v in numbers["machine"].values()]])}
    spread = ["median", "lowest", "highest", "promised"]
    for name, lines in numbers["sft"].items():
        rows = [[*ratio_line(line["ratio"]), f"{line['positions']:.0f}"] for line in lines]
        made[f"speed-sft-{name}"] = markdown([f"training step, {name}", *spread, "positions a row"], rows)
    made["speed-other"] = markdown(["ours / the other way", *spread], [ratio_line(r) for r in numbers["other"]])
    kinds = list(numbers["profile"][0]["kinds"])
    made["speed-profile"] = markdown(
        ["milliseconds a step, B=16, T=6", "all", *kinds],
        [
            [one["name"], f"{one['milliseconds']:.0f}", *(f"{one['kinds'][kind]:.1f}" for kind in kinds)]
            for one in numbers["profile"]
        ],
    )
    parts = ("rollout", "decode", "reward", "update", "rest")
    made["speed-rl"] = markdown(
        ["one step", "seconds", *(f"{part}, %" for part in parts), "decode + reward, %", "promised, %"],
        [
            [s["name"], f"{s['seconds']:.2f}", *(f"{100 * s[part]:.1f}" for part in parts)]
            + [f"{100 * (s['decode'] + s['reward']):.1f}", "" if s["limit"] is None else f"{100 * s['limit']:.0f}"]
            for s in numbers["rl"]
        ],
    )
    made["speed-growth"] = markdown(
        ["grows", "to", "median", "lowest", "highest", "by operations"],
        [
            [p["axis"], str(p["value"]), *(f"{p[key]:.2f}" for key in ("median", "lowest", "highest", "theory"))]
            for p in numbers["growth"]
        ],
    )
    return made


def figure(numbers: dict) -> go.Figure:
    """Cost against T, B, Q and G: points with lowest and highest, the count of operations beside them."""
    made = make_subplots(rows=2, cols=2, horizontal_spacing=0.09, vertical_spacing=0.16)
    for i, (axis, (label, _)) in enumerate(AXES.items()):
        points = [p for p in numbers["growth"] if p["axis"] == axis]
        x, row, column = [p["value"] for p in points], i // 2 + 1, i % 2 + 1
        bars = {
            "array": [p["highest"] - p["median"] for p in points],
            "arrayminus": [p["median"] - p["lowest"] for p in points],
        }
        median = [p["median"] for p in points]
        common = {"mode": "lines+markers", "showlegend": i == 0}
        made.add_scatter(
            x=x, y=median, error_y=bars, name="measured", line_color=BLUE, row=row, col=column, **common
        )
        made.add_scatter(
            x=x, y=[p["theory"] for p in points], name="by operations", line={"color": ORANGE, "dash": "dash"},
            marker_symbol="square", row=row, col=column, **common,
        )  # fmt: skip
        what = "rollout" if axis == "G" else "training step"
        made.update_xaxes(title_text=f"{axis}: {label}", row=row, col=column)
        made.update_yaxes(title_text=f"{what} / plain step", rangemode="tozero", row=row, col=column)
    made.update_layout(template=TEMPLATE, width=1000, height=720, paper_bgcolor="white", plot_bgcolor="white")
    return made


def write(numbers: dict) -> None:
    """Tables into the page, the picture beside it."""
    PAGE.write_text(fill(PAGE.read_text(), tables(numbers)))
    figure_picture(figure(numbers), PICTURE, 1020, 740)


def save(numbers: dict) -> None:
    NUMBERS.parent.mkdir(parents=True, exist_ok=True)
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n")


def load() -> dict:
    return json.loads(NUMBERS.read_text())
