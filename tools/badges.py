"""Write what is the same in every notebook: badges, install cells, and in the cards a row of words and a map.

    python -m tools.badges

The address stands in one place, `Repository` in pyproject.toml. Once the repository is public there (`public` in
`[tool.atp-lite]`), README.md and every notebook's card get badges that open them on Colab and Binder; every notebook
gets a first code cell that installs the project on Colab and does nothing anywhere else, a line of its card that links
the words it teaches, and below the card the map of the course, folded.
Nothing is executed, and what is right already stays as it is.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

import nbformat

from tools.notebooks import INSTALL, normalise, number_of

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "main"
COLAB, BINDER = "[![Open in Colab]", "[![Open in Binder]"
COLAB_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
BINDER_IMAGE = "https://mybinder.org/badge_logo.svg"
TAUGHT = re.compile(r"\[\d\d[a-z]?,\ssection\s(\d+)\]\(\.\./notebooks/(\w+)\.ipynb\)")
CARD_ROW = re.compile(r"^\| \*\*.+\|$", re.MULTILINE)
WORDS = "| **Words** |"
MAP = """

<details>
<summary>You are here: map of the course</summary>

![Map of the course, with this notebook marked](../docs/img/map-{number}.svg)

</details>"""
"""The last lines of a card."""
CELL = """\
import sys

if "google.colab" in sys.modules:  # on Colab only: install the project, data and all, which takes some minutes
    import subprocess

    place = "git+{repository}#egg=atp-lite"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--src", "/content", "-e", place], check=True)
    sys.path.insert(0, "/content/atp-lite")
    from atp_lite.views.colab import prepare

    prepare()"""
"""The first code cell. An editable install is a whole checkout, so `data/` comes along."""


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def repository(root: Path = ROOT) -> str:
    """The public address, `https://github.com/OWNER/NAME`.

    Raises:
        ValueError: it is none of GitHub's, which Colab and Binder need here.
    """
    address = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise ValueError(f"Repository in pyproject.toml is {address!r}: write https://github.com/OWNER/NAME")
    return address


def public(root: Path = ROOT) -> bool:
    """Whether the address can be opened yet; else badges would lead nowhere."""
    tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    return bool(tools.get("atp-lite", {}).get("public", True))


def badges(address: str, name: str) -> str:
    """One line of Markdown: two badges that open notebook `name`."""
    project = address.removeprefix("https://github.com/")
    path = f"notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{project}/blob/{BRANCH}/{path}"
    binder = f"https://mybinder.org/v2/gh/{project}/{BRANCH}?labpath={quote(path, safe='')}"
    return f"{COLAB}({COLAB_IMAGE})]({colab}) {BINDER}({BINDER_IMAGE})]({binder})"


def with_badges(text: str, line: str) -> str:
    """The page or card with this line of badges below its title, and no other; an empty line takes them away."""
    title, *rest = [block for block in text.split("\n\n") if not block.startswith(COLAB)]
    return "\n\n".join([title, *filter(None, [line]), *rest])


def words(glossary: str, name: str) -> list[str]:
    """Links to the terms whose entries say that notebook `name` teaches them, in the order of its sections."""
    found = []
    for entry in re.split(r"^## ", glossary, flags=re.MULTILINE)[1:]:
        term = entry.split("\n", 1)[0]
        if sections := [int(section) for section, notebook in TAUGHT.findall(entry) if notebook == name]:
            found.append((min(sections), term.lower(), f"[{term}](../docs/glossary.md#{slug(term)})"))
    return [link for *_, link in sorted(found)]


def with_words(card: str, links: list[str]) -> str:
    """The card with a last line of its table that links these words; without words, without the line."""
    card = "\n".join(line for line in card.split("\n") if not line.startswith(WORDS))
    if not links:
        return card
    *_, last = CARD_ROW.finditer(card)
    return f"{card[: last.end()]}\n{WORDS} {' · '.join(links)} |{card[last.end() :]}"


def with_map(card: str, number: str) -> str:
    """The card with the map of the course at its end, folded, and no other; `number` is the notebook's."""
    return card.split(MAP.split("{")[0])[0] + MAP.format(number=number)


def dress(notebook: nbformat.NotebookNode, name: str, address: str, glossary: str, badged: bool = True) -> None:
    """Give a notebook its badges, its words, its map and its install cell."""
    card = notebook.cells[0]
    card.source = with_badges(card.source, badges(address, name) if badged else "")
    card.source = with_words(card.source, words(glossary, name))
    card.source = with_map(card.source, number_of(name))
    rest = [cell for cell in notebook.cells[1:] if INSTALL not in cell.metadata.get("tags", [])]
    install = nbformat.v4.new_code_cell(CELL.format(repository=address), metadata={"tags": [INSTALL]})
    install.execution_count = 0
    notebook.cells = [card, install, *rest]
    normalise(notebook)


def dressed(path: Path, root: Path = ROOT) -> str:
    """What README.md or a notebook should be, as text."""
    address = repository(root)
    if path.suffix == ".md":
        return with_badges(path.read_text(encoding="utf-8"), badges(address, "00_tour") if public(root) else "")
    notebook = nbformat.read(path, as_version=4)
    dress(notebook, path.stem, address, (root / "docs" / "glossary.md").read_text(encoding="utf-8"), public(root))
    return nbformat.writes(notebook) + "\n"


def main(root: Path = ROOT) -> int:
    for path in [root / "README.md", *sorted((root / "notebooks").glob("*.ipynb"))]:
        text = dressed(path, root)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(root)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
