"""The skeleton of every HTML page, from `assets/`: one self-contained file, plotly.js inside."""

from __future__ import annotations

import html
import os
from pathlib import Path
from string import Template

import plotly.graph_objects as go
import plotly.io as pio
from plotly.offline import get_plotlyjs

from atp_lite.engine.folder import write_atomically
from atp_lite.views.palette import without_caption


def asset(name: str) -> str:
    """The text of a file in `assets/`."""
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8")


def write_page(path: str | os.PathLike[str], title: str, body: str, style: str = "") -> Path:
    """Write one self-contained page; returns its path.

    title: plain text. body: HTML whose text is escaped. style: rules beside those of all pages.
    """
    filled = {"title": html.escape(title), "style": asset("page.css") + style, "plotly": get_plotlyjs(), "body": body}
    return write_atomically(path, Template(asset("page.html")).substitute(filled))


def figure_html(fig: go.Figure, name: str) -> str:
    """A figure with its title above and its caption below as text of the page, which wraps."""
    meta = fig.layout.meta
    how = {"full_html": False, "include_plotlyjs": False, "config": {"displayModeBar": False, "responsive": True}}
    drawn = pio.to_html(without_caption(fig), div_id=f"figure-{name}", **how)
    return f"<figure><h3>{meta['title']}</h3>{drawn}<figcaption>{meta['caption']}</figcaption></figure>"
