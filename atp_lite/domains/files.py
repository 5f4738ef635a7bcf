"""Files of problems: our JSON lines, and those that the field ships, each recognised by its shape.

| shape | as it is shipped by |
| --- | --- |
| JSON lines, or one JSON array, of `question`, `steps`, `answer` | `write_jsonl`; GSM8K and ProsQA of Coconut |
| lines of a question, two bars, `<<3+4=7>> #### 7` | iCoT |
| JSON lines, or one JSON array, of a benchmark's rows | GSM8K, GSM8K-Aug, GSM-Hard, SVAMP, MultiArith |
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from atp_lite.domains.answers import last_number, write_number
from atp_lite.domains.equations import parse_number
from atp_lite.domains.problem import Problem
from atp_lite.domains.syntax import EquationError
from atp_lite.resources import find

Row = Mapping[str, Any]
MOST_BYTES = 1_000_000
"""Of a line."""
_ANNOTATION = re.compile(r"<<([^<>]*)>>")


def _answer(value: Any) -> str:
    """The last number of a cell as plain text: `1,080` -> `1080`, 18.0 -> `18`, `#### 72` -> `72`."""
    number = last_number(f"#### {value!r}" if isinstance(value, float) else f"#### {str(value).strip()}")
    if number is None:
        raise ValueError(f"the answer {str(value).strip()[-60:]!r} holds no number: mend or leave out this row")
    return write_number(number)


def annotated_steps(text: str) -> tuple[str, ...]:
    """The contents of the calculator annotations `<<48/2=24>>` of a solution, in order, as they are written."""
    return tuple(step for step in (found.strip() for found in _ANNOTATION.findall(text)) if step)


_SIZE = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?%?"
_TERM = rf"\(*\s*{_SIZE}(?:\s*\))*"
_WRITTEN = re.compile(rf"{_TERM}(?:\s*[-+*/]\s*{_TERM})+\s*=\s*-?{_SIZE}(?:/{_SIZE})?")
_TIMES = re.compile(r"(?<=[0-9)%])\s*[x×]\s*(?=[0-9(])")
_UNIT = re.compile(r"(?:(?<=[0-9])\s?[-/]\s?)?[^\W\d_]+(?:['’/-]\s?[^\W\d_]+)*")


def written_steps(text: str) -> tuple[str, ...]:
    """The equations that stand in a solution in words, in order; units and words between numbers are left out.

    >>> written_steps("240 onions / 12 onions/minute = 20 minutes, so she needs 20 x $2 = $40 in all.")
    ('240/12=20', '20*2=40')
    """
    text = "".join(" " if unicodedata.category(sign) == "Sc" else sign for sign in text)
    text = _UNIT.sub(" ", _TIMES.sub("*", text.replace("÷", "/")))
    return tuple("".join(found[0].split()) for found in _WRITTEN.finditer(text))


def from_gsm8k(row: Row) -> Problem:
    """openai/gsm8k: `question`, and `answer`, a solution in words with annotations that ends in `#### 72`."""
    solution, mark, answer = row["answer"].rpartition("####")
    if not mark:
        raise ValueError(f"the solution {row['answer'][-60:]!r} has no line `#### answer`; is this the config `main`?")
    return Problem(row["question"].strip(), annotated_steps(solution), _answer(answer))


def from_gsm8k_aug(row: Row) -> Problem:
    """zen-E/GSM8k-Aug: `question`, `cot` (annotations alone, `<<48/2=24>> <<48+24=72>>`), `answer`."""
    return Problem(row["question"].strip(), annotated_steps(row["cot"]), _answer(row["answer"]))


def from_gsm_hard(row: Row) -> Problem:
    """reasoning-machines/gsm-hard: `input`, `code` (a program, which is never run), `target` (a float). No steps."""
    return Problem(row["input"].strip(), (), _answer(row["target"]))


def from_svamp(row: Row) -> Problem:
    """ChilleD/SVAMP: `ID`, `Body`, `Question`, `Equation`, `Answer` such as `5.0`. No steps."""
    body = row["Body"].strip()
    end = "" if body.endswith((".", "!", "?")) else "."
    return Problem(f"{body}{end} {row['Question'].strip()}", (), _answer(row["Answer"]), f"svamp-{row['ID']}")


def from_multiarith(row: Row) -> Problem:
    """ChilleD/MultiArith: `question`, `final_ans`. No steps."""
    return Problem(" ".join(row["question"].split()), (), _answer(row["final_ans"]))


def from_coconut(row: Row) -> Problem:
    """Coconut's files: `question`, `steps` (annotations or words; `[""]` means none), `answer`."""
    problem = Problem.from_json(row)
    steps = [step.strip() for step in problem.steps]
    bare = (step[2:-2].strip() if step.startswith("<<") and step.endswith(">>") else step for step in steps)
    return replace(problem, steps=tuple(step for step in bare if step), answer=_plain(problem.answer))


