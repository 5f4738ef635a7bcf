"""Problems and their file: what goes in comes out, and a broken line is named."""

import json
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atp_lite.domains import Problem, data_hash, read_jsonl, write_jsonl

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
written = text.filter(str.strip)  # a question or an answer that is empty is refused
problems = st.builds(Problem, written, st.lists(text, max_size=3).map(tuple), written, text, text)
EXAMPLE = Problem("(3+4)*2", ("3+4=7", "7*2=14"), "14", "toy-train-000001", "toy/train")


@pytest.mark.slow
@given(st.lists(problems, max_size=5))
def test_round_trip(tmp_path_factory, several):
    path = tmp_path_factory.mktemp("data") / "problems.jsonl"
    write_jsonl(path, several)
    assert read_jsonl(path) == several
    assert len(path.read_bytes().splitlines()) == len(several)
    assert [Problem.from_json(p.to_json()) for p in several] == several
    assert data_hash(read_jsonl(path)) == data_hash(several)


def test_the_file_is_plain_json_lines(tmp_path):
    path = tmp_path / "new" / "folder" / "toy.jsonl"
    write_jsonl(str(path), [EXAMPLE])
    assert path.read_text(encoding="utf-8") == (
        '{"id": "toy-train-000001", "question": "(3+4)*2", "steps": ["3+4=7", "7*2=14"], "answer": "14", '
        '"source": "toy/train"}\n'
    )
    assert Problem.from_json({"question": "q", "steps": [], "answer": "1"}) == Problem("q", (), "1", "", "")


