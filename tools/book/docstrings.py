"""The API reference: a page for every module, and docstrings, which are written in Markdown, as reStructuredText."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("atp_lite", "atp_lab")
CODE = re.compile(r"(`[^`]+`)")
SECTION = re.compile(r"(Args|Returns|Yields|Raises|Attributes|Example|Examples|Note|Notes):$")
ITEM = re.compile(r"([-*]|\d+\.) ")
LONGEST = 60
"""Characters of a value that is shown beside a name."""


def modules(package: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every public module of a package and what it contains, the package first."""
    inside = sorted(m.name for m in pkgutil.iter_modules([str(folder)]) if not m.name.startswith("_"))
    yield package, inside
    for name in inside:
        if (folder / name).is_dir():
            yield from modules(f"{package}.{name}", folder / name)
        else:
            yield f"{package}.{name}", []


def summary(name: str) -> str:
    """The first line of a module's docstring."""
    path = ROOT / Path(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return escape((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0])


def page(name: str, inside: list[str]) -> str:
    """The source of a module's page."""
    text = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n"
    if inside:
        text += "\n" + "".join(f"- :doc:`{part} <{name}.{part}>`: {summary(f'{name}.{part}')}\n" for part in inside)
        text += "\n.. toctree::\n   :hidden:\n\n" + "".join(f"   {part} <{name}.{part}>\n" for part in inside)
    return text


def write_pages(app: Sphinx) -> None:
    """Write docs/api anew, touching only what has changed."""
    folder = Path(app.confdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {f"{name}.rst": page(name, inside) for root in PACKAGES for name, inside in modules(root, ROOT / root)}
    for path in folder.glob("*.rst"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def escape(line: str) -> str:
    """A line of Markdown text as reStructuredText: code spans, and signs that mean nothing."""
    parts = CODE.split(line)
    for i, part in enumerate(parts):
        if CODE.fullmatch(part):
            joined = parts[i + 1][:1].isalnum()  # `Batch`es
            parts[i] = f"`{part}`" + (r"\ " if joined else "")
        else:
            parts[i] = re.sub(r"([\\*|`]|_(?=\W|$))", r"\\\1", part)
    return "".join(parts)


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def to_rst(lines: list[str]) -> list[str]:
    """A docstring of ours as reStructuredText with Google's sections.

    Indented lines outside a section are equations or drawings, kept as they are; a list gets the empty lines that it
    needs.
    """
    made: list[str] = []
    section, verbatim, item = False, False, 0
    for line in lines:
        bare = line.strip()
        if not bare:
            made.append("")
            continue
        if SECTION.match(line):
            section, verbatim, item = True, False, 0
        elif indent(line) == 0 and section:
            section = False
        if verbatim and indent(line) > item:
            made.append(line)
            continue
        if verbatim:
            verbatim = False
            made.append("")
        if bare.startswith(">>>") or (made and made[-1].lstrip().startswith(">>>")):
            made.append(line)
            continue
        starts = ITEM.match(bare)
        before = next((m for m in reversed(made) if m), "")
        if not section and not starts and indent(line) > item:
            made += [line] if before.endswith("::") else ["", " " * item + "::", "", line]
            verbatim = True
            continue
        if starts and made and made[-1] and not ITEM.match(before.strip()) and not item:
            made.append("")
        if not starts and item and indent(line) < item:
            item = 0
            made.append("")
        if starts and not section:
            item = indent(line) + len(starts[0])
        mark = starts[0] if starts else ""
        made.append(" " * indent(line) + mark + escape(bare.removeprefix(mark)))
    return made


def process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """In the place of Markdown; the empty comment keeps napoleon from taking "a: b" below a name for its type."""
    lines[:] = [*(["..", ""] if what in ("attribute", "data") else []), *to_rst(lines)]


def signature(app: Sphinx, what: str, name: str, obj: object, *_: object) -> tuple[str, None] | None:
    """A dataclass is described by its fields below; all of them in one line say nothing more."""
    return ("", None) if what == "class" and is_dataclass(obj) else None


def drop_noise(app: Sphinx, tree: nodes.document) -> None:
    """Leave out values that are long or differ from run to run, and that a class is an object."""
    for said in [p for p in tree.findall(nodes.paragraph) if p.astext() == "Bases: object"]:
        said.parent.remove(said)
    for shown in list(tree.findall(addnodes.desc_annotation)):
        text = shown.astext()
        if text.startswith(" = ") and (len(text) > LONGEST or " at 0x" in text):
            shown.parent.remove(shown)


def contents(app: Sphinx, pagename: str, templatename: str, context: dict, tree: nodes.document | None) -> None:
    """What a module defines, for the list beside its page.

    Sphinx would copy every name of the package into the tables of contents of every page, which takes half the time.
    """
    if tree is None or not pagename.startswith("docs/api/"):
        return
    link = '<a class="reference internal" href="#{}">{}</a>'.format
    signatures = [s for s in tree.findall(addnodes.desc_signature) if s["ids"] and not s.get("class")]
    if names := "".join(f"<li>{link(s['ids'][0], s['fullname'])}</li>" for s in signatures):
        context["toc"] = f"<ul><li>{link('', pagename.removeprefix('docs/api/'))}<ul>{names}</ul></li></ul>"
        context["furo_hide_toc"] = False


def with_source(app: Sphinx) -> list:
    """Keep what has no source of ours out of the index of sources, where its link would lead nowhere."""
    found = getattr(app.env, "_viewcode_modules", {})
    for name in [name for name, source in found.items() if not source]:
        del found[name]
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", process, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", signature)
    app.connect("html-page-context", contents, priority=600)  # after the theme
    app.connect("html-collect-pages", with_source, priority=400)  # before viewcode
    app.connect("doctree-read", drop_noise)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
