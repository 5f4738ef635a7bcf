"""What figures and widgets need on Google Colab, where every output of a notebook is a page of its own."""

from __future__ import annotations

import plotly.io


def prepare() -> None:
    """Let the explorers and the figures of the notebooks be drawn on Colab.

    The notebooks show figures with plotly's renderer `plotly_mimetype`, whose JSON JupyterLab draws and Colab does not.
    So on Colab the name stands for the renderer that draws them there.

    Raises:
        ImportError: this is not Colab.
    """
    from google.colab import output

    output.enable_custom_widget_manager()
    plotly.io.renderers["plotly_mimetype"] = plotly.io.renderers["colab"]
