"""Setup for figures and widgets on Google Colab."""

from __future__ import annotations

import plotly.io


def prepare() -> None:
    """Make Colab draw the explorers and figures of the notebooks.

    They use plotly's renderer `plotly_mimetype`, which Colab does not support: there the name gets Colab's own.

    Raises:
        ImportError: this is not Colab.
    """
    from google.colab import output

    output.enable_custom_widget_manager()
    plotly.io.renderers["plotly_mimetype"] = plotly.io.renderers["colab"]
