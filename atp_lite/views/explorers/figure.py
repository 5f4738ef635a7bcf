"""`go.FigureWidget` whose JavaScript the browser loads once for all figures.

`go.FigureWidget` sends five megabytes of JavaScript with every figure. If the browser takes more than two seconds to
run them, anywidget gives up: the figure is drawn and never updated again. Here each figure sends a few lines
(`assets/figure.js`) that fetch plotly's code from one widget and queue what Python sends meanwhile.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import anywidget
import plotly
import plotly.graph_objects as go
import traitlets

from atp_lite.views.page import asset

CODE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"


class Code(anywidget.AnyWidget):
    """plotly's code for figure widgets. Shows nothing itself."""

    _esm = "export default {};"
    code = traitlets.Unicode().tag(sync=True)


@cache
def shared_code() -> Code:
    """The one widget of this kernel that carries the code."""
    return Code(code=CODE.read_text(encoding="utf-8"))


class Figure(go.FigureWidget):
    """`go.FigureWidget` that shares its code with all others."""

    _esm = asset("figure.js").replace("VERSION", plotly.__version__)
    _code_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, *arguments, **named) -> None:
        super().__init__(*arguments, **named)
        self._code_id = shared_code().model_id