def test_writing_is_atomic(tmp_path):
    path = tmp_path / "toy.jsonl"
    write_jsonl(path, [EXAMPLE])

    def broken():
        yield Problem("another", (), "1")
        raise RuntimeError("the disk is on fire")

    with pytest.raises(RuntimeError, match="on fire"):
        write_jsonl(path, broken())
    assert read_jsonl(path) == [EXAMPLE]
    assert [p.name for p in tmp_path.iterdir()] == ["toy.jsonl"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX file modes")
def test_the_file_can_be_read_by_others_as_the_umask_says(tmp_path):
    old = os.umask(0o022)
    try:
        write_jsonl(tmp_path / "toy.jsonl", [EXAMPLE])
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "toy.jsonl").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "1+1", "answer": "2"}', "the key 'steps' is missing"),
        ('{"steps": [], "answer": "2"}', "the key 'question' is missing"),
        ('{"question": "1+1", "steps": []}', "the key 'answer' is missing"),
        (
            '{"question": "1+1", "steps": "1+1=2", "answer": "2"}',
            "write a list of strings",
        ),
        ('{"question": "1+1", "steps": [2], "answer": "2"}', "write a list of strings"),
        ('{"question": "1+1", "steps": [], "answer": 2}', "'answer' is 2; write it as a string"),
        ("[1, 2]", "a problem is a JSON object"),
        ('{"question": ', "Expecting value"),
        ("[" * 100_000, "nested"),
        (b"\xff\xfe{", "decode|utf"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    path = tmp_path / "toy.jsonl"
    good = json.dumps(EXAMPLE.to_json()).encode()
    path.write_bytes(good + b"\n\n" + (line if isinstance(line, bytes) else line.encode()) + b"\n" + good)
    with pytest.raises(ValueError, match=message) as error:
        read_jsonl(path)
    assert f"{path}, line 3: " in str(error.value)


ROUTE = {
    "question": "Every zumpus is a lorpus. Sam is a zumpus. Is Sam a lorpus or a yumpus?",
    "steps": ["Sam is a zumpus.", "Every zumpus is a lorpus."],
    "answer": "Sam is a lorpus.",
    "edges": [[0, 1], [1, 2]],
}
GSM8K = {"question": "Ann has 3 pens and buys 9. How many?", "answer": "She has 3+9=<<3+9=12>>12 pens.\n#### 1,012"}


@pytest.mark.parametrize(
    ("text", "steps", "answer"),
    [
        (json.dumps(GSM8K), ["3+9=12"], "1012"),
        (json.dumps([GSM8K], indent=2), ["3+9=12"], "1012"),
        ("Ann has 3 pens and buys 9.||<<3+9=12>> <<12*2=24>> #### 24\n", ["3+9=12", "12*2=24"], "24"),
        ("A question of no step||  #### 1,000\n", [], "1000"),
        ("A question || count on #### seven", ["count on"], "seven"),
        ('[{"question": "q", "steps": ["<<3+9=12>>", "so 12"], "answer": "12"}]', ["3+9=12", "so 12"], "12"),
        ('\n[{"question": "q", "steps": [""], "answer": " 5"}]', [], "5"),
        ('\ufeff[{"question": "q", "steps": [], "answer": "5"}]', [], "5"),
        (json.dumps([ROUTE]), ROUTE["steps"], "Sam is a lorpus."),
        (json.dumps(ROUTE), ROUTE["steps"], "Sam is a lorpus."),
        ('{"question": "q", "cot": "<<2*4=8>>", "answer": "8"}', ["2*4=8"], "8"),
        ('{"input": "q", "code": "def solution(): pass", "target": 18.0}', [], "18"),
        ('{"question": "q || r", "steps": [], "answer": "5"}', [], "5"),
        ('[{"question": "q || r", "answer": "so 5 #### 5"}]', [], "5"),
        ("[Ann] has 3 pens.||<<3+9=12>> #### 12", ["3+9=12"], "12"),
        ("{Ann} has 3 pens.||<<3+9=12>> #### 12", ["3+9=12"], "12"),
    ],
)
def test_files_of_the_field_are_known_by_their_shape(tmp_path, text, steps, answer):
    path = tmp_path / "shipped.json"
    path.write_text(text, encoding="utf-8")
    (problem,) = read_jsonl(path)
    assert (list(problem.steps), problem.answer) == (steps, answer) and problem.question
    assert problem.id.startswith("shipped-000")


def test_what_we_wrote_is_not_read_as_anything_else(tmp_path):
    framed = Problem(" q", ("<<1+1=2>>", ""), " 2 #### 3", "7")
    write_jsonl(tmp_path / "ours.jsonl", [framed])
    assert read_jsonl(tmp_path / "ours.jsonl") == [framed]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"question": "q", "steps": [], "answer": "5"}, {"question": "q"}]', "row 2: the key 'steps' is missing"),
        ('[{"question": "q"', "begins as a JSON array, which cannot be read"),
        ("a question||<<1+1=2>> 2", "line 1: .* is no line such as"),
        ('{"question": null, "cot": "", "answer": "1"}', r"line 1: a value of .*'cot', 'answer'\] is not text"),
        ('{"question": "q", "answer": "#### none"}', "line 1: the answer .* holds no number"),
        ('{"question": "q", "answer": "#### 5-6"}', "line 1: the answer '5-6' holds no number"),
        ("question,answer", "line 1: 'question,answer' is no JSON in UTF-8 .*: write objects with question"),
        ('[{"question": "' + "1" * 2_000_000 + '", "steps": [], "answer": "1"}]', "row 1: .* goes on for 2000000"),
    ],
)
def test_a_shape_that_is_broken_is_named(tmp_path, text, message):
    (tmp_path / "shipped").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_jsonl(tmp_path / "shipped")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.jsonl"):
        read_jsonl(tmp_path / "nowhere.jsonl")


def test_hash_depends_on_content_and_order_only():
    other = Problem("1+1", ("1+1=2",), "2")
    assert data_hash([EXAMPLE, other]) == data_hash(iter((EXAMPLE, other)))
    hashes = {
        data_hash(several)
        for several in (
            [],
            [EXAMPLE],
            [EXAMPLE, other],
            [other, EXAMPLE],
            [Problem("1+1", ("1+1=2",), "3")],
            [Problem("1+1", ("1+1", "=2"), "3")],
        )
    }
    assert len(hashes) == 6 and all(len(h) == 16 for h in hashes)
    assert data_hash([EXAMPLE]) == "0529453de98e1bbb"
