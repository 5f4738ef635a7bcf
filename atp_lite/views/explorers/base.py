"""What all explorers share: figures updated in place, messages instead of tracebacks, typed problems."""

from __future__ import annotations

import asyncio
import functools
import html
import re
import time
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import plotly.graph_objects as go

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.explorers.figure import Figure
from atp_lite.views.palette import without_caption
from atp_lite.views.tables import counted

SLOW = 0.3
"""Seconds after which the duration of an update is shown."""
LONG = 60
"""Characters of a question that need a wider field."""


class Panel(widgets.VBox):
    """A figure (`figure`, a FigureWidget) updated in place, with its title above and its caption below as text.

    It takes the full width of the page.
    """

    def __init__(self, figure: go.Figure) -> None:
        self.figure = Figure(without_caption(figure))
        self.figure._config = {**self.figure._config, "displayModeBar": False}
        self.figure.layout.autosize = True
        self.figure.observe(self._on_view, "_view_count")
        self.title, self.caption = widgets.HTML(), widgets.HTML()
        self._set_text(figure)
        super().__init__([self.title, self.figure, self.caption], layout=widgets.Layout(width="100%", min_width="0"))
        self.add_class("atp-card")

    def show(self, figure: go.Figure) -> None:
        """Take over the content of another figure; traces are updated in place if their types match.

        So the view does not jump, and the browser gets one message.
        """
        if figure == self._shown:
            return
        self._set_text(figure)
        figure, shown = without_caption(figure), self.figure
        same = [trace.type for trace in shown.data] == [trace.type for trace in figure.data]
        with shown.batch_update():
            if same:
                for old, new in zip(shown.data, figure.data, strict=True):
                    old.update(new.to_plotly_json(), overwrite=True)
            shown.layout.update(figure.layout.to_plotly_json(), overwrite=True)
            shown.layout.autosize = True
        if not same:
            shown.data = []
            shown.add_traces(list(figure.data))

    FIT_AFTER = (0.3, 1.5)
    """Seconds after the figure appeared in a browser."""

    def _on_view(self, change) -> None:
        """Fit the figure once it is laid out: Voila drops all messages to a widget that gets one too early."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: nothing is shown
            return
        if change.new:
            for delay in self.FIT_AFTER:
                loop.call_later(delay, self.fit)

    def fit(self) -> None:
        """Make the browser measure the width again."""
        self.figure.layout.autosize = False
        self.figure.layout.autosize = True

    def _set_text(self, figure: go.Figure) -> None:
        self._shown = figure
        self.title.value = f"<b>{html.escape(html.unescape(figure.layout.meta['title']))}</b>"
        text = html.escape(html.unescape(figure.layout.meta["caption"]))
        self.caption.value = f"<div style='opacity:.75;line-height:1.35;font-size:.92em'>{text}</div>"


class Explorer(widgets.VBox):
    """A title, a caption, and controls with what they show."""

    TITLE = CAPTION = ""
    """Plain text."""
    _quiet = False
    """While True, values are set without their callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.message, self.busy = Message(), widgets.Label()

    def parse(self, text: str, planner: Planner, known: Sequence[Problem]) -> Problem:
        """`parse_problem`; what is unlike the known problems is said before the planner answers."""
        problem = parse_problem(planner, text)
        self.message.say(unfamiliar(problem, known))
        return problem

    def arrange(self, *parts: widgets.Widget) -> None:
        """Show the parts below title and caption."""
        caption = f"<div style='opacity:.75;max-width:60em;line-height:1.4'>{html.escape(self.CAPTION)}</div>"
        title = widgets.HTML(f"<h3 style='margin:.3em 0'>{html.escape(self.TITLE)}</h3>{caption}")
        self.children = [title, *parts]


def observe(callback: Callable, *controls: widgets.Widget) -> None:
    """Call back whenever the value of a control changes."""
    for control in controls:
        control.observe(callback, "value")


