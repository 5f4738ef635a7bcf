"""Notebooks and Markdown as the book shows them: badges in words, links to sections, the map of the course."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util.docutils import SphinxDirective

from tools.badges import slug
from tools.book.figures import draw, live
from tools.notebooks import INSTALL

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
BADGE = re.compile(r"\[!\[([^]]+)\]\(https:[^)]+\)\]")
"""A picture from elsewhere as the text of a link."""
TO_SECTION = re.compile(r"\[([^]]*\bsection\s+(\d+))\]\(([^)#]*?)(\w+\.ipynb)\)")
SECTION = re.compile(r"^## ((\d+) · .+)$", re.MULTILINE)
CARD_LINE = re.compile(r"^\| \*\*(.+?)\*\* \| (.+) \|$", re.MULTILINE)
LIVE_HERE = re.compile(r"<!-- live: (\w+), (.+) -->")
"""In a document: where a live page stands, by its name and title. GitHub shows nothing there."""
LINK = re.compile(r"!?\[([^]]+)\]\([^)]*\)")


def markdown_cells(path: Path) -> list[str]:
    """The text of a notebook's Markdown cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


@cache
def sections(name: str) -> dict[str, str]:
    """The anchors of a notebook's sections, by their numbers."""
    text = "\n".join(markdown_cells(NOTEBOOKS / name))
    return {number: slug(heading) for heading, number in SECTION.findall(text)}


def to_section(link: re.Match[str]) -> str:
    """A link that says "section 3" leads to section 3.

    Raises:
        ValueError: the notebook has no such section.
    """
    text, number, folder, name = link.groups()
    if number not in sections(name):
        raise ValueError(f"{link[0]}: {name} has no section {number}")
    return f"[{text}]({folder}{name}#{sections(name)[number]})"


def adapt(markdown: str) -> str:
    """Badges as plain links, and links to sections with their anchors."""
    plain = BADGE.sub(r"[\1]", markdown.replace(") [![", ") · [!["))
    return TO_SECTION.sub(to_section, plain)


def read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Adapt a page's source; a notebook loses its install cell, which does nothing outside Colab."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md":
        source[0] = LIVE_HERE.sub(lambda found: live(*found.groups()), adapt(source[0]))
    elif path.suffix == ".ipynb":
        notebook = nbformat.reads(source[0], as_version=4)
        notebook.cells = [cell for cell in notebook.cells if INSTALL not in cell.metadata.get("tags", [])]
        draw(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = adapt(cell.source)
        source[0] = nbformat.writes(notebook)


class CourseMap(SphinxDirective):
    """A card for every notebook: its opening, how hard it is, how long it takes and what one can do afterwards."""

    def run(self) -> list[nodes.Node]:
        lines: list[str] = []
        for path in sorted(NOTEBOOKS.glob("*.ipynb")):
            self.env.note_dependency(str(path))
            lines += ["```{container} course-card", *course_card(path).splitlines(), "```", ""]
        found = nodes.container()
        self.state.nested_parse(StringList(lines, "course-map"), self.content_offset, found)
        return found.children


def course_card(path: Path) -> str:
    """What the card of a notebook says, in Markdown."""
    text = markdown_cells(path)[0]
    card = dict(CARD_LINE.findall(text))
    title = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    opening = next(p for p in text.split("\n\n") if not p.startswith(("#", "|", "[!", "!")))
    able = "".join(f"- {part}\n" for part in card["You can do afterwards"].split("; "))
    facts = f"*{card['Difficulty']} · {card['Time']}*"
    said = LINK.sub(r"\1", f"{opening}\n\n{facts}\n\nAfterwards you can\n\n{able}")
    return f"**[{title}](../notebooks/{path.name})**\n\n{said}"


class Book(StandaloneHTMLBuilder):
    """HTML whose front page is index.html at the top, although its source is docs/index.md."""

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        return super().get_target_uri("index" if docname == self.config.root_doc else docname, typ)

    def get_output_path(self, page_name: str, /):
        return super().get_output_path("index" if page_name == self.config.root_doc else page_name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", read_source)
    app.add_directive("course-map", CourseMap)
    app.add_builder(Book, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
