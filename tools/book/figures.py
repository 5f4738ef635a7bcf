"""Figures of the notebooks, drawn from their saved JSON by one plotly.js beside the pages; pictures of explorers.

Title and caption of a figure become text of the page, which wraps where a window is narrow.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

import plotly
from nbformat import NotebookNode
from sphinx.application import Sphinx

from tools.stills import PLOTLY, PNG, blank_explorers

PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
STILL = "A picture of it. In JupyterLab, where this cell runs, it is an explorer that answers to mouse and keys."
TITLE = 34
LINE = 18
"""Pixels that a figure's title and a line of its caption take (`atp_lite.views.palette.finish`)."""


def figure(drawn: dict) -> str:
    """A saved figure as a place to draw it in, and its JSON.

    Raises:
        ValueError: nothing would be drawn.
    """
    layout = dict(drawn.get("layout", {}))
    if not any(has_points(trace) for trace in drawn.get("data", [])) and not layout.get("shapes"):
        raise ValueError(f"a figure without data: {layout.get('title')}")
    height, said = layout.get("height", 450), layout.get("meta") or {}
    title = caption = ""
    if isinstance(said, dict) and "caption" in said:
        notes = layout.get("annotations", [])
        lines = sum(note["text"].count("<br>") + 1 for note in notes if note.get("name") == "caption")
        margin = layout["margin"]
        layout["annotations"] = [note for note in notes if note.get("name") != "caption"]
        layout["margin"] = margin | {"t": margin["t"] - TITLE, "b": margin["b"] - LINE * lines}
        layout["height"] = height = height - LINE * lines - TITLE
        layout["title"] = None
        title = f'<p class="plot-title">{said["title"]}</p>'
        caption = f"<figcaption>{said['caption']}</figcaption>"
    kept = {"data": drawn["data"], "layout": layout} | ({"frames": drawn["frames"]} if drawn.get("frames") else {})
    data = json.dumps(kept, separators=(",", ":")).replace("</", r"<\/")
    place = f'<div class="plot" style="height:{height}px"></div><script type="application/json">{data}</script>'
    return f'<figure class="plotly-figure">{title}<div class="sideways">{place}</div>{caption}</figure>'


def has_points(trace: dict) -> bool:
    """Whether a trace has something to show: numbers or names, not only gaps."""
    found = [trace.get(key) for key in ("x", "y", "z", "r", "values", "labels")]
    return any(v if isinstance(v, dict) else any(x is not None for x in v) for v in found if v)


def still(png: str) -> str:
    """The picture of an explorer, said to be one."""
    picture = f'<img alt="{html.escape(STILL)}" src="data:image/png;base64,{"".join(png.split())}">'
    return f'<figure class="still">{picture}<figcaption>{STILL}</figcaption></figure>'


def draw(notebook: NotebookNode) -> None:
    """Put HTML in the place of figures and of pictures of explorers.

    Raises:
        ValueError: a figure has no data, or an explorer no picture.
    """
    explorers = blank_explorers(notebook)
    for i, cell in enumerate(notebook.cells):
        pictures = 0
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PLOTLY in data:
                output["data"] = {"text/html": figure(data[PLOTLY])}
            elif PNG in data and i in explorers:
                output["data"] = {"text/html": still(data[PNG])}
                pictures += 1
        if pictures < len(explorers.get(i, [])):
            raise ValueError(f"an explorer without its picture: {cell.source}")


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Load plotly.js where there is something to draw; a link to a picture shows it instead of saving it."""
    if (body := context.get("body")) is None:
        return
    context["body"] = body.replace(' download=""', "")
    if 'class="plotly-figure"' in body:
        app.add_js_file("plotly.min.js", loading_method="defer")
        app.add_js_file("figures.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", lambda app: app.config.html_static_path.append(str(PLOTLY_JS)))
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
