"""Numbers -> tables, as plain text for a terminal and as HTML for a page. All text from data is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

HEADER = ("step", "decoded as", "probability", "stop", "sigma", "arithmetic", "result used in")


def thought_text(table: Mapping) -> str:
    """One problem, thought by thought, for a terminal.

    Args:
        table: what `thought_table` returns.
    """
    lines = [table["question"]]
    cells = [HEADER, *_cells(table)]
    if len(cells) > 1:
        widths = [max(len(row[k]) for row in cells) for k in range(len(HEADER))]
        for row in cells:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(("  " + "  ".join(padded)).rstrip())
    return "\n".join([*lines, f"{_verdict(table)} {_cost(table)}"])


def unread_text(facts: Mapping) -> str:
    """The same for a planner without a decoder, whose thoughts nobody can read.

    Args:
        facts: what `problem_record` returns, with n_latents and n_answer_tokens.
    """
    return "\n".join(
        [
            facts["question"],
            f"  {_number(facts['n_latents'], 'latent')}; there is no decoder, so nobody can read them",
            f"{_verdict(facts)} ({_number(facts['n_answer_tokens'], 'answer token')})",
        ]
    )


def thought_html(table: Mapping) -> str:
    """The same as HTML: the question, a table, the answer."""
    rows = _cells(table)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    head = "".join(f"<th scope='col'>{name}</th>" for name in HEADER)
    steps = f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    return (
        f"<p class='question'>{html.escape(table['question'])}</p>{steps if rows else ''}"
        f"<p><strong>{html.escape(_verdict(table))}</strong> {html.escape(_cost(table))}</p>"
    )


def accuracy_html(evaluations: Mapping[str, Mapping], bundled: Mapping[str, Mapping] | None = None) -> str:
    """What each model reaches, with 95 % intervals; beside it what the bundled checkpoint of that name reaches.

    Args:
        evaluations: name -> `Evaluation.to_json()`.
        bundled: the same of checkpoints that were trained longer, or None.
    """
    bundled = bundled or {}
    names = list(dict.fromkeys([*evaluations, *bundled]))
    columns = ["model", "right, %"] + (["right if trained longer, %"] if bundled else [])
    columns += ["coherence, %", "valid steps, %", "latents", "answer tokens", "problems"]
    rows = []
    for name in names:
        here = evaluations.get(name, {}).get("metrics", {})
        there = bundled.get(name, {}).get("metrics", {})
        row = [name, _interval(here.get("accuracy"))]
        row += [_interval(there.get("accuracy"))] if bundled else []
        row += [_interval(here.get("coherence")), _interval(here.get("equations_right"))]
        row += [_mean(here.get("latents")), _mean(here.get("answer_tokens"))]
        rows.append([*row, str(here["accuracy"]["n"]) if "accuracy" in here else "–"])
    return html_table(columns, rows)


def html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column names the rows; it scrolls sideways where the page is narrow.

    Notebooks have styles of their own for tables, so what matters is said in every cell.
    """
    cell_style = "style='text-align:left;vertical-align:top;padding:.3em 1.2em .3em 0'"
    head = "".join(f"<th scope='col' {cell_style}>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr><th scope='row' {cell_style}>{html.escape(row[0])}</th>"
        + "".join(f"<td {cell_style}>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


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
    counts = f"{_number(table['n_latents'], 'latent')}, {_number(table['n_answer_tokens'], 'answer token')}"
    known = "" if table["coherence"] is None else f"; coherence {100 * table['coherence']:.0f} %"
    return f"({counts}{known})"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _interval(estimate: Mapping | None) -> str:
    if estimate is None:
        return "–"
    return f"{100 * estimate['mean']:.1f}\n{100 * estimate['low']:.1f}\u2060–\u2060{100 * estimate['high']:.1f}"


def _mean(estimate: Mapping | None) -> str:
    return "–" if estimate is None else f"{estimate['mean']:.1f}"
