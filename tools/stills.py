"""Still images of figures and explorers, for those who read a notebook where it cannot run: on GitHub, by nbconvert.

A figure is saved as the JSON that plotly draws from, which GitHub does not draw. So every figure carries a PNG too,
made from that JSON by a chromium without a window; JupyterLab prefers the JSON. A widget cannot be saved without its
state, so an explorer's cell carries the explorer's picture of docs/img until it is run, unless the text before links
that picture.

A still is made anew only where its figure has changed.
"""

from __future__ import annotations

import base64
import io
import json
import re
from hashlib import blake2b
from pathlib import Path

import nbformat
import plotly
from PIL import Image

PLOTLY = "application/vnd.plotly.v1+json"
PNG = "image/png"
WIDTH = 760
"""Pixels; a figure has no width of its own."""
COLOURS = 16
"""Of a figure; an explorer's picture, which shows a whole page, gets four times as many."""
CRISP = "#figure path, #figure line, #figure rect { shape-rendering: crispEdges }"
"""Without blended edges a picture needs few colours, and half as many bytes."""
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "img"
EXPLORERS = {
    "CoherenceExplorer": "explorer-coherence",
    "LatentDebugger": "explorer-debugger",
    "LivePage": "live",
    "Race": "explorer-race",
    "RLMicroscope": "explorer-microscope",
    "SpaceExplorer": "explorer-space",
    "TrajectoryExplorer": "explorer-trajectories",
}
"""Class -> what its picture is called."""
SHOWN = re.compile(rf"^({'|'.join(EXPLORERS)})\(", re.MULTILINE)


def fingerprint(figure: dict) -> str:
    """Equal for figures that are drawn alike."""
    return blake2b(json.dumps(figure, sort_keys=True).encode(), digest_size=8).hexdigest()


def shown_explorers(source: str) -> list[str]:
    """The explorers that a cell shows, as its pictures are called."""
    return [EXPLORERS[name] for name in SHOWN.findall(source)]


def figures_of(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The outputs of a cell that hold a figure."""
    return [output for output in cell.get("outputs", []) if PLOTLY in output.get("data", {})]


def figures(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The outputs that hold a figure."""
    return [output for cell in notebook.cells for output in figures_of(cell)]


def still_of(output: nbformat.NotebookNode) -> str | None:
    """The still of the figure as it is now, or None."""
    made_for = output.metadata.get("still")
    return output.data.get(PNG) if made_for == fingerprint(output.data[PLOTLY]) else None


def blank_explorers(notebook: nbformat.NotebookNode) -> dict[int, list[str]]:
    """Place of a cell -> the explorers that it shows, and whose picture the cell before does not link."""
    found = {}
    for i, cell in enumerate(notebook.cells):
        before = notebook.cells[i - 1].source if i else ""
        names = shown_explorers(cell.source) if cell.cell_type == "code" else []
        if names := [name for name in names if f"docs/img/{name}.png" not in before]:
            found[i] = names
    return found


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    """The cells that a reader would meet blank."""
    found, explorers = [], blank_explorers(notebook)
    for i, cell in enumerate(notebook.cells):
        shown = [output.data for output in cell.get("outputs", []) if "data" in output]
        last = (cell.source.strip().splitlines() or [""])[-1]
        if any(still_of(output) is None for output in figures_of(cell)):
            found.append(f"a figure without its still: {last}")
        if i in explorers and sum(PNG in data for data in shown) < len(explorers[i]):
            found.append(f"an explorer without a picture: {last}")
    return found


def add_stills(notebook: nbformat.NotebookNode, before: nbformat.NotebookNode | None = None) -> int:
    """Give every figure and every explorer its still; returns how many were drawn.

    before: an older state of the notebook, whose stills are kept where figures are the same.

    Raises:
        FileNotFoundError: a figure must be drawn, and there is no chromium.
    """
    known = {}
    for output in [*(figures(before) if before else []), *figures(notebook)]:
        if (still := still_of(output)) is not None:
            known[output.metadata["still"]] = still
    missing = {fingerprint(output.data[PLOTLY]): output.data[PLOTLY] for output in figures(notebook)}
    missing = {name: figure for name, figure in missing.items() if name not in known}
    known |= dict(zip(missing, draw(list(missing.values())), strict=True)) if missing else {}
    for output in figures(notebook):
        output.metadata["still"] = fingerprint(output.data[PLOTLY])
        output.data[PNG] = known[output.metadata["still"]]
    for i, names in blank_explorers(notebook).items():
        cell = notebook.cells[i]
        others = [output for output in cell.outputs if set(output.get("data", {})) != {PNG}]
        pictures = [encoded(Image.open(IMAGES / f"{name}.png"), 4 * COLOURS) for name in names]
        cell.outputs = others + [nbformat.v4.new_output("display_data", {PNG: picture}) for picture in pictures]
    return len(missing)


def draw(drawn: list[dict]) -> list[str]:
    """Figures, as plotly's JSON -> PNG, in base64."""
    from tools.browser import launched

    stills = []
    with launched() as browser:
        page = browser.new_page(viewport={"width": WIDTH + 40, "height": 900})
        page.set_content(f"<style>{CRISP}</style><body style='margin:0'><div id='figure'></div></body>")
        page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
        for figure in drawn:
            layout = {**figure.get("layout", {}), "width": WIDTH}
            script = "([data, layout]) => Plotly.newPlot('figure', data, layout, {staticPlot: true}).then(() => null)"
            page.evaluate(script, [figure["data"], layout])
            stills.append(encoded(Image.open(io.BytesIO(page.locator("#figure .svg-container").screenshot()))))
            page.evaluate("Plotly.purge('figure')")
    return stills


def encoded(picture: Image.Image, colours: int = COLOURS) -> str:
    """A picture at most as wide as a still, with few colours, as PNG in base64."""
    picture = picture.convert("RGB")
    picture.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
    raw = io.BytesIO()
    method = Image.Quantize.FASTOCTREE if colours == COLOURS else Image.Quantize.MEDIANCUT
    few = picture.quantize(colours, method, dither=Image.Dither.NONE)
    few.save(raw, "PNG", optimize=True)
    return base64.b64encode(raw.getvalue()).decode()
