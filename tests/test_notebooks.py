"""The notebooks as lessons: their cards, their exercises and folded solutions, and the tool that runs them.

That cells were run, sizes, widget state and private imports are looked at in test_project.py.
"""

import contextlib
import io
import json
import re
from pathlib import Path

import nbformat
import pytest

from tools.notebooks import cell_id, chosen, normalise, tidy

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CARD = ("You can do afterwards", "Builds on", "Difficulty", "Time", "Hardware", "Trained here", "Loaded")
FEWEST_EXERCISES = {"00_tour": 2, "08_planning_with_rl": 3, "09_does_it_hold": 3}
HEADING = re.compile(r"^### Exercise (\d\d\.\d+) · .+$", re.MULTILINE)
EFFORT = re.compile(r"\*Difficulty: (easy|medium|hard) · \d+ minutes\*")
SOLUTION = re.compile(r"<details>\n<summary>Solution</summary>\n\n(.*?)\n</details>", re.DOTALL)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[tuple[str, str]]:
    return [(c["cell_type"], "".join(c["source"])) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def lesson_faults(notebook: list[tuple[str, str]], prefix: str) -> list[str]:
    """What is missing of card, exercises, solutions and ending. `prefix`: the notebook's two digits."""
    text = "\n\n".join(source for kind, source in notebook if kind == "markdown")
    faults = [f"the card lacks {part!r}" for part in CARD if f"| **{part}** |" not in notebook[0][1]]
    faults += [f"no {part!r}" for part in ("What can go wrong", "## Recap", "**Next:**") if part not in text]
    first = next(source for kind, source in notebook if kind == "code")
    if "torch.set_num_threads(1)" not in first:
        faults.append("the first code cell does not set one thread")
    for i, (kind, source) in enumerate(notebook):
        found = HEADING.findall(source) if kind == "markdown" else []
        if not found:
            continue
        number = found[-1]
        after = source[source.rindex(f"### Exercise {number}") :]
        code, folded = (notebook[i + k][1] if i + k < len(notebook) else "" for k in (1, 2))
        if len(found) > 1 or not number.startswith(f"{prefix}."):
            faults.append(f"{', '.join(found)}: one exercise of this notebook for each cell")
        if not EFFORT.search(after):
            faults.append(f"{number}: no difficulty or no minutes")
        if f'check("{number}", ' not in code:
            faults.append(f"{number}: the next cell does not check it")
        if not folded.startswith("<details>") or not SOLUTION.search(folded) or f'check("{number}", ' not in folded:
            faults.append(f"{number}: no folded solution that is checked")
    return faults


def solutions(path: Path) -> dict[str, str]:
    """Exercise number -> the code of its folded solution."""
    found = {}
    for kind, source in cells(path):
        for solution in SOLUTION.findall(source) if kind == "markdown" else []:
            code = "\n".join(re.findall(r"```python\n(.*?)```", solution, re.DOTALL))
            for number in re.findall(r'check\("([^"]+)"', code):
                found[number] = code
    return found


@every_notebook
def test_notebook_is_a_lesson(path):
    assert lesson_faults(cells(path), path.name[:2]) == []


@every_notebook
def test_there_are_enough_exercises(path):
    numbers = [n for kind, source in cells(path) if kind == "markdown" for n in HEADING.findall(source)]
    assert len(numbers) >= FEWEST_EXERCISES.get(path.stem, 2)
    assert numbers == [f"{path.name[:2]}.{i + 1}" for i in range(len(numbers))]
    assert set(solutions(path)) == set(numbers)


SOLVED = [(path, number) for path in NOTEBOOKS for number in solutions(path)]


@pytest.mark.parametrize(("path", "number"), SOLVED, ids=[number for _, number in SOLVED])
def test_folded_solution_is_right(path, number):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(solutions(path)[number], {})
    assert printed.getvalue().startswith(f"{number}: right.")


@every_notebook
def test_links_lead_somewhere(path):
    text = "\n".join(source for kind, source in cells(path) if kind == "markdown")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (path.parent / target).exists(), target
    for folder in re.findall(r"`((?:atp_lite|data|docs)/[\w./-]+)`", text):
        assert (ROOT / folder).exists(), folder


@every_notebook
def test_nothing_of_the_machine_is_left(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert re.findall(r"/(?:home|root|tmp|work|Users|usr|var)/[\w./-]*", json.dumps(notebook["cells"])) == []
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


@every_notebook
def test_the_tool_has_been_run(path):
    notebook = nbformat.read(path, as_version=4)
    normalise(notebook)
    assert nbformat.writes(notebook) + "\n" == path.read_text(encoding="utf-8")


# --- the checkers and the tool, on made-up notebooks ---

GOOD = [
    ("markdown", "# T\n\n" + "\n".join(f"| **{part}** | x |" for part in CARD)),
    ("code", "import torch\ntorch.set_num_threads(1)"),
    ("markdown", "## What can go wrong\n\n### Exercise 07.1 · A\n*Difficulty: easy · 5 minutes*"),
    ("code", 'check("07.1", None)'),
    ("markdown", '<details>\n<summary>Solution</summary>\n\n```python\ncheck("07.1", 1)\n```\n</details>'),
    ("markdown", "## Recap\n\n**Next:** x"),
]


def test_a_good_lesson_has_no_faults():
    assert lesson_faults(GOOD, "07") == []


@pytest.mark.parametrize(
    ("cell", "old", "new", "fault"),
    [
        (0, "| **Time** | x |", "", "the card lacks 'Time'"),
        (1, "(1)", "(2)", "the first code cell does not set one thread"),
        (2, "What can go", "", "no 'What can go wrong'"),
        (2, "5 minutes", "soon", "07.1: no difficulty or no minutes"),
        (2, "07.1", "06.1", "06.1: one exercise of this notebook for each cell"),
        (3, "07.1", "07.2", "07.1: the next cell does not check it"),
        (4, "<summary>Solution", "<summary>Look", "07.1: no folded solution that is checked"),
        (5, "**Next:**", "", "no '**Next:**'"),
    ],
)
def test_each_fault_of_a_lesson_is_seen(cell, old, new, fault):
    broken = list(GOOD)
    broken[cell] = (broken[cell][0], broken[cell][1].replace(old, new))
    assert fault in lesson_faults(broken, "07")


def made_up() -> nbformat.NotebookNode:
    from nbformat import v4

    id_a, id_b = "0a1b2c3d-0000-4000-8000-0123456789ab", "0a1b2c3d-0000-4000-8000-0123456789ac"
    pieces = [v4.new_output("stream", name="stdout", text=text) for text in ("a\n", "b\n")]
    bar = v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "0%"})
    figure = v4.new_output("display_data", {"text/html": f"<div id='{id_a}'></div>{id_b} {id_a}"})
    code = [v4.new_code_cell("x", outputs=[pieces[0], bar, pieces[1], figure]), v4.new_code_cell("x")]
    code[0].metadata = {"tags": ["b", "a"], "execution": {"start": "now"}}
    return v4.new_notebook(cells=[v4.new_markdown_cell("# T"), *code], metadata={"widgets": {}})


