"""The notebooks as lessons: their cards, their exercises and folded solutions, and the tool that runs them.

Cells never run, errors, sizes, long cells, widget state and private imports are looked at in test_project.py; badges
and the install cell's text in test_badges.py.
"""

import contextlib
import io
import json
import re
from pathlib import Path

import nbformat
import pytest

from tools.notebooks import (
    INSTALL,
    SOLUTION,
    cell_id,
    chosen,
    main,
    normalise,
    number_of,
    refresh,
    tidy,
    without_solutions,
    write_exercises,
)

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CARD = ("You can do afterwards", "Builds on", "Difficulty", "Time", "Hardware", "Trained here", "Loaded")
FEWEST_EXERCISES = {"00": 2}
"""By a notebook's number; all others have at least three."""
FEWEST_WORDS = 3
"""Links to different terms of the glossary."""
HEADING = re.compile(r"^### Exercise (\d\d[a-z]?\.\d+) · .+$", re.MULTILINE)
BUILD = re.compile(r"^## Build: .+$", re.MULTILINE)
BUILT = re.compile(r'check\("(build\.\w+)", ')
EFFORT = re.compile(r"\*Difficulty: (easy|medium|hard) · \d+ minutes\*")
WORD = re.compile(r"\]\(\.\./docs/glossary\.md#([^)]+)\)")
GLOSSARY = re.findall(r"\]\(#([^)]+)\)", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("\n## ")[0])

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[tuple[str, str]]:
    """Kind and text of every cell; the kind of the install cell is "install"."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        (INSTALL if INSTALL in c["metadata"].get("tags", []) else c["cell_type"], "".join(c["source"])) for c in found
    ]


def lesson_faults(notebook: list[tuple[str, str]], prefix: str) -> list[str]:
    """What is missing of card, words, exercises, solutions and ending. `prefix`: the notebook's number."""
    text = "\n\n".join(source for kind, source in notebook if kind == "markdown")
    faults = [f"the card lacks {part!r}" for part in CARD if f"| **{part}** |" not in notebook[0][1]]
    faults += [f"no {part!r}" for part in ("What can go wrong", "## Recap", "**Next:**") if part not in text]
    if next(kind for kind, _ in notebook if kind != "markdown") != INSTALL:
        faults.append("the first code cell is not the install cell")
    first = next(source for kind, source in notebook if kind == "code")
    if "torch.set_num_threads(1)" not in first:
        faults.append("the first code cell after it does not set one thread")
    words = set(WORD.findall(text))
    if len(words) < FEWEST_WORDS:
        faults.append(f"{len(words)} terms of the glossary are linked, {FEWEST_WORDS} at least")
    faults += [f"the glossary has no {word!r}" for word in sorted(words.difference(GLOSSARY))]
    numbers = [n for kind, source in notebook if kind == "markdown" for n in HEADING.findall(source)]
    if len(numbers) < (fewest := FEWEST_EXERCISES.get(prefix, 3)):
        faults.append(f"{len(numbers)} exercises, {fewest} at least")
    if numbers != [f"{prefix}.{i + 1}" for i in range(len(numbers))]:
        faults.append(f"exercises are not numbered {prefix}.1, {prefix}.2, ...: {', '.join(numbers)}")
    for i, (kind, source) in enumerate(notebook):
        code, folded = (notebook[i + k][1] if i + k < len(notebook) else "" for k in (1, 2))
        found = HEADING.findall(source) if kind == "markdown" else []
        heading = BUILD.search(source) if kind == "markdown" else None
        if heading:
            found += BUILT.findall(code) or [heading[0]]
        if not found:
            continue
        number = found[-1]
        after = source[heading.start() if heading else source.rindex(f"### Exercise {number}") :]
        if len(found) > 1:
            faults.append(f"{', '.join(found)}: one exercise for each cell")
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
        for solution in SOLUTION.findall(source) if kind == "markdown" else []:  # each with its tags
            code = "\n".join(re.findall(r"```python\n(.*?)```", solution, re.DOTALL))
            for number in re.findall(r'check\("([^"]+)"', code):
                found[number] = code
    return found


@every_notebook
def test_notebook_is_a_lesson(path):
    assert lesson_faults(cells(path), number_of(path.stem)) == []


SOLVED = [(path, number) for path in NOTEBOOKS for number in solutions(path)]


@pytest.mark.slow
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

def exercise(number: str) -> list[tuple[str, str]]:
    heading = "## Build: A" if number.startswith("build") else f"### Exercise {number} · A"
    return [
        ("markdown", f"{heading}\n*Difficulty: easy · 5 minutes*"),
        ("code", f'check("{number}", None)'),
        ("markdown", f'<details>\n<summary>Solution</summary>\n\n```python\ncheck("{number}", 1)\n```\n</details>'),
    ]


WORDS = "".join(f"[x](../docs/glossary.md#{term})" for term in ("latent", "loss", "passk"))
GOOD = [
    ("markdown", "# T\n\n" + "\n".join(f"| **{part}** | x |" for part in CARD) + WORDS),
    ("install", "import sys"),
    ("code", "import torch\ntorch.set_num_threads(1)"),
    ("markdown", "## What can go wrong"),
    *exercise("07.1"),
    *exercise("07.2"),
    *exercise("07.3"),
    *exercise("build.kl"),
    ("markdown", "## Recap\n\n**Next:** x"),
]


