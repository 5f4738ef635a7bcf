"""Figures of the notebooks, drawn from their saved JSON by one plotly.js beside the pages; live pages as explorers.

Title and caption of a figure become text of the page, which wraps where a window is narrow.
"""

from __future__ import annotations

import json
from pathlib import Path

import plotly
from nbformat import NotebookNode, v4
from sphinx.application import Sphinx

from atp_lite.views.live import write_site
from tools.stills import PLOTLY, shown_explorers

PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
LIVE = {
    "explorer-coherence": ("move", "Move a thought"),
    "explorer-debugger": ("move", "Move a thought"),
    "explorer-microscope": ("watch", "Watch it learn"),
    "explorer-race": ("race", "Race"),
    "explorer-space": ("move", "Move a thought"),
    "explorer-trajectories": ("how", "How it works"),
    "live": ("move", "Move a thought"),
}
"""Explorer -> name and title of the live page that stands in its place where no cell runs."""
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


def live(name: str, title: str) -> str:
    """A live page of the site beside the book, inside a page of a folder of the book."""
    place = f"../live/index.html#{name}"
    said = f'The live page <a href="{place}">{title}</a>: the planners think here, in your browser.'
    frame = f'<iframe src="{place}" title="{title}" loading="lazy"></iframe>'
    return f'<figure class="live">{frame}<figcaption>{said}</figcaption></figure>'


def draw(notebook: NotebookNode) -> None:
    """Put HTML in the place of figures, and live pages in the place of explorers.

    Raises:
        ValueError: a figure has no data.
    """
    for cell in notebook.cells:
        shown = dict.fromkeys(LIVE[name] for name in shown_explorers(cell.source)) if cell.cell_type == "code" else {}
        if shown:
            cell.outputs = [output for output in cell.outputs if PLOTLY in output.get("data", {PLOTLY: "printed"})]
            for page in shown:
                cell.outputs.append(v4.new_output("display_data", {"text/html": live(*page)}))
        for output in cell.get("outputs", []):
            if PLOTLY in output.get("data", {}):
                output["data"] = {"text/html": figure(output.data[PLOTLY])}


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Load plotly.js where there is something to draw; a link to a picture shows it instead of saving it."""
    if (body := context.get("body")) is None:
        return
    context["body"] = body.replace(' download=""', "")
    if 'class="plotly-figure"' in body:
        app.add_js_file("plotly.min.js", loading_method="defer")
        app.add_js_file("figures.js", loading_method="defer")


def add_live(app: Sphinx, error: Exception | None) -> None:
    """Write the live site beside the pages."""
    if error is None:
        write_site(app.outdir / "live")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", lambda app: app.config.html_static_path.append(str(PLOTLY_JS)))
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", add_live)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