def test_normalise_leaves_what_a_second_run_would_write():
    notebook = made_up()
    normalise(notebook)
    once = nbformat.writes(notebook)
    other = made_up()  # its cells have other random ids
    normalise(other)
    assert nbformat.writes(other) == once
    normalise(notebook)
    assert nbformat.writes(notebook) == once
    nbformat.validate(notebook)
    first = notebook.cells[1]
    assert first.metadata == {"tags": ["a", "b"]}
    assert [o.output_type for o in first.outputs] == ["stream", "display_data"]
    assert first.outputs[0].text == "a\nb\n"
    zero, one = (f"00000000-0000-0000-0000-{i:012d}" for i in (0, 1))
    assert first.outputs[1].data["text/html"] == f"<div id='{zero}'></div>{one} {zero}"
    assert "widgets" not in notebook.metadata


def test_cell_ids_depend_on_the_text_alone():
    seen = {}
    ids = [cell_id(text, seen) for text in ("a", "b", "a", "a")]
    assert len(set(ids)) == 4 and ids[2:] == [f"{ids[0]}-2", f"{ids[0]}-3"]
    assert cell_id("b", {}) == ids[1]


def test_streams_of_another_name_stay_apart():
    outputs = [nbformat.v4.new_output("stream", name=name, text=name) for name in ("stdout", "stderr", "stdout")]
    assert [o.name for o in tidy(outputs)] == ["stdout", "stderr", "stdout"]


def test_notebooks_are_chosen_by_how_their_names_begin(tmp_path):
    for name in ("00_a.ipynb", "01_b.ipynb", "notes.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in chosen([], tmp_path)] == ["00_a.ipynb", "01_b.ipynb"]
    assert [p.name for p in chosen(["somewhere/01_b.ipynb", "01"], tmp_path)] == ["01_b.ipynb"]
    with pytest.raises(ValueError, match="no notebook begins with '07': there are 00_a, 01_b"):
        chosen(["07"], tmp_path)
