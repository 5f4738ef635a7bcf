"""Still images of figures and explorers in the notebooks."""

import base64
import io
from pathlib import Path

import nbformat
import pytest
from nbformat import v4
from PIL import Image

from tools import stills
from tools.notebooks import normalise, refresh
from tools.stills import PLOTLY, PNG, WIDTH, add_stills, faults, figures, still_of

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_reader_meets_a_blank(path):
    notebook = nbformat.read(path, as_version=4)
    assert faults(notebook) == []
    for output in figures(notebook):
        assert set(output.data) == {PLOTLY, PNG}, "HTML would hide the still on GitHub"
        picture = Image.open(io.BytesIO(base64.b64decode(output.data[PNG])))
        height = output.data[PLOTLY]["layout"]["height"]
        assert picture.size == (WIDTH, height) and len(picture.convert("RGB").getcolors()) >= 4, "something is drawn"


def drawn_by(values) -> dict:
    return {"data": [{"type": "scatter", "y": list(values)}], "layout": {"height": 300}}


def notebook_with(*drawn: dict) -> nbformat.NotebookNode:
    cells = [v4.new_code_cell("fig.show()", outputs=[v4.new_output("display_data", {PLOTLY: f})]) for f in drawn]
    return v4.new_notebook(cells=cells)


def test_only_what_has_changed_is_drawn_anew(monkeypatch):
    asked = []

    def draw(drawn):
        asked.extend(drawn)
        return [str(f["data"][0]["y"]) for f in drawn]

    monkeypatch.setattr(stills, "draw", draw)
    before = notebook_with(drawn_by([1, 2]), drawn_by([3, 4]))
    assert faults(before) == ["a figure without its still: fig.show()"] * 2
    assert add_stills(before) == 2 and faults(before) == []
    after = notebook_with(drawn_by([3, 4]), drawn_by([1, 5]), drawn_by([1, 5]))
    assert add_stills(after, before) == 1 and asked[2:] == [drawn_by([1, 5])]
    assert [still_of(output) for output in figures(after)] == ["[3, 4]", "[1, 5]", "[1, 5]"]
    figures(after)[0].data[PLOTLY]["layout"]["height"] = 400
    assert still_of(figures(after)[0]) is None and len(faults(after)) == 1, "the still is that of another figure"
    tidy = nbformat.from_dict(before)
    normalise(tidy)
    assert faults(tidy) == [], "normalising keeps stills"


@pytest.mark.slow
def test_an_explorer_has_its_picture_or_a_link_to_it():
    text = v4.new_markdown_cell("[so](../docs/img/explorer-space.png)")
    linked, bare = v4.new_code_cell("SpaceExplorer({})"), v4.new_code_cell("x = 1\nLatentDebugger(planner, p)")
    notebook = v4.new_notebook(cells=[text, linked, bare, v4.new_code_cell("LatentDebugger")])
    assert faults(notebook) == ["an explorer without a picture: LatentDebugger(planner, p)"]
    assert add_stills(notebook) == 0, "nothing to draw, so no browser is needed"
    assert add_stills(notebook) == 0, "a second time adds nothing"
    assert [len(cell.get("outputs", [])) for cell in notebook.cells] == [0, 0, 1, 0] and faults(notebook) == []


def test_without_chromium_a_run_is_kept_and_said_to_lack_its_stills(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tools.browser.chromium_path", lambda: None)
    path = tmp_path / "10_x.ipynb"
    nbformat.write(notebook_with(drawn_by([1, 2])), path)
    refresh(path, run=False)
    assert "10_x.ipynb: some figures have no still image (no chromium found" in capsys.readouterr().err
    assert len(faults(nbformat.read(path, as_version=4))) == 1


@pytest.mark.browser
def test_a_still_shows_the_figure():
    red, blue = (drawn_by([0, 1]) | {"layout": {"height": 300, "paper_bgcolor": c}} for c in ("red", "blue"))
    pictures = [Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB") for png in stills.draw([red, blue])]
    assert [picture.size for picture in pictures] == [(WIDTH, 300)] * 2
    (r, _, _), (_, _, b) = (picture.getpixel((3, 3)) for picture in pictures)
    assert r > 240 and b > 240 and pictures[0].getpixel((3, 3))[2] < 20
