"""Make the pictures of the README: `python -m tools.pictures` (needs Debian's chromium, or CHROMIUM=/path/to/it).

docs/img/thoughts.png shows the latents of the bundled planner on test problems.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import plotly.graph_objects as go

from atp_lite.domains import generate
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, REGIMES
from atp_lite.views import fit_projection, trajectories, trajectory_figure

QUIET = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
QUIET += " --disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=8000"


def screenshot(page: Path, picture: Path, width: int, height: int) -> None:
    """Render an offline page to PNG."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("no chromium found: install it (Debian: apt-get install chromium) or set CHROMIUM")
    picture.parent.mkdir(parents=True, exist_ok=True)
    command = [chromium, *QUIET.split(), f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def figure_picture(figure: go.Figure, picture: Path, width: int, height: int) -> None:
    """A plotly figure to PNG, in a window of this size."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figure.html"
        figure.write_html(page, include_plotlyjs=True, config={"displayModeBar": False})
        screenshot(page, picture.resolve(), width, height)


def thoughts() -> None:
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-step")
    trace = planner.reason(generate(REGIMES["clean"], "test")[:400])
    figure = trajectory_figure(trajectories(planner, trace, fit_projection(trace)), colour="operator", paths=3)
    figure.update_layout(paper_bgcolor="white", plot_bgcolor="white", width=1000, height=620)
    figure_picture(figure, Path("docs/img/thoughts.png"), 1020, 640)


if __name__ == "__main__":
    thoughts()
