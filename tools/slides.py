"""The notebooks as slides: `python -m tools.slides build/slides [00 08]`, one page each that needs no network.

A heading begins a slide to the right, text after code one below; solutions, install cells, badges and maps are left
out. reveal.js lies in `web/node_modules` (`npm ci --prefix web`), nbconvert makes the cells.
"""

from __future__ import annotations

import argparse
import base64
import html
import mimetypes
import re
import sys
from pathlib import Path
from string import Template

import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from atp_lite.engine.folder import write_atomically
from tools.book.mathml import mathml
from tools.notebooks import FOLDER, INSTALL, chosen, without_solutions

ROOT = FOLDER.parent
REVEAL = ROOT / "web" / "node_modules" / "reveal.js" / "dist"
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+(?:\n[^$\n]+)?)\$", re.DOTALL)
PICTURE = re.compile(r"!\[([^]]*)\]\((\.\./docs/img/[^)]+)\)")
BADGES = re.compile(r"^\[!\[.*\n", re.MULTILINE)
FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
LINK = re.compile(r"\[([^]]+)\]\((?!#)[^)]*\)")
PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>$title</title>
<style>$style</style></head>
<body><div class="reveal"><div class="slides">
$slides
</div></div><script>$reveal</script>
<script>Reveal.initialize({hash: true, width: 1180, height: 760, margin: 0.03, center: false, slideNumber: "h.v",
  transition: "none", overview: false, keyboard: {32: "next"}});</script></body></html>
""")
STYLE = """
body { background: #fff; color: #1d2126; }
.reveal { font: 22px/1.45 system-ui, sans-serif; }
.reveal .slides { text-align: left; }
.reveal .slides section { height: 760px; overflow: auto; box-sizing: border-box; padding: 4px 12px; }
.reveal .slides section.stack { overflow: visible; padding: 0; }
.reveal h1 { font-size: 1.9em; } .reveal h2 { font-size: 1.5em; } .reveal h3 { font-size: 1.2em; }
.reveal h1, .reveal h2, .reveal h3 { line-height: 1.2; margin: .3em 0 .5em; }
.reveal p, .reveal ul, .reveal ol { margin: .5em 0; }
.reveal a.anchor-link { display: none; }
.reveal pre { font: 15px/1.4 ui-monospace, monospace; background: #f5f7f9; padding: 10px 14px; margin: .5em 0;
  white-space: pre-wrap; border-radius: 6px; }
.reveal code { font-family: ui-monospace, monospace; font-size: .88em; } .reveal pre code { font-size: 1em; }
.reveal img { max-width: 100%; max-height: 560px; } .reveal .jp-InputPrompt, .reveal .jp-OutputPrompt { display: none; }
.reveal table { border-collapse: collapse; font-size: .8em; } .reveal td, .reveal th { padding: 4px 10px;
  border-bottom: 1px solid #d8dee4; text-align: left; vertical-align: top; }
"""


def self_contained(markdown: str) -> str:
    """Markdown with formulas as MathML, pictures inside, and links as their words."""
    plain = BADGES.sub("", FOLDED.sub("", markdown))
    pieces = CODE.split(plain)  # what stands in code stays as it is
    return "".join(piece if i % 2 else _prose(piece) for i, piece in enumerate(pieces))


def _prose(text: str) -> str:
    text = FORMULA.sub(lambda f: mathml(f[1] or f[2], "block" if f[1] else "inline"), text)
    return LINK.sub(r"\1", PICTURE.sub(lambda found: _inside(found[1], FOLDER / found[2]), text))


def _inside(words: str, path: Path) -> str:
    kind, data = mimetypes.guess_type(path.name)[0], base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(words)}" src="data:{kind};base64,{data}">'


def divided(notebook: NotebookNode) -> list[list[list[NotebookNode]]]:
    """The cells of every slide: a list of columns, each of slides below one another.

    A column begins at a heading of the first two orders; a slide below it at one of the third, and at text after code.
    """
    columns: list[list[list[NotebookNode]]] = []
    for cell in without_solutions(notebook).cells:
        if INSTALL in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            cell.source = self_contained(cell.source)
        if not columns or re.match(r"##? ", cell.source) and cell.cell_type == "markdown":
            columns.append([[cell]])
        elif cell.cell_type == "markdown" and (
            cell.source.startswith("### ") or columns[-1][-1][-1].cell_type == "code"
        ):
            columns[-1].append([cell])
        else:
            columns[-1][-1].append(cell)
    return columns


def slides(path: Path) -> str:
    """The page of one notebook.

    Raises:
        FileNotFoundError: reveal.js is not installed.
    """
    if not REVEAL.is_dir():
        raise FileNotFoundError(f"{REVEAL} is missing: install node 20 and run `npm ci --prefix web`")
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.display_data_priority = ["image/png", "image/svg+xml", "text/html", "text/markdown", "text/plain"]
    made = []
    for column in divided(nbformat.read(path, as_version=4)):
        below = [exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells))[0] for cells in column]
        inner = "".join(f"<section>{one}</section>\n" for one in below)
        made.append(f"<section>{inner}</section>\n" if len(below) > 1 else inner)
    style = "".join((REVEAL / name).read_text(encoding="utf-8") for name in ("reset.css", "reveal.css"))
    return PAGE.substitute(
        title=html.escape(path.stem),
        style=style + STYLE + HtmlFormatter(style="default").get_style_defs(".highlight"),
        slides="".join(made),
        reveal=(REVEAL / "reveal.js").read_text(encoding="utf-8").replace("</script", "<\\/script"),
    )


def write(out: Path, names: list[str]) -> list[Path]:
    """Write the slides of the notebooks whose names begin so, or of all."""
    return [Path(write_atomically(out / f"{path.stem}.html", slides(path))) for path in chosen(names)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.slides")
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help="how the notebooks' names begin; all without any")
    given = parser.parse_args(arguments)
    for path in write(given.out, given.names):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