def from_icot(line: str) -> Problem:
    """iCoT's text: `question||<<3+4=7>> <<7*2=14>> #### 14`. A chain without annotations is one step."""
    question, _, solution = line.partition("||")
    chain, mark, answer = solution.rpartition("####")
    if not mark or not question.strip() or not answer.strip():
        raise ValueError(f"{line.strip()[:80]!r} is no line such as `question||<<3+4=7>> #### 7`; mend it")
    steps = annotated_steps(chain) or tuple(filter(None, [chain.strip()]))
    return Problem(question.strip(), steps, _plain(answer))


def _plain(answer: str) -> str:
    """A number as `write_number` writes it, any other text without white space at its ends."""
    try:
        return write_number(parse_number(answer))
    except EquationError:
        return answer.strip()


SHAPES: dict[frozenset[str], Callable[[Row], Problem]] = {
    frozenset({"question", "steps", "answer"}): from_coconut,
    frozenset({"question", "cot", "answer"}): from_gsm8k_aug,
    frozenset({"question", "final_ans"}): from_multiarith,
    frozenset({"input", "target"}): from_gsm_hard,
    frozenset({"ID", "Body", "Question", "Answer"}): from_svamp,
}
"""The keys of a row, and what reads it. GSM8K's own rows are known by the `####` in their answer."""


def _problem(row: Any, name: str) -> Problem:
    """The problem of a line of text, or of one JSON value; where that has no id, `name` becomes it."""
    if isinstance(row, bytes):
        text = row.decode("utf-8-sig")
        try:
            row = json.loads(text)
        except json.JSONDecodeError:
            if "||" not in text:
                raise
            return replace(from_icot(text), id=name)
    if not isinstance(row, dict) or {"id", "steps"} <= row.keys():  # as `to_json` writes it: nothing of it is changed
        return Problem.from_json(row)
    read = next((read for keys, read in SHAPES.items() if keys <= row.keys()), None)
    if read is None and isinstance(row.get("question"), str) and "####" in str(row.get("answer")):
        read = from_gsm8k
    try:
        problem = (read or Problem.from_json)(row)  # the latter says which key is missing
    except (AttributeError, TypeError) as error:
        raise ValueError(f"a value of {list(row)!r:.200} is not text ({error}); write it as a string") from error
    return replace(problem, id=problem.id or name)


def read_jsonl(path: str | os.PathLike[str]) -> list[Problem]:
    """The problems of a file in any of the shapes above; blank lines are skipped.

    Raises ValueError naming the file and the line (of an array: the row, both counted from 1), FileNotFoundError where
    there is no file.
    """
    return list(iterate_jsonl(path))


def iterate_jsonl(path: str | os.PathLike[str]) -> Iterator[Problem]:
    """The problems of a file one at a time; only a JSON array is held in memory. Errors as in `read_jsonl`.

    A problem without an id gets the name of the file and its line.
    """
    for number, place, row in _rows(path):
        try:
            problem = _checked(_problem(row, f"{Path(path).stem}-{number:04d}"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            begins = row[:40].decode(errors="replace").strip()
            raise ValueError(
                f"{path}, {place}: {begins!r} is no JSON in UTF-8 ({error}): write objects with question, steps and "
                "answer, one a line, or another of the shapes in docs/data.md"
            ) from error
        except ValueError as error:
            raise ValueError(f"{path}, {place}: {error}") from error
        except RecursionError as error:
            raise ValueError(f"{path}, {place}: the JSON is nested too deeply") from error
        yield problem


def _checked(problem: Problem) -> Problem:
    """The problem. Raises ValueError where question or answer is empty, or a text is no Unicode that can be written."""
    for name in ("question", "answer"):
        if not getattr(problem, name).strip():
            raise ValueError(f"the {name} is empty; write it, or leave out this problem")
    for text in (problem.question, *problem.steps, problem.answer, problem.id, problem.source):
        if len(text) > MOST_BYTES:
            raise ValueError(f"{text[:40]!r} goes on for {len(text)} characters: no problem is that long")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError(f"{text!r:.80} holds half of a surrogate pair, which is no character; mend it")
    return problem


def _rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, str, Any]]:
    """(number, place, a line as bytes or a row of a JSON array)."""
    with open(find(path), "rb") as file:
        start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        file.seek(0)
        rows = None
        if start.startswith(b"["):
            content = file.read()
            try:
                rows = json.loads(content.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                if b"||" not in content.lstrip().partition(b"\n")[0]:  # a question of iCoT may begin so
                    raise ValueError(
                        f"{path} begins as a JSON array, which cannot be read ({error}): mend it"
                    ) from error
                file.seek(0)
        if rows is None:
            for n, line in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), b""), start=1):
                if len(line) > MOST_BYTES:
                    raise ValueError(f"{path}, line {n} has more than {MOST_BYTES} bytes: no problem is that long")
                if line.strip():
                    yield n, f"line {n}", line
            return
    yield from ((n, f"row {n}", row) for n, row in enumerate(rows, start=1))
