"""Run notebooks again in place, and leave in them only what the next run would write too.

    python -m tools.notebooks                                   every notebook in notebooks/
    python -m tools.notebooks 00_tour 08                        those whose names begin so: 08 and 08b; 08_ is 08 alone
    python -m tools.notebooks --stills 08                       nothing is run; still images alone (tools/stills.py)
    python -m tools.notebooks --without-solutions exercises     copies into a folder; nothing is run

Every cell runs in a fresh kernel with one thread, as in the tests. Then widget state, times, versions and random ids
go, so that a second run changes nothing except in cells tagged `nbval-ignore-output`. A notebook in which a cell fails,
or that grows too large, is not written.

Cells that were run are numbered 1, 2, 3, ... from the top, whatever a kernel counted. The install cell, which does
nothing outside Colab, is number 0: adding it to a notebook, or changing it, leaves all other numbers as they are.
"""

from __future__ import annotations

import os
import re
import sys
import time
from copy import deepcopy
from hashlib import blake2b
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.stills import add_stills

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
MAX_BYTES = 300_000
CELL_TIMEOUT = 1800
"""Seconds that one cell may take."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
QUIET = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
INSTALL = "install"
"""Tag of the install cell, see tools/badges.py."""
SOLUTION = re.compile(r"<details>\n<summary>Solution</summary>\n.*?\n</details>\n*", re.DOTALL)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run every cell, top to bottom, in a fresh kernel that works in `folder`."""
    os.environ.update(ONE_THREAD | QUIET)  # the kernel inherits them
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Take out what differs from run to run or from machine to machine."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        cell.id = cell_id(cell.cell_type + cell.source, seen)
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": sorted(tags)} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = tidy(cell.outputs)
    renumber(notebook)
    number = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            for random_id in dict.fromkeys(UUID.findall(html)):
                html = html.replace(random_id, f"00000000-0000-0000-0000-{number:012d}")
                number += 1
            if html:
                output["data"]["text/html"] = html


def renumber(notebook: nbformat.NotebookNode) -> None:
    """Number the cells that were run from the top; the install cell is 0. A cell that was not run keeps no number."""
    number = 0
    for cell in notebook.cells:
        if cell.get("execution_count") is None:
            continue
        if INSTALL in cell.metadata.get("tags", []):
            cell.execution_count = 0
        else:
            number += 1
            cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook without its folded solutions. A cell that holds nothing else goes."""
    kept = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = SOLUTION.sub("", cell.source).rstrip("\n")
        if cell.cell_type != "markdown" or cell.source:
            kept.append(cell)
    notebook.cells = kept
    return notebook


def write_exercises(out: Path, folder: Path = FOLDER) -> list[Path]:
    """Write every notebook without its solutions into `out`; links hold where `out` lies beside docs/ and notebooks/.

    Raises:
        ValueError: `out` is the folder of the notebooks itself.
    """
    if out.resolve() == folder.resolve():
        raise ValueError(f"{out} holds the notebooks themselves: name another folder")
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for path in chosen([], folder):
        written.append(out / path.name)
        notebook = without_solutions(nbformat.read(path, as_version=4))
        written[-1].write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return written


def number_of(name: str) -> str:
    """A notebook's number, two digits and perhaps a letter: "04b" of "04b_a_posterior"."""
    return name.split("_")[0]


def cell_id(content: str, seen: dict[str, int]) -> str:
    """An id that depends on the cell's text alone; the second cell of one text gets another."""
    found = blake2b(content.encode(), digest_size=4).hexdigest()
    seen[found] = seen.get(found, 0) + 1
    return found if seen[found] == 1 else f"{found}-{seen[found]}"


def tidy(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Without progress bars (a widget without its state is an error message), and text in one piece.

    A widget that says something in HTML is left with that. How many pieces a cell's text comes in depends on timing.
    """
    kept: list[nbformat.NotebookNode] = []
    for output in outputs:
        if WIDGET_VIEW in output.get("data", {}):
            if "text/html" not in output.data:
                continue
            del output.data[WIDGET_VIEW]
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def refresh(path: Path, run: bool = True) -> None:
    """Execute (or not), normalise and write one notebook, with its stills.

    Raises:
        CellExecutionError: a cell failed.
        ValueError: the notebook grew too large.
    """
    before = nbformat.read(path, as_version=4)
    notebook = deepcopy(before)
    if run:
        execute(notebook, path.parent)
    normalise(notebook)
    try:
        add_stills(notebook, before)
    except FileNotFoundError as error:  # what was run is worth more than its pictures
        print(f"{path.name}: some figures have no still image ({error})", file=sys.stderr)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    if (size := len(text.encode())) > MAX_BYTES:
        raise ValueError(f"{path.name} has {size // 1000} kB, {MAX_BYTES // 1000} at most: show smaller figures")
    path.write_text(text, encoding="utf-8")


def chosen(names: list[str], folder: Path = FOLDER) -> list[Path]:
    """The notebooks whose names begin with one of `names` (a path will do); all of them without any.

    Raises:
        ValueError: a name fits no notebook.
    """
    every = sorted(folder.glob("*.ipynb"))
    found = []
    for name in names:
        fitting = [path for path in every if path.name.startswith(Path(name).name)]
        if not fitting:
            there = ", ".join(path.stem for path in every) or "none"
            raise ValueError(f"no notebook begins with {name!r}: there are {there}")
        found += fitting
    return list(dict.fromkeys(found)) if names else every


def main(names: list[str]) -> int:
    if names[:1] == ["--without-solutions"]:
        if len(names) != 2:
            raise ValueError("--without-solutions takes one folder to write to, such as exercises")
        written = write_exercises(Path(names[1]))
        print(f"{len(written)} notebooks without solutions in {written[0].parent}")
        return 0
    run = names[:1] != ["--stills"]
    failed = 0
    for path in chosen(names if run else names[1:]):
        started = time.perf_counter()
        try:
            refresh(path, run)
        except (CellExecutionError, ValueError) as error:
            failed += 1
            print(f"{path.name}: not written\n{error}", file=sys.stderr)
        else:
            seconds = time.perf_counter() - started
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