class Message(widgets.HTML):
    """A status line, announced by screen readers. Text is escaped."""

    def say(self, text: str = "", kind: str = "note") -> None:
        """kind: note, or error. No text hides the line."""
        colour, mark = {"note": ("#0072b2", ""), "error": ("#d55e00", "⚠ ")}[kind]
        style = f"border-left:4px solid {colour};padding:.2em .7em;line-height:1.4"
        self.value = f"<div role='status' style='{style}'>{mark}{html.escape(text)}</div>" if text else ""


def guarded(method: Callable) -> Callable:
    """A callback of an `Explorer` that is not quiet: errors of the input become a message, never a traceback."""

    @functools.wraps(method)
    def call(self, *arguments, **named):
        if self._quiet:
            return None
        start = time.perf_counter()
        self.busy.value = "working …"
        try:
            self.message.say()
            return method(self, *arguments, **named)
        except (ValueError, IndexError, OSError) as error:
            self.message.say(str(error), "error")
        finally:
            seconds = time.perf_counter() - start
            self.busy.value = f"{seconds:.1f} s" if seconds > SLOW else ""

    return call


def parse_problem(planner: Planner, text: str) -> Problem:
    """A typed problem, read by the planner's domain.

    Raises:
        ValueError: it is empty, cannot be read, or has a word or number that is no token; the message says what to do.
    """
    if not text.strip():
        raise ValueError(f"Type a problem first, such as {planner.domain.example or 'one of the list'}.")
    problem = planner.domain.read_question(text)
    if problem.answer and not problem.steps:
        raise ValueError(f"{text.strip()} needs no step: type at least one operation, such as 3+4.")
    planner.collate.encode([problem])  # refuses what is outside the vocabulary
    return problem


def unfamiliar(problem: Problem, known: Sequence[Problem]) -> str:
    """What a problem has that none of the known ones has: its number of steps, its numbers. Empty for one like them."""
    said = []
    counts = [len(each.steps) for each in known if each.steps]
    if problem.steps and counts and not min(counts) <= len(problem.steps) <= max(counts):
        said.append(f"it takes {counted(len(problem.steps), 'step')}, those it knows {min(counts)} to {max(counts)}")
    numbers = [int(number) for each in known for number in re.findall(r"\d+", each.question)]
    far = [n for n in re.findall(r"\d+", problem.question) if numbers and not min(numbers) <= int(n) <= max(numbers)]
    if far:
        said.append(f"its numbers are {min(numbers)} to {max(numbers)}, and here is {', '.join(dict.fromkeys(far))}")
    right = f". The right answer is {problem.answer}" if problem.answer else ""
    return f"This planner is out of its depth: {'; '.join(said)}{right}." if said else ""


def require_problems(problems: Sequence[Problem], who: str) -> None:
    """Raise ValueError where there is no problem to choose from."""
    if not problems:
        raise ValueError(f"the {who} needs problems to choose from: give some, such as a few test problems")


def picker(problems: Sequence[Problem], description: str = "problem") -> widgets.Combobox:
    """A field to type a problem in or to pick one from a list; wider for long problems."""
    width = 420 if max((len(problem.question) for problem in problems), default=0) < LONG else 900
    return widgets.Combobox(
        value=problems[0].question if problems else "",
        options=[problem.question for problem in problems],
        description=description,
        placeholder="such as (3+4)*(9-2)",
        continuous_update=False,
        ensure_option=False,
        layout=widgets.Layout(width=f"min(100%, {width}px)"),
    )


def row(*children: widgets.Widget) -> widgets.Box:
    """Widgets side by side, wrapped as the width allows."""
    return widgets.Box(list(children), layout=widgets.Layout(flex_flow="row wrap", align_items="center", width="100%"))


def two_columns(left: widgets.Widget, right: widgets.Widget) -> widgets.Box:
    """Two widgets side by side on a wide page, one below the other on a narrow one."""
    for child in (left, right):
        child.layout.flex, child.layout.min_width, child.layout.width = "1 1 380px", "0", "auto"
    return widgets.Box([left, right], layout=widgets.Layout(flex_flow="row wrap", width="100%"))
