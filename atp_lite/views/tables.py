"""Numbers -> tables, as plain text for a terminal and as HTML for a page. All text from data is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

SHARES = {
    "accuracy": "right",
    "right_chains_1": "right chain, where one is right",
    "right_chains_several": "right chain, where several are right",
}
"""Shares of problems, as a table of models calls them."""


class Bold(str):
    """A cell of `html_table` in bold."""


def thought_text(table: Mapping) -> str:
    """One problem, step by step, for a terminal. table: from `thought_table`."""
    lines = [table["question"]]
    cells = [_columns(table), *_cells(table)]
    if len(cells) > 1:
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(("  " + "  ".join(padded)).rstrip())
    return "\n".join([*lines, f"{_verdict(table)} {_cost(table)}"])


def unread_text(facts: Mapping) -> str:
    """The same for a planner without a decoder. facts: `problem_record`, with n_latents and n_answer_tokens."""
    latents, tokens = counted(facts["n_latents"], "latent"), counted(facts["n_answer_tokens"], "answer token")
    return f"{facts['question']}\n  {latents}; no decoder, so they cannot be read\n{_verdict(facts)} ({tokens})"


def thought_html(table: Mapping) -> str:
    """The same as HTML: the question, a table, the answer."""
    rows = _cells(table)
    return (
        f"<p class='question'>{html.escape(table['question'])}</p>{html_table(_columns(table), rows) if rows else ''}"
        f"<p><strong>{html.escape(_verdict(table))}</strong> {html.escape(_cost(table))}</p>"
    )


def accuracy_html(evaluations: Mapping[str, Mapping], bundled: Mapping[str, Mapping] | None = None) -> str:
    """What each model reaches, with 95 % intervals.

    Args:
        evaluations: name -> `Evaluation.to_json()`.
        bundled: the same of checkpoints that were trained longer, for a column beside; None leaves it out.
    """
    results = [evaluations, *([bundled] if bundled else [])]
    metrics = [{name: result["metrics"] for name, result in own.items()} for own in results]
    shares = [name for name in SHARES if any(name in found for own in metrics for found in own.values())]
    ages = ("", " if trained longer")[: len(metrics)]
    columns = ["model", *(f"{SHARES[share]}{age}, %" for share in shares for age in ages)]
    columns += ["coherence, %", "valid steps, %", "latents", "answer tokens", "problems"]
    rows = []
    for name in dict.fromkeys([*evaluations, *(bundled or {})]):
        here = metrics[0].get(name, {})
        row = [name, *(_interval(own.get(name, {}).get(share)) for share in shares for own in metrics)]
        row += [_interval(here.get("coherence")), _interval(here.get("equations_right"))]
        row += [f"{here[metric]['mean']:.1f}" if metric in here else "–" for metric in ("latents", "answer_tokens")]
        rows.append([*row, str(here["accuracy"]["n"]) if "accuracy" in here else "–"])
    return html_table(columns, rows)


def html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column names the rows; it scrolls sideways on a narrow page.

    Styles are inline: notebooks have their own styles for tables.
    """
    style = "style='text-align:left;vertical-align:top;padding:.3em 1.2em .3em 0'"

    def cell(text: str) -> str:
        return f"<b>{html.escape(text)}</b>" if isinstance(text, Bold) else html.escape(text)

    head = "".join(f"<th scope='col' {style}>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr><th scope='row' {style}>{cell(name)}</th>"
        + "".join(f"<td {style}>{cell(text)}</td>" for text in rest)
        + "</tr>"
        for name, *rest in rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def counted(count: int, noun: str) -> str:
    """`1 latent`, `2 latents`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def right_or_wrong(correct: bool | None, reference: str | None = None) -> str:
    """`right`, `wrong`, `wrong, it is 7`, or `not checked` where that is unknown."""
    if correct is None:
        return "not checked"
    return "right" if correct else "wrong" if reference is None else f"wrong, it is {reference}"


def _columns(table: Mapping) -> tuple[str, ...]:
    """What the cells of a step are; what a step is judged by has the domain's own word."""
    judged = (table["graph"] or {"ruler": "valid"})["ruler"].removeprefix("valid ")
    return ("step", "decoded as", "probability", "stop", "sigma", judged, "result used in")


def _cells(table: Mapping) -> list[tuple[str, ...]]:
    rows = []
    for step in table["steps"]:
        uses = [f"step {number}" for number in step["used_in"]] + ["the answer"] * step["is_answer"]
        rows.append(
            (
                str(step["number"]),
                step["text"] or "(nothing)",
                "in words" if step["probability"] is None else f"{100 * step['probability']:.1f} %",
                "" if step["stop"] is None else f"{100 * step['stop']:.1f} %",
                "" if step["sigma"] is None else f"{step['sigma']:.2f}",
                {True: "right", False: "WRONG", None: ""}[step["right"]],
                "" if step["coherent"] is None else ", ".join(uses) or "nowhere",
            )
        )
    return rows


def _verdict(table: Mapping) -> str:
    if table["correct"] is None:
        return f"Answer: {table['answer']}."
    if table["correct"]:
        return f"Answer: {table['answer']}, right."
    return f"Answer: {table['answer'] or '(nothing)'}, WRONG: it is {table['reference']}."


def _cost(table: Mapping) -> str:
    known = "" if table["coherence"] is None else f"; coherence {100 * table['coherence']:.0f} %"
    return f"({counted(table['n_latents'], 'latent')}, {counted(table['n_answer_tokens'], 'answer token')}{known})"


def _interval(estimate: Mapping | None) -> str:
    if estimate is None:
        return "–"
    return f"{100 * estimate['mean']:.1f}\n{100 * estimate['low']:.1f}\u2060–\u2060{100 * estimate['high']:.1f}"