def test_a_good_lesson_has_no_faults():
    assert lesson_faults(GOOD, "07") == []
    assert lesson_faults([(kind, text.replace("07.", "07b.")) for kind, text in GOOD], number_of("07b_x")) == []


@pytest.mark.parametrize(
    ("cell", "old", "new", "fault"),
    [
        (0, "| **Time** | x |", "", "the card lacks 'Time'"),
        (0, "#loss", "#latent", "2 terms of the glossary are linked, 3 at least"),
        (0, "#loss", "#happiness", "the glossary has no 'happiness'"),
        (2, "(1)", "(2)", "the first code cell after it does not set one thread"),
        (3, "What can go", "", "no 'What can go wrong'"),
        (4, "5 minutes", "soon", "07.1: no difficulty or no minutes"),
        (4, "07.1", "06.1", "exercises are not numbered 07.1, 07.2, ...: 06.1, 07.2, 07.3"),
        (4, "### Exercise", "### Task", "2 exercises, 3 at least"),
        (4, "\n*Diff", "\n### Exercise 07.2 · B\n*Diff", "07.1, 07.2: one exercise for each cell"),
        (5, "07.1", "07.2", "07.1: the next cell does not check it"),
        (6, "<summary>Solution", "<summary>Look", "07.1: no folded solution that is checked"),
        (13, "5 minutes", "soon", "build.kl: no difficulty or no minutes"),
        (14, "build.kl", "07.1", "## Build: A: the next cell does not check it"),
        (15, "build.kl", "07.1", "build.kl: no folded solution that is checked"),
        (-1, "**Next:**", "", "no '**Next:**'"),
    ],
)
def test_each_fault_of_a_lesson_is_seen(cell, old, new, fault):
    broken = list(GOOD)
    broken[cell] = (broken[cell][0], broken[cell][1].replace(old, new))
    assert fault in lesson_faults(broken, "07")


@pytest.mark.parametrize("broken", [[*GOOD[:1], *GOOD[2:]], [GOOD[0], GOOD[2], GOOD[1], *GOOD[3:]]])
def test_an_install_cell_that_is_missing_or_late_is_seen(broken):
    assert lesson_faults(broken, "07") == ["the first code cell is not the install cell"]


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


def test_cells_that_were_run_are_numbered_from_the_top_and_the_install_cell_is_0():
    from nbformat import v4

    cells = [v4.new_code_cell(str(i), execution_count=count) for i, count in enumerate((7, None, 3, 4))]
    cells[0].metadata = {"tags": [INSTALL]}
    cells[3].outputs = [v4.new_output("execute_result", {"text/plain": "3"}, execution_count=4)]
    notebook = v4.new_notebook(cells=cells)
    normalise(notebook)
    assert [cell.execution_count for cell in notebook.cells] == [0, None, 1, 2]
    assert notebook.cells[3].outputs[0].execution_count == 2
    nbformat.validate(notebook)


@pytest.mark.slow
def test_running_a_notebook_twice_changes_ignored_cells_alone(tmp_path):
    from nbformat import v4

    cells = [v4.new_markdown_cell("# T"), v4.new_code_cell("import sys", metadata={"tags": [INSTALL]})]
    renderer = "plotly_mimetype"
    sources = [
        f"import plotly.graph_objects as go, plotly.io\nplotly.io.renderers.default = {renderer!r}",
        "print(1, flush=True)\nprint(2)",
        "go.Figure(go.Scatter(y=[1, 2])).show()",
        "2 + 2",
    ]
    cells += [v4.new_code_cell(source) for source in sources]
    cells.append(v4.new_code_cell("import os\nprint(os.getpid())", metadata={"tags": ["nbval-ignore-output"]}))
    path = tmp_path / "10_x.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    runs = []
    for _ in range(2):
        refresh(path)
        runs.append(nbformat.read(path, as_version=4))
    first, second = (run.cells[:-1] for run in runs)
    assert first == second
    assert [cell.get("execution_count") for cell in second] == [None, 0, 1, 2, 3, 4]
    assert second[3].outputs == [v4.new_output("stream", name="stdout", text="1\n2\n")]
    assert "application/vnd.plotly.v1+json" in second[4].outputs[-1].data
    assert runs[0].cells[-1].outputs != runs[1].cells[-1].outputs  # another process


@pytest.mark.slow
def test_the_variant_without_solutions(tmp_path, capsys):
    assert main(["--without-solutions", str(tmp_path / "exercises")]) == 0
    assert f"{len(NOTEBOOKS)} notebooks without solutions" in capsys.readouterr().out
    for path in NOTEBOOKS:
        with_them, without = cells(path), cells(tmp_path / "exercises" / path.name)
        assert solutions(path) and "Solution</summary>" not in json.dumps(without)
        assert without == [cell for cell in with_them if not cell[1].startswith("<details>\n<summary>Solution")]


def test_only_the_solution_of_a_cell_goes(tmp_path):
    from nbformat import v4

    fold = "<details>\n<summary>{}</summary>\n\nx\n</details>"
    mixed = "Before.\n\n" + fold.format("Solution") + "\n\n" + fold.format("Hint")
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(text) for text in (mixed, fold.format("Solution"))])
    left = without_solutions(notebook)
    assert [cell.source for cell in left.cells] == ["Before.\n\n" + fold.format("Hint")]
    with pytest.raises(ValueError, match="holds the notebooks themselves"):
        write_exercises(ROOT / "notebooks")
    with pytest.raises(ValueError, match="one folder to write to"):
        main(["--without-solutions"])
