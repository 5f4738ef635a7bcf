"""Make the course a site that needs no network: `make book`, then open build/book/index.html.

One page a notebook, one page a document, and an index with the map of the course, which is read from the notebooks'
cards. nbconvert renders cells and Markdown; formulas become MathML, which browsers draw themselves; figures are drawn
from their saved JSON by one plotly.js beside the pages. Nothing is executed.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
import plotly
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from tools.book_style import PAGE, SCRIPT, STYLE
from tools.notebooks import INSTALL

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "book"
PLOTLY = "application/vnd.plotly.v1+json"
OF_PLOTLY = re.compile(r"cdn\.plot\.ly|PlotlyConfig")
SECTION = re.compile(r"(\d+) · ")
SIGNS = {"0007E": "&#x0223C;", "000B1": "&#x000B1;", "02016": "&#x02016;"}
"""Signs that the converter writes as letters, without space round them: tilde, plus or minus, double bar."""
SIGN = re.compile(rf"<mi>&#x({'|'.join(SIGNS)});</mi>")
FUNCTION = re.compile(r"(<mi>(?:log|exp)</mi>)(?!<mo stretchy=\"false\">&#x00028;)")
"""A function without parentheses: a little space belongs behind it."""
CARD_LINE = re.compile(r"^\| \*\*(.+?)\*\* \| (.+) \|$", re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading, so that links work here as there."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def mathml(tex: str, display: str) -> str:
    """A formula as MathML.

    Raises:
        ValueError: a command of the formula is not known.
    """
    drawn = convert(html.unescape(tex.strip()), display=display)
    drawn = SIGN.sub(lambda found: f"<mo>{SIGNS[found[1]]}</mo>", drawn)
    drawn = FUNCTION.sub(r'\1<mspace width="0.167em" />', drawn)
    if left := re.findall(r"\\[a-zA-Z]+", drawn):
        raise ValueError(f"{', '.join(left)} in the formula {tex!r} cannot be written as MathML: say it otherwise")
    return drawn


@dataclass(frozen=True)
class Source:
    """A file that becomes a page."""

    path: Path

    @property
    def page(self) -> str:
        """File name of its page; all pages lie in one folder."""
        return f"{self.path.stem.lower()}.html"

    @cached_property
    def notebook(self) -> nbformat.NotebookNode | None:
        """The notebook; None where it is Markdown."""
        return nbformat.read(self.path, as_version=4) if self.path.suffix == ".ipynb" else None

    @cached_property
    def text(self) -> str:
        """The Markdown, or the notebook's card."""
        return self.path.read_text(encoding="utf-8") if self.notebook is None else self.notebook.cells[0].source

    @property
    def title(self) -> str:
        return re.search(r"^# (.+)$", self.text, flags=re.MULTILINE)[1]

    @property
    def opening(self) -> str:
        """The first paragraph."""
        paragraphs = self.text.split("\n\n")
        return next(p for p in paragraphs if not p.startswith(("#", "|", "!", "[!", "<", "-", "```")))

    @property
    def card(self) -> dict[str, str]:
        """What the card says, by its name."""
        return dict(CARD_LINE.findall(self.text))


def sources(root: Path = ROOT) -> list[Source]:
    """Every page in the order of reading: notebooks, then documents."""
    documents = [root / "README.md", *sorted((root / "docs").glob("*.md")), root / "CONTRIBUTING.md"]
    return [Source(path) for path in [*sorted((root / "notebooks").glob("*.ipynb")), *documents] if path.is_file()]


class Renderer(IPythonRenderer):
    """nbconvert's Markdown, with formulas as MathML, GitHub's anchors, and links that stay within the book."""

    def __init__(self, source: Source, pages: dict[Path, str], seen: dict[str, int], headings: list) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.source, self.pages, self.seen, self.headings = source, pages, seen, headings

    def block_math(self, body: str) -> str:
        return f'<div class="formula">{mathml(body, "block")}</div>'

    def inline_math(self, body: str) -> str:
        return mathml(body, "inline")

    def codespan(self, text: str) -> str:
        return super().codespan(text.replace(r"\|", "|"))  # in a table a bar has to be escaped, in code too

    def heading(self, text: str, level: int, **_) -> str:
        name = slug(html.unescape(re.sub(r"<[^>]+>", "", text)))
        count = self.seen[name] = self.seen.get(name, -1) + 1
        name = name if not count else f"{name}-{count}"
        section = SECTION.match(text) if level == 2 else None
        mark = f'<a id="section-{section[1]}"></a>' if section else ""
        if level == 2:
            self.headings.append((name, text))
        return f'<h{level} id="{name}">{mark}{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if re.match(r"[a-z]+:", url) or url.startswith("#"):
            return f'<a href="{html.escape(url)}">{text}</a>'
        place, _, anchor = url.partition("#")
        page = self.pages.get((self.source.path.parent / place).resolve())
        if page is None:  # a file of the project that is no page
            return f'<span title="{html.escape(url)}">{text}</span>'
        section = re.search(r"\bsection (\d+)$", text)
        anchor = anchor or (f"section-{section[1]}" if section else "")
        return f'<a href="{page}{"#" + anchor if anchor else ""}">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.startswith("https:"):  # a badge: nothing is fetched, its text is the link
            return html.escape(text)
        return f'<img src="img/{Path(url).name}" alt="{html.escape(text)}">'


