"""Slides made from the notebooks: what is on which, and that a page needs no network."""

import os
import re

import pytest
from nbformat import v4

from tools import slides
from tools.notebooks import FOLDER, INSTALL, number_of
from tools.slides import divided, self_contained

REQUIRED = os.environ.get("ATP_LITE_NODE") == "required"


def test_formulas_pictures_and_links_are_inside():
    made = self_contained(
        "[![Open](https://x.org/a.svg)](https://y.org)\nIt costs `$5$`, see [07](07_x.ipynb), $x^2$.\n"
    )
    assert made.startswith("It costs `$5$`, see 07, <math") and "<msup>" in made
    assert self_contained("![loop](../docs/img/idea-loop.svg)").startswith(
        '<img alt="loop" src="data:image/svg+xml;base64,'
    )
    assert self_contained("a<details><summary>Hint</summary>\n\nb\n</details>c") == "ac"


def test_text_and_its_code_are_one_slide():
    cell, code = v4.new_markdown_cell, v4.new_code_cell
    install = code("pip", metadata={"tags": [INSTALL]})
    cells = [
        cell("# T"),
        install,
        code("a"),
        cell("p"),
        code("b"),
        code("c"),
        cell("## S"),
        cell("q"),
        cell("### E"),
        code("d"),
    ]
    found = [[[c.source for c in one] for one in column] for column in divided(v4.new_notebook(cells=cells))]
    assert found == [[["# T", "a"], ["p", "b", "c"]], [["## S", "q"], ["### E", "d"]]]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_slides_open_without_a_network(path, tmp_path):
    if not slides.REVEAL.is_dir() and not REQUIRED:
        pytest.skip("reveal.js is missing: run `npm ci --prefix web`")
    from tools.browser import Watched, launched

    (made,) = slides.write(tmp_path, [path.stem])
    cells = slides.nbformat.read(path, as_version=4).cells
    headings = [cell for cell in cells if cell.cell_type == "markdown" and re.match("##? ", cell.source)]
    with launched() as browser:
        watched = Watched(browser.new_context(offline=True, viewport={"width": 1280, "height": 800}).new_page())
        page = watched.page
        page.goto(made.as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=300_000)
        assert page.evaluate("Reveal.getHorizontalSlides().length") == len(headings)
        first = page.locator("section.present h1").inner_text()
        page.keyboard.press("Space")
        page.wait_for_function("Reveal.getSlidePastCount() === 1")
        assert first.startswith(f"{number_of(path.stem)} ")
        assert page.evaluate("Reveal.getSlides().every((one) => one.scrollWidth <= one.clientWidth + 1)")
        assert watched.faults == []
