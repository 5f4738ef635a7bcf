"""What figures and widgets need on Google Colab, where every output of a notebook is a page of its own."""

from __future__ import annotations

import plotly.io


def prepare() -> None:
    """Let the explorers and the figures of the notebooks be drawn on Colab.

    A figure of plotly's renderer `notebook_connected` finds plotly.js where another cell has loaded it. On Colab no
    output sees another one's, so the name stands for the renderer that loads it every time.

    Raises:
        ImportError: this is not Colab.
    """
    from google.colab import output

    output.enable_custom_widget_manager()
    plotly.io.renderers["notebook_connected"] = plotly.io.renderers["colab"]
