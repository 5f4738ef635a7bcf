"""The book: pages that need no network, with every figure, every formula, every fold and the reference."""

import html
import json
import os
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbformat import v4
from once import made_once

from tools import architecture
from tools.badges import public, slug
from tools.book.docstrings import PACKAGES, modules, to_rst
from tools.book.figures import draw, figure
from tools.book.mathml import mathml
from tools.book.pages import adapt, course_card
from tools.stills import PLOTLY, PNG

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DOCUMENTS = [*(path for path in (ROOT / "docs").glob("*.md") if path.stem != "index"), *ROOT.glob("*.md")]
LOADS = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']([^\"']+)[\"']")
WAIT = 300_000
"""Milliseconds, many times what a slow, busy machine needs."""
LOOKED_AT = ("index", "notebooks/06_seeing_thoughts", "notebooks/09_does_it_hold", "docs/cheatsheet", "docs/glossary")


class Built:
    """A book in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def pages(self) -> dict[str, str]:
        """Name without ending -> HTML."""
        found = sorted(p for p in self.folder.rglob("*.html") if p.parent != self.folder / "live")
        return {str(p.relative_to(self.folder).with_suffix("")): p.read_text(encoding="utf-8") for p in found}

    @cached_property
    def ids(self) -> dict[str, set[str]]:
        return {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in self.pages.items()}

    def article(self, name: str) -> str:
        return re.search(r"<article.*?</article>", self.pages[name], flags=re.DOTALL)[0]


def build(folder: Path) -> str:
    """The book as `make book` writes it, a warning being an error; returns what went wrong."""
    options = ["-W", "--keep-going", "-E", "-q", "-c", "docs", "-d", str(folder / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, ".", str(folder / "html")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "http_proxy": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return ran.stderr[-4000:] or "no word on why" if ran.returncode else ""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return Built(made_once(tmp_path_factory, "book", build) / "html")


def page_of(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix(""))


def saved_figures(path: Path) -> list[dict]:
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data[PLOTLY] for output in outputs if PLOTLY in output.get("data", {})]


@pytest.mark.thorough
def test_a_page_for_everything_and_a_way_to_it(book):
    for path in [*NOTEBOOKS, *DOCUMENTS]:
        title = re.search(r"<h1>(.*?)<a", book.pages[page_of(path)], flags=re.DOTALL)[1]
        assert title.strip()
        assert f'href="{page_of(path)}.html"' in book.pages["index"], "the sidebar of the front page leads there"
    for path in NOTEBOOKS:
        first = re.search(r"- (.*)", course_card(path))[1]
        assert html.escape(re.split(r"[$`*']", first)[0], quote=False) in book.article("index")
    for name, text in book.pages.items():
        if not name.startswith("_modules"):
            assert 'class="theme-toggle"' in text and 'name="q"' in text, f"{name}: theme switch and search"


@pytest.mark.thorough
def test_the_reference_has_every_module_and_what_is_said_below_a_name(book):
    for package in PACKAGES:
        for name, _ in modules(package, ROOT / package):
            assert f"docs/api/{name}" in book.pages
    settings = book.article("docs/api/atp_lite.rl.settings")
    for said in ("G, trajectories per question", "epsilon of the clipped ratio"):  # below fields
        assert said in settings
    assert "Exercises, notebook first" not in settings and "&lt;factory&gt;" not in settings
    aside = book.pages["docs/api/atp_lite.rl.settings"].partition('class="toc-tree"')[2]
    assert '<a class="reference internal" href="#atp_lite.rl.settings.RLSettings">RLSettings</a>' in aside
    assert "Characters of a caption" in book.article("docs/api/atp_lite.views.palette")  # below a constant
    codi = book.article("docs/api/atp_lite.methods.codi")
    assert re.search(r"<pre>.*?student  L_S = -log p\(a \| q", codi, flags=re.DOTALL), "an equation keeps its lines"
    assert not re.search(r" at 0x[0-9a-f]+", "".join(map(book.article, (n for n in book.pages if "/api/" in n))))


@pytest.mark.thorough
def test_nothing_is_loaded_from_elsewhere(book):
    for name, text in book.pages.items():
        for target in LOADS.findall(text):
            if not target.startswith(("data:", "#")):
                place = book.folder / name
                target = unquote(html.unescape(target)).partition("?")[0].partition("#")[0]
                assert (place.parent / target).is_file(), f"{name} loads {target}"
    for path in [*book.folder.rglob("*.css")]:
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8")), path.name


@pytest.mark.thorough
@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem != "13_silent_bugs"], ids=lambda path: path.stem)
def test_every_figure_is_there(book, path):
    text = book.pages[page_of(path)]
    drawn = re.findall(r'class="plot".*?<script type="application/json">(.*?)</script>', text)
    saved = saved_figures(path)
    assert saved
    assert [json.loads(one)["data"] for one in drawn] == [one["data"] for one in saved]
    assert text.count('plotly.min.js"') + text.count("plotly.min.js?") == 1
    assert all(html.unescape(one["layout"]["meta"]["caption"]) in html.unescape(text) for one in saved)
    badges = ["Open in Colab", "Open in Binder"] if public() else []
    assert "google.colab" not in text and re.findall(r">(Open in \w+)</a>", text) == badges
    assert not list(book.folder.glob("notebooks/plotly*")) and len(list(book.folder.rglob("plotly.min.js"))) == 1


@pytest.mark.thorough
def test_links_and_anchors_lead_somewhere(book):
    seen = 0
    for name, text in book.pages.items():
        for target in re.findall(r'<a\b[^>]*?\bhref="([^"]+)"', text):
            if re.match(r"[a-z]+:", target):
                continue
            seen += 1
            place, _, anchor = unquote(html.unescape(target)).partition("#")
            to = (book.folder / name).parent / place if place else book.folder / f"{name}.html"
            assert to.is_file(), f"{name}: {target}"
            if to.suffix == ".html" and anchor and to.parent.name != "live":
                found = str(to.resolve().relative_to(book.folder.resolve()).with_suffix(""))
                assert anchor in book.ids[found], f"{name}: {target}"
    assert seen > 5000
    assert 'href="../notebooks/09_does_it_hold.html#' in book.article("docs/glossary")


@pytest.mark.thorough
def test_solutions_are_folded_and_formulas_are_drawn(book):
    text = book.article("notebooks/09_does_it_hold")
    folded = re.findall(r"<details>\s*<summary>Solution</summary>.*?</details>", text, flags=re.DOTALL)
    assert len(folded) == len(re.findall(r"<h3[^>]*>Exercise 09\.", text)) == 5
    assert all('class="highlight' in solution for solution in folded)
    assert "<math" in text and "$$" not in text
    cheatsheet = book.article("docs/cheatsheet")
    assert cheatsheet.count("<math") > 40 and "&lt;|start-latent|&gt;" in cheatsheet and r"\|" not in cheatsheet


@pytest.mark.browser
@pytest.mark.parametrize(("name", "width"), [("docs/live", 390), ("notebooks/00_tour", 1280)])
def test_the_planners_think_in_the_book(book, name, width):
    from tools.browser import Watched, launched

    with launched() as browser:
        page = browser.new_context(offline=True, viewport={"width": width, "height": 900}).new_page()
        page.set_default_timeout(WAIT)
        watched = Watched(page)
        page.goto((book.folder / f"{name}.html").as_uri())
        frame = page.locator(".live iframe[src$='#move']").first
        frame.scroll_into_view_if_needed()
        inside = frame.content_frame
        inside.locator(".space:not(.coarse)").wait_for()
        assert inside.locator(".chain .answer b").count() == 2
        assert inside.locator("html").evaluate("it => it.scrollWidth <= it.clientWidth")
        assert watched.faults == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser_without_a_network(book, width, theme):
    from tools.browser import Watched, launched

    api = "docs/api/atp_lite.rl.settings"
    with launched() as browser:
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme).new_page()
        page.set_default_timeout(WAIT)
        watched = Watched(page)
        for name in (*LOOKED_AT, api):
            page.goto((book.folder / f"{name}.html").as_uri())
            page.wait_for_function("[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))")
            wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wider) == 0, f"{name} is wider than its window"
            blank = "[...document.querySelectorAll('.plot')].filter(p => !p.querySelector('.trace, .scatterlayer *,"
            assert page.evaluate(f"{blank} image, canvas')).length") == 0, f"{name} has a blank figure"
        behind = "getComputedStyle(document.body).backgroundColor"
        colours = {page.evaluate(behind)}
        for _ in range(2):  # automatic, light, dark
            page.locator(".theme-toggle:visible").first.click()
            page.wait_for_timeout(400)
            colours.add(page.evaluate(behind))
        assert len(colours) == 2, "light and dark"
        assert watched.faults == []
        page.goto((book.folder / "search.html").as_uri() + "?q=posterior")
        page.wait_for_selector("ul.search li a")
        assert not any(fault.startswith("request") for fault in watched.faults)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_figures_are_not_cut_off(book, width):
    from tools.browser import launched

    inside = """place => { const edge = place.getBoundingClientRect();
        return [...place.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && (box.left < edge.left - 1 || box.right > edge.right + 1
                || box.top < edge.top - 1 || box.bottom > edge.bottom + 1)).map(([text]) => text); }"""
    sideways = {}
    with launched() as browser:
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        page.set_default_timeout(WAIT)
        for path in sorted((book.folder / "notebooks").glob("*.html")):
            page.goto(path.as_uri())
            settled = "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg') && !crowded(p))"
            page.wait_for_function(settled)
            places = page.locator(".plot")
            cut = page.evaluate(f"[...document.querySelectorAll('.plot')].flatMap({inside})")
            assert cut == [], f"{path.stem}: texts beyond their figure"
            sideways[path.stem] = sum(places.evaluate_all("all => all.map(place => place.style.minWidth !== '')"))
    assert len(sideways) >= 20
    assert (sideways["08_planning_with_rl"] > 0) == (width < 720)  # six small panels do not fit a phone


# --- the pieces ---
def test_the_picture_of_the_house_is_drawn_by_its_script_and_names_what_there_is():
    assert architecture.OUT.read_text(encoding="utf-8") == architecture.picture()
    places = [place for box in architecture.BOXES for place in box.place.split()]
    assert len(places) >= 12
    for place in places:
        assert any((ROOT / "atp_lite" / folder / place).exists() for folder in ("", "model")), place


def test_a_blank_figure_is_rejected():
    with pytest.raises(ValueError, match="without data: .*nothing"):
        figure({"data": [], "layout": {"title": {"text": "nothing"}}})
    for empty in ({"x": [], "y": []}, {"y": [None, None]}, {"type": "heatmap"}):
        with pytest.raises(ValueError, match="without data"):
            figure({"data": [empty], "layout": {}})
    assert 'style="height:450px"' in figure({"data": [{"y": [0]}], "layout": {}})


def test_title_and_caption_become_text():
    notes = [{"name": "caption", "text": "one line<br>another"}, {"text": "a note"}]
    layout = {"height": 456, "margin": {"t": 84, "b": 98}, "annotations": notes}
    layout |= {"title": {"text": "T"}, "meta": {"title": "T", "caption": "one line another"}}
    made = figure({"data": [{"y": [1, 2]}], "layout": layout})
    drawn = json.loads(re.search(r"json\">(.*?)</script>", made)[1])["layout"]
    assert drawn["annotations"] == [{"text": "a note"}] and drawn["title"] is None
    assert drawn["height"] == 456 - 2 * 18 - 34 and drawn["margin"] == {"t": 50, "b": 62}
    assert "<figcaption>one line another</figcaption>" in made and 'class="plot-title">T<' in made


def test_an_explorer_becomes_a_live_page():
    pictures = [v4.new_output("display_data", {PNG: "AAAA\n"}), v4.new_output("stream", text="said")]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("RLMicroscope(run)\nRace(planners)", outputs=pictures)])
    draw(notebook)
    said, *pages = notebook.cells[0].outputs
    assert said.text == "said"
    found = [re.search(r'<iframe src="\.\./live/index\.html#(\w+)" title="(.+?)"', p.data["text/html"]) for p in pages]
    assert [page.groups() for page in found] == [("watch", "Watch it learn"), ("race", "Race")]


def test_formulas():
    assert "<mo>&#x0223C;</mo>" in mathml(r"x \sim N", "inline")
    assert "<mi>log</mi><mspace" in mathml(r"\log x", "inline")
    assert "<mi>log</mi><mo" in mathml(r"\log(x)", "inline")
    with pytest.raises(ValueError, match="nosuchthing"):
        mathml(r"\nosuchthing x", "inline")


def test_links_to_sections_and_badges():
    path = ROOT / "notebooks" / "09_does_it_hold.ipynb"
    heading = next(m for m in re.findall(r"## (2 · [^\"\\]+)", path.read_text(encoding="utf-8")))
    link = f"../notebooks/{path.name}"
    assert adapt(f"[09, section\n2]({link})") == f"[09, section\n2]({link}#{slug(heading)})"
    assert adapt("[![Open](https://x.org/a.svg)](https://y.org)") == "[Open](https://y.org)"
    with pytest.raises(ValueError, match="no section 99"):
        adapt(f"[section 99]({link})")


def test_anchors_are_those_of_github():
    assert slug("pass@k") == "passk"
    assert slug("7 · Turn beta up: posterior collapse") == "7--turn-beta-up-posterior-collapse"


def test_docstrings_in_markdown_become_restructured_text():
    text = """Reads `a|b` and x_ * y.

    L = |x|_1
      + more

- one `a`
- two
  goes on
Then text.

Args:
    x: what *is* given.
"""
    made = "\n".join(to_rst(text.splitlines()))
    assert "Reads ``a|b`` and x\\_ \\* y." in made
    assert "::\n\n    L = |x|_1\n      + more\n" in made
    assert "\n\n- one ``a``\n- two\n  goes on\n\nThen text." in made
    assert made.endswith("Args:\n    x: what \\*is\\* given.")
