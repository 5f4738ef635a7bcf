"""A live page in a notebook: planners think in the browser, at the rate of the screen, while the kernel is idle."""

from __future__ import annotations

import html
from collections.abc import Mapping
from copy import deepcopy

import anywidget
import traitlets

from atp_lite.planner import Planner
from atp_lite.views.live import for_page
from atp_lite.views.page import asset


class LivePage(anywidget.AnyWidget):
    """A page of the live site (docs/live.md) with planners of one's own; `web/src/notebook.ts` is the other end.

    Args:
        planners: one, or several by name for a page that shows them side by side. The page thinks with a copy whose
            weights are rounded to 8 bits.
        page: move, route, watch, race or how.
        state: what a link to the page would hold, such as `{"q": "(5+9)*2"}`; the page writes it when a thought rests.

    Raises:
        ValueError: a planner that no page can show, or none that this page can.
    """

    _esm = asset("live.js")
    _style = traitlets.Unicode(asset("live.css")).tag(sync=True)
    page = traitlets.Unicode().tag(sync=True)
    planners = traitlets.List().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(
        self, planners: Planner | Mapping[str, Planner], page: str = "move", state: Mapping[str, str] | None = None
    ) -> None:
        named = {"this planner": planners} if isinstance(planners, Planner) else planners
        made = [for_page(deepcopy(planner), name) for name, planner in named.items()]
        if not any(page in entry["pages"] for entry, _ in made):
            known = ", ".join(dict.fromkeys(each for entry, _ in made for each in entry["pages"])) or "none"
            raise ValueError(f"no planner here fits the page {page!r}: choose {known}, or give another planner")
        given = [{"entry": entry, "packed": packed} for entry, packed in made]
        super().__init__(page=page, planners=given, state=dict(state or {}))

    def __repr__(self) -> str:
        names = ", ".join(each["entry"]["name"] for each in self.planners)
        return f"The live page {self.page!r} of {names}: run this cell to move its thoughts."

    def _repr_mimebundle_(self, **options: object) -> tuple[dict, dict]:
        """With a line of HTML, which a saved notebook shows in its place."""
        data, metadata = super()._repr_mimebundle_(**options)
        return data | {"text/html": html.escape(repr(self))}, metadata
