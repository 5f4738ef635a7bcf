"""Badges, install cells and words of the cards: written from one address and one glossary, and true."""

import contextlib
import importlib.machinery
import io
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import plotly.io
import pytest
import yaml

from tools.badges import CELL, badges, dressed, main, repository, with_map, with_words, words
from tools.notebooks import INSTALL

ROOT = Path(__file__).resolve().parent.parent
DRESSED = [ROOT / "README.md", *sorted((ROOT / "notebooks").glob("*.ipynb"))]
GLOSSARY = """# Glossary

**L** [Latent](#latent) · [Loss](#loss) · **P** [pass@k](#passk)

## Latent

A vector.

*Learn it:* [03, section 2](../notebooks/03_x.ipynb), [00, section
1](../notebooks/00_tour.ipynb).

## Loss

*Learn it:* [03, section 1](../notebooks/03_x.ipynb), [03b, section 2](../notebooks/03b_z.ipynb).

## pass@k

*Learn it:* [03, section 2](../notebooks/03_x.ipynb).
"""


@pytest.mark.parametrize("path", DRESSED, ids=lambda path: path.stem)
def test_the_tool_has_nothing_left_to_write(path):
    assert dressed(path) == path.read_text(encoding="utf-8"), "run `python -m tools.badges`"


def test_the_address_is_written_by_hand_in_one_place():
    project = repository().removeprefix("https://github.com/")
    generated = ("[![Open in Colab]", "    place = ")
    for path in [*ROOT.glob("*.*"), *ROOT.glob("*/*.md"), *ROOT.glob("*/*.py"), *ROOT.glob("notebooks/*")]:
        if path.is_file() and path.suffix in {".md", ".py", ".toml", ".yml", ".ipynb"}:
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if f"github.com/{project}" in line]
            if path.suffix == ".ipynb":
                lines = [line.strip().lstrip('"') for line in lines]
                lines = ["    place = " if line.startswith("    place = ") else line for line in lines]
            by_hand = [line for line in lines if not line.startswith(generated)]
            assert len(by_hand) == (path.name == "pyproject.toml"), path.name


def test_badges_by_hand():
    colab_badge, binder_badge = badges("https://github.com/ann/thoughts", "03_x").split(" [!")
    assert colab_badge.endswith(
        "(https://colab.research.google.com/github/ann/thoughts/blob/main/notebooks/03_x.ipynb)"
    )
    assert binder_badge.endswith("(https://mybinder.org/v2/gh/ann/thoughts/main?labpath=notebooks%2F03_x.ipynb)")


def test_words_come_from_the_glossary_in_the_order_of_sections():
    latent, loss = "[Latent](../docs/glossary.md#latent)", "[Loss](../docs/glossary.md#loss)"
    passk = "[pass@k](../docs/glossary.md#passk)"
    assert words(GLOSSARY, "03_x") == [loss, latent, passk]
    assert words(GLOSSARY, "00_tour") == [latent]
    assert words(GLOSSARY, "03b_z") == [loss] and words(GLOSSARY, "04_y") == []
    card = "# T\n\n| | |\n|---|---|\n| **Time** | x |\n\nText."
    filled = with_words(card, [loss, latent])
    assert filled == card.replace("x |\n", f"x |\n| **Words** | {loss} · {latent} |\n")
    assert with_words(filled, [latent]) == card.replace("x |\n", f"x |\n| **Words** | {latent} |\n")
    assert with_words(filled, []) == card


def test_badges_only_where_the_address_can_be_opened(tmp_path):
    project = '[project.urls]\nRepository = "https://github.com/ann/a"\n[tool.atp-lite]\npublic = '
    page = tmp_path / "README.md"
    page.write_text("# P\n\nText.\n")
    for said, badged in (("true", True), ("false", False)):
        (tmp_path / "pyproject.toml").write_text(project + said)
        page.write_text(dressed(page, tmp_path))
        assert ("Open in Binder" in page.read_text()) == badged
    assert page.read_text() == "# P\n\nText.\n"