class Exporter(HTMLExporter):
    """Cells as nbconvert draws them, with our Markdown."""

    def __init__(self, render) -> None:
        super().__init__(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
        self.register_filter("markdown2html", render)


def figure(drawn: dict) -> str:
    """A saved figure as a place to draw it in and its JSON."""
    data = json.dumps({key: drawn[key] for key in ("data", "layout", "frames") if key in drawn}).replace("</", r"<\/")
    height = drawn.get("layout", {}).get("height", 450)
    return f'<div class="figure" style="height:{height}px"></div><script type="application/json">{data}</script>'


def offline(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy in which figures are `figure`s; what would load plotly.js from elsewhere and the install cell are gone."""
    notebook = deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if INSTALL not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        kept = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PLOTLY in data:
                output["data"] = {"text/html": figure(data[PLOTLY])}
            elif OF_PLOTLY.search(data.get("text/html", "")):
                continue
            kept.append(output)
        if cell.cell_type == "code":
            cell.outputs = kept
    return notebook


def page_of(source: Source, pages: dict[Path, str], before: Source | None, after: Source | None) -> str:
    """The whole page of a notebook or of a document."""
    headings: list[tuple[str, str]] = []
    seen: dict[str, int] = {}

    def render(text: str) -> str:
        return MarkdownWithMath(renderer=Renderer(source, pages, seen, headings)).render(text)

    if source.notebook is None:
        body = render(source.text)
    else:
        exporter = Exporter(lambda *arguments: render(arguments[-1]))
        body, _ = exporter.from_notebook_node(offline(source.notebook))
    body = re.sub("(<table.*?</table>)", r'<div class="wide">\1</div>', body, flags=re.DOTALL)
    contents = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in headings)
    if source.path.name == "glossary.md" or not contents:
        contents = ""  # it has an index of its own
    else:
        contents = f"<details class='contents'><summary>On this page</summary><ul>{contents}</ul></details>"
    ways = [("&larr; ", before, ""), ("", after, " &rarr;")]
    around = " ".join(f'<a href="{s.page}">{a}{html.escape(s.title)}{b}</a>' for a, s, b in ways if s is not None)
    return page(source.title, contents + body, around)


def page(title: str, body: str, around: str = "") -> str:
    """A page with its head, and plotly.js where there is something to draw."""
    scripts = ""
    if 'class="figure"' in body:
        scripts = '<script src="plotly.min.js"></script>\n<script src="book.js"></script>'
    return PAGE.format(title=html.escape(title), body=body, around=around, scripts=scripts)


def index(course: list[Source], documents: list[Source]) -> str:
    """The map of the course and the list of documents."""

    def plain(text: str) -> str:
        """A line of a card or an opening without links, formulas drawn."""
        text = re.sub(r"!?\[([^]]+)\]\([^)]*\)", r"\1", text)
        nowhere = Renderer(course[0], {}, {}, [])
        return MarkdownWithMath(renderer=nowhere).render(text).strip().removeprefix("<p>").removesuffix("</p>")

    cards = []
    for source in course:
        able = "".join(f"<li>{plain(part)}</li>" for part in source.card["You can do afterwards"].split("; "))
        facts = f"{plain(source.card['Difficulty'])} · {plain(source.card['Time'])}"
        cards.append(
            f'<article><h3><a href="{source.page}">{html.escape(source.title)}</a></h3><p>{plain(source.opening)}</p>'
            f'<p class="facts">{facts}</p><p>Afterwards you can</p><ul>{able}</ul></article>'
        )
    links = []
    for source in documents:
        links.append(f'<li><a href="{source.page}">{html.escape(source.title)}</a>: {plain(source.opening)}</li>')
    body = "<h1>atp_lite: latent reasoning, step by step</h1><p>A course in notebooks, as pages to read offline. To "
    body += "run them, change them and move their sliders: <code>make lab</code>.</p><h2>The course</h2>"
    return page("atp_lite", f"{body}{''.join(cards)}<h2>Documents</h2><ul>{''.join(links)}</ul>")


def write(out: Path = OUT, chosen: list[Source] | None = None) -> list[Path]:
    """Write the book to a folder, which is emptied first; its pages, the index first.

    chosen: what becomes a page; None takes everything.
    """
    every = sources() if chosen is None else chosen
    pages = {source.path.resolve(): source.page for source in every}
    if len(set(pages.values())) < len(pages):
        raise ValueError("two files would become one page: give them different names")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    course = [source for source in every if source.notebook is not None]
    documents = [source for source in every if source.notebook is None]
    written = [out / "index.html"]
    written[0].write_text(index(course, documents), encoding="utf-8")
    for group in (course, documents):
        for before, source, after in zip([None, *group], group, [*group[1:], None], strict=False):
            written.append(out / source.page)
            written[-1].write_text(page_of(source, pages, before, after), encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "img", out / "img")
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", out)
    (out / "book.js").write_text(SCRIPT, encoding="utf-8")
    (out / "book.css").write_text(STYLE + colours(), encoding="utf-8")
    return written


def colours() -> str:
    """Colours of code, on a light and on a dark page."""
    light, dark = (HtmlFormatter(style=name, nobackground=True) for name in ("default", "github-dark"))
    rules = dark.get_style_defs(".highlight")
    return f"{light.get_style_defs('.highlight')}\n@media (prefers-color-scheme: dark) {{\n{rules}\n}}\n"


def main() -> int:
    written = write()
    print(f"{len(written)} pages: open {written[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
