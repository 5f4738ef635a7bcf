"""Formulas as MathML, which browsers draw themselves: no script, no fonts, no network."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

SIGNS = {"0007E": "&#x0223C;", "000B1": "&#x000B1;", "02016": "&#x02016;"}
"""Signs that the converter writes as letters, without space round them: tilde, plus or minus, double bar."""
SIGN = re.compile(rf"<mi>&#x({'|'.join(SIGNS)});</mi>")
FUNCTION = re.compile(r"(<mi>(?:log|exp)</mi>)(?!<mo stretchy=\"false\">&#x00028;)")
"""A function without parentheses: a little space belongs behind it."""


def mathml(tex: str, display: str) -> str:
    """A formula as MathML; `display` is "inline" or "block".

    Raises:
        ValueError: a command of the formula is not known.
    """
    drawn = convert(tex.strip(), display=display)
    drawn = SIGN.sub(lambda found: f"<mo>{SIGNS[found[1]]}</mo>", drawn)
    drawn = FUNCTION.sub(r'\1<mspace width="0.167em" />', drawn)
    if left := re.findall(r"\\[a-zA-Z]+", drawn):
        raise ValueError(f"{', '.join(left)} in the formula {tex!r} cannot be written as MathML: say it otherwise")
    return drawn


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
