"""The book: pages that need no network, with every figure, every formula and every fold."""

import json
import re

import pytest

from tools.book import PLOTLY, ROOT, Source, mathml, offline, slug, sources, write

LOADS = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']([^\"']+)[\"']")
CHOSEN = ("03_latent_tokens.ipynb", "09_does_it_hold.ipynb", "glossary.md", "cheatsheet.md", "claims.md")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book of two notebooks and three documents."""
    out = tmp_path_factory.mktemp("book")
    write(out, [source for source in sources() if source.path.name in CHOSEN])
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(out.glob("*.html"))}, out


def saved_figures(source: Source) -> list[dict]:
    outputs = [output for cell in source.notebook.cells for output in cell.get("outputs", [])]
    return [output.data[PLOTLY] for output in outputs if PLOTLY in output.get("data", {})]


@pytest.mark.slow
def test_a_page_each_and_an_index(book):
    pages, _ = book
    assert sorted(pages) == sorted(["index.html", *(source.page for source in sources() if source.path.name in CHOSEN)])
    course = [source for source in sources() if source.path.name in CHOSEN and source.notebook]
    for source in course:
        assert f'<a href="{source.page}">{source.title.replace(chr(39), "&#x27;")}</a>' in pages["index.html"]
        assert source.card["You can do afterwards"].split("; ")[0].split("$")[0] in pages["index.html"]


def test_badges_are_plain_links_and_the_install_cell_is_left_out(book):
    pages, _ = book
    for source in sources():
        if source.notebook is not None and source.page in pages:
            text = pages[source.page]
            assert re.findall(r">(Open in \w+)</a>", text) == ["Open in Colab", "Open in Binder"]
            assert "badge" not in re.sub(r'href="[^"]+"', "", text) and "google.colab" not in text
            assert not source.opening.startswith("[")
    assert "Open in" not in pages["index.html"]


def test_nothing_is_loaded_from_elsewhere(book):
    pages, out = book
    for name, text in pages.items():
        loaded = LOADS.findall(text)
        assert "book.css" in loaded
        for target in loaded:
            assert (out / target).is_file(), f"{name} loads {target}"
        assert not re.search(r"cdn|import\s*[\"'(]|url\(", re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)), name
    assert not re.search(r"url\(|@import", (out / "book.css").read_text())


def test_pages_have_their_figures(book):
    pages, _ = book
    for source in sources():
        if source.notebook is None or source.page not in pages:
            continue
        drawn = re.findall(r'class="figure".*?<script type="application/json">(.*?)</script>', pages[source.page])
        saved = saved_figures(source)
        assert len(saved) >= 2
        assert [json.loads(text)["data"] for text in drawn] == [figure["data"] for figure in saved]
        assert 'src="plotly.min.js"' in pages[source.page]


def test_every_notebook_loses_its_loaders_and_keeps_its_tables():
    for source in sources():
        if source.notebook is not None:
            text = json.dumps([cell.get("outputs", []) for cell in offline(source.notebook).cells])
            assert "https://cdn" not in text, source.path.name
            assert text.count('class=\\"figure\\"') == len(saved_figures(source))


def test_links_and_anchors_lead_somewhere(book):
    pages, _ = book
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in pages.items()}
    seen = 0
    for name, text in pages.items():
        for target in re.findall(r'<a href="([^"]+)"', text):
            place, _, anchor = target.partition("#")
            if not place.startswith("https:"):
                seen += 1
                assert (place or name) in pages, f"{name}: {target}"
                assert not anchor or anchor in ids[place or name], f"{name}: {target}"
    assert seen > 200
    assert 'href="09_does_it_hold.html#section-2"' in pages["glossary.html"]


def test_solutions_are_folded_and_formulas_are_drawn(book):
    pages, _ = book
    text = pages["09_does_it_hold.html"]
    folded = re.findall(r"<details>\s*<summary>Solution</summary>.*?</details>", text, flags=re.DOTALL)
    assert len(folded) == len(re.findall(r"<h3[^>]*>Exercise 09\.", text)) == 5
    assert all('class="highlight"' in solution for solution in folded)
    assert "<math" in text and "$$" not in text
    assert pages["cheatsheet.html"].count("<math") > 40
    assert "<code>&lt;|start-latent|&gt;</code>" in pages["cheatsheet.html"] and r"\|" not in pages["cheatsheet.html"]


def test_formulas():
    assert "<mo>&#x0223C;</mo>" in mathml(r"x \sim N", "inline")
    assert "<mi>log</mi><mspace" in mathml(r"\log x", "inline")
    assert "<mi>log</mi><mo" in mathml(r"\log(x)", "inline")
    with pytest.raises(ValueError, match="nosuchthing"):
        mathml(r"\nosuchthing x", "inline")


def test_anchors_are_those_of_github():
    assert slug("pass@k") == "passk"
    assert slug("7 · Turn beta up: posterior collapse") == "7--turn-beta-up-posterior-collapse"


def test_the_style_knows_dark_pages(book):
    _, out = book
    assert (out / "book.css").read_text().count("prefers-color-scheme: dark") == 2
    assert (ROOT / "Makefile").read_text().count("tools.book") == 1