def test_a_card_ends_with_one_map():
    card = "# T\n\n| **Time** | x |\n\nText."
    mapped = with_map(card, "03")
    assert "../docs/img/map-03b.svg" in with_map(card, "03b")
    assert mapped.startswith(f"{card}\n\n<details>\n") and mapped.count("../docs/img/map-03.svg") == 1
    assert with_map(with_map(card, "12"), "03") == mapped


def test_when_the_repository_moves_every_page_follows_and_no_other_cell_changes(tmp_path):
    def moved(address):
        (tmp_path / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{address}"\n')
        assert main(tmp_path) == 0
        return nbformat.read(tmp_path / "notebooks" / "03_x.ipynb", as_version=4)

    v4 = nbformat.v4
    (tmp_path / "docs").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "docs" / "glossary.md").write_text(GLOSSARY)
    (tmp_path / "README.md").write_text("# P\n\nText.\n")
    cells = [v4.new_markdown_cell("# T\n\n| **Time** | x |"), v4.new_code_cell("1", execution_count=1)]
    cells.append(v4.new_code_cell("never run"))
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "notebooks" / "03_x.ipynb")
    first = moved("https://github.com/ann/a")
    second = moved("https://github.com/bob/b")
    assert [cell.cell_type for cell in second.cells] == ["markdown", "code", "code", "code"]
    assert [cell.get("execution_count") for cell in second.cells] == [None, 0, 1, None]
    assert second.cells[1].metadata.tags == [INSTALL] and "github.com/bob/b#egg" in second.cells[1].source
    assert second.cells[2:] == first.cells[2:] and second.cells[:2] != first.cells[:2]
    assert "ann" not in nbformat.writes(second) + (tmp_path / "README.md").read_text()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    main(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == before
    with pytest.raises(ValueError, match="'ftp://x'.*https://github.com/OWNER/NAME"):
        moved("ftp://x")


def run_cell():
    """Run the install cell as a kernel would; what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        exec(CELL.format(repository=repository()), {})
    return printed.getvalue()


@pytest.fixture
def commands(monkeypatch):
    """What would have been run."""
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: asked.append((command, options)))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return asked


def test_the_install_cell_does_nothing_here(commands):
    before = list(sys.path)
    assert run_cell() == ""
    assert commands == [] and sys.path == before


def test_the_install_cell_installs_the_whole_repository_on_colab(commands, monkeypatch, request):
    switched_on = []
    google, module, output = (types.ModuleType(name) for name in ("google", "google.colab", "google.colab.output"))
    output.enable_custom_widget_manager = lambda: switched_on.append("widgets")
    google.colab, module.output = module, output
    for pretended in (google, module, output):  # as a real module has: whoever looks for one asks for its spec
        pretended.__spec__ = importlib.machinery.ModuleSpec(pretended.__name__, None)
    for fake in (google, module, output):
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    usual = plotly.io.renderers["plotly_mimetype"]
    request.addfinalizer(lambda: plotly.io.renderers.__setitem__("plotly_mimetype", usual))
    assert run_cell() == ""
    ((command, options),) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "install"] and options == {"check": True}
    assert command[-2:] == ["-e", f"git+{repository()}#egg=atp-lite"]
    folder = Path(command[command.index("--src") + 1]) / "atp-lite"  # where pip puts an editable checkout
    assert sys.path[0] == str(folder)
    assert switched_on == ["widgets"]
    assert plotly.io.renderers["plotly_mimetype"] is plotly.io.renderers["colab"]


def test_binder_installs_the_lock_too():
    here, there = (yaml.safe_load((ROOT / name).read_text()) for name in ("environment.yml", ".binder/environment.yml"))
    *plain, of_pip = here.pop("dependencies")
    *plain_there, of_pip_there = there.pop("dependencies")
    assert (there, plain_there) == (here, plain)
    index, *rest = of_pip_there["pip"]
    assert index.startswith("--extra-index-url ")
    assert [line.replace("-e .", "-e ..").replace("-r ", "-r ../") for line in of_pip["pip"]] == rest
    assert (ROOT / ".binder" / rest[0].removeprefix("-r ")).resolve() == ROOT / "requirements.lock"
    assert not (ROOT / "binder").exists()  # Binder would not know which to take
