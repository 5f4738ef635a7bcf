"""The assignment: marks on hidden numbers, in the form that autograders read."""

import ast

import nbformat
import pytest
from answers.build import RIGHT, WRONG

from atp_lite.course.assignment import POINTS, hidden_feedback, score
from atp_lite.course.parts import REFERENCE
from tools import classroom
from tools.assignment import mark, write
from tools.classroom import pack

pytestmark = pytest.mark.slow

SOLVED = {name: RIGHT[f"build.{name}"][0] for name in REFERENCE}


def test_right_parts_get_all_points_whatever_the_seed():
    for seed in (0, 7):
        found = score(SOLVED, seed)
        assert [test["output"] for test in found["tests"]] == ["right"] * 16
        assert found["score"] == sum(test["max_score"] for test in found["tests"]) == 2 * POINTS * 8
    assert {test["visibility"] for test in found["tests"][1::2]} == {"after_published"}


@pytest.mark.parametrize("name", sorted(set(REFERENCE) - {"verify"}))
def test_wrong_parts_get_no_hidden_point(name):
    for part in WRONG[f"build.{name}"]:
        assert hidden_feedback(name, part, 7), part
    assert hidden_feedback(name, None, 7) == "There is no answer yet."


def test_a_verifier_is_tried_on_hidden_questions():
    assert "a chain with a fault earns 1.00" in hidden_feedback("verify", lambda question, steps, answer: 1.0, 7)

    def prefers_an_order(question, steps, answer):
        return REFERENCE["verify"](question, steps, answer) * (1.0 if len(steps) > 1 and steps[0] < steps[1] else 0.5)

    assert "Right chains of a hidden question earn 0.50 and 1.00" in hidden_feedback("verify", prefers_an_order, 7)
    with pytest.raises(ValueError, match="no part is called 'thinks'"):
        hidden_feedback("thinks", None, 7)


def test_the_tests_of_otter_are_python_and_keep_the_seed_from_learners(tmp_path):
    write(tmp_path, 70_701)
    tests = sorted((tmp_path / "teacher" / "tests").glob("*.py"))
    assert [path.stem for path in tests] == sorted(REFERENCE)
    for path in tests:
        names = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        assert names == [f"test_{path.stem}", f"test_{path.stem}_on_hidden_numbers"]
    assert "70701" not in (tmp_path / "student" / "build_the_planner.ipynb").read_text()


def test_a_class_keeps_solutions_and_seed_on_the_teachers_side(tmp_path, monkeypatch):
    monkeypatch.setattr(classroom, "write_site", lambda out: out.write_text("thinks"))  # they have tests of their own
    monkeypatch.setattr(classroom.slides, "REVEAL", tmp_path)
    monkeypatch.setattr(classroom.slides, "slides", lambda path: path.stem)
    pack(tmp_path / "class", 70_701)
    pack(tmp_path / "class", 70_702)  # again in the same place
    student, teacher = tmp_path / "class" / "student", tmp_path / "class" / "teacher"
    texts = {path.name: path.read_text(encoding="utf-8") for path in student.rglob("*.ipynb")}
    assert len(texts) == 1 + len(list((teacher / "notebooks").glob("*.ipynb")))
    assert not any("<summary>Solution" in text or "70702" in text for text in texts.values())
    assert "<summary>Solution" in (teacher / "notebooks" / "00_tour.ipynb").read_text(encoding="utf-8")
    assert (tmp_path / "class" / "live.html").is_file() and len(list((teacher / "slides").glob("*.html"))) == len(
        texts
    ) - 1
    assert (teacher / "docs" / "teaching.md").is_file() and not (student / "docs" / "teaching.md").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="holds no class: name another folder"):
        pack(tmp_path / "mine", 1)


def test_a_notebook_is_marked_though_a_cell_of_it_fails(tmp_path):
    write(tmp_path, 7)
    path = tmp_path / "student" / "build_the_planner.ipynb"
    notebook = nbformat.read(path, as_version=4)
    right = "def kl(mu, logvar):\n    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(-1)"
    notebook.cells += [nbformat.v4.new_code_cell(right), nbformat.v4.new_code_cell("1 / 0")]
    nbformat.write(notebook, path)
    found = mark(path, 7, tmp_path / "results.json")
    assert found["score"] == 2 * POINTS
    assert [test["name"] for test in found["tests"] if test["score"]] == [
        "kl on the course's numbers",
        "kl on hidden numbers",
    ]
