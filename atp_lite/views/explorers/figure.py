"""A plotly figure in a page, as `go.FigureWidget` is, whose code the browser gets and runs once for all figures.

`go.FigureWidget` brings its own five megabytes of JavaScript with every figure. Where the browser needs more than two
seconds to run them, anywidget gives that figure up: it is drawn, and never changes again. Here a figure brings a few
lines that fetch the code from one widget, and keep what Python sends meanwhile.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import anywidget
import plotly
import plotly.graph_objects as go
import traitlets

CODE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"

FETCH = """
const KEY = Symbol.for("atp_lite plotly VERSION");
const MESSAGES = ["addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate",
                  "removeLayoutProps", "removeTraceProps"].map(name => `_py2js_${name}`);

async function fetched(model) {
  const source = await model.widget_manager.get_model(model.get("_code_id"));
  const url = URL.createObjectURL(new Blob([source.get("code")], {type: "text/javascript"}));
  try { return await import(/* webpackIgnore: true */ url); } finally { URL.revokeObjectURL(url); }
}

function plotly(model) {  // once a page
  globalThis[KEY] ??= fetched(model).catch(error => { delete globalThis[KEY]; throw error; });
  return globalThis[KEY];
}

export default () => {
  let early = [], figure = null;  // what was sent before the code was there
  return {
    initialize({model}) {
      for (const name of MESSAGES)
        model.on(`change:${name}`, () => {
          if (early && model.get(name) !== null) early.push([name, model.get(name)]);
        });
    },
    async render({model, el}) {
      const code = await plotly(model);
      if (figure === null) {
        figure = code.default();
        figure.initialize({model});
        const sent = early;
        early = null;
        for (const [name, message] of sent) { model.set(name, message); model.set(name, null); }
      }
      return figure.render({model, el});
    },
  };
};
"""


class Code(anywidget.AnyWidget):
    """plotly's code for figure widgets. Shows nothing itself."""

    _esm = "export default {};"
    code = traitlets.Unicode().tag(sync=True)


@cache
def shared_code() -> Code:
    """The one widget of this kernel that carries the code."""
    return Code(code=CODE.read_text(encoding="utf-8"))


class Figure(go.FigureWidget):
    """`go.FigureWidget` that shares its code. Made and changed in the same ways."""

    _esm = FETCH.replace("VERSION", plotly.__version__)
    _code_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, *arguments, **named) -> None:
        super().__init__(*arguments, **named)
        self._code_id = shared_code().model_id
