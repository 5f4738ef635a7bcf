"""The pages: links and anchors lead somewhere, and glossary and cheat sheet name what exists."""

import ast
import dataclasses
import importlib
import io
import json
import re
import sys
import tokenize
from pathlib import Path

import pytest
import torch
from small import PROBLEMS, lively_planner

from atp_lab import compare
from atp_lite import domains, evaluation, model, rl, sft
from atp_lite.cli.commands import COMMANDS
from atp_lite.engine.pretrained import BackboneSettings
from atp_lite.model import Answered, Decoded, Thought
from atp_lite.planner import ModelSettings
from atp_lite.recipes import ARMS, GRPO, LATENT, PARENTS
from atp_lite.rl import RLSettings
from atp_lite.rl.rewards import REWARDS
from atp_lite.sft import SFTSettings, train_sft

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
GLOSSARY, CHEATSHEET = (ROOT / "docs" / name for name in ("glossary.md", "cheatsheet.md"))
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`]*`")
SECTION = re.compile(r"\[(\d\d[a-z]?),\ssection\s(\d+)\]\(\.\./notebooks/(\w+\.ipynb)\)")
NAMED = re.compile(r"\*Code:\*\s`([\w/.]+)`(?:,\s`(\w+)`)?\.")


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: small letters, no punctuation, a hyphen for every space."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """The anchors of a page; a heading that comes again gets a number."""
    found: dict[str, int] = {}
    every = set()
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", text), flags=re.MULTILINE):
        name = slug(heading)
        every.add(name if name not in found else f"{name}-{found[name]}")
        found[name] = found.get(name, 0) + 1
    return every


def dead_links(page: Path) -> list[str]:
    """Every link of a page to a file or to an anchor that is not there. Addresses are not asked."""
    text = page.read_text(encoding="utf-8")
    dead = []
    for target in re.findall(r"\]\(([^()\s]+)\)", CODE.sub("", FENCE.sub("", text))):
        place, _, anchor = target.partition("#")
        if place.startswith("https://"):
            continue
        aim = page.parent / place if place else page
        if not aim.exists() or (anchor and anchor not in anchors(aim.read_text(encoding="utf-8"))):
            dead.append(target)
    return dead


def entries() -> dict[str, str]:
    """Term -> its text."""
    _, *parts = re.split(r"^## ", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


def table(heading: str, first: str) -> list[list[str]]:
    """The cells of the cheat sheet's table below `## heading` whose first column is called `first`."""
    part = CHEATSHEET.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in part.splitlines()]
    start = next(i for i, row in enumerate(rows) if row and row[0] == first)
    end = next((i for i in range(start, len(rows)) if not rows[i]), len(rows))
    return rows[start + 2 : end]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert dead_links(page) == []


def test_dead_links_are_seen(tmp_path):
    (tmp_path / "b.md").write_text("# One thing\n\n## Pass@k, twice\n\n## Pass@k, twice\n\n```\n# no heading\n```\n")
    good = "[a](b.md#one-thing) [b](b.md#passk-twice) [c](b.md#passk-twice-1) [d](https://x.org) [e](#top) `[f](g.md)`"
    page = tmp_path / "a.md"
    page.write_text(f"# Top\n\n{good}\n\n```\n[g](h.md)\n```\n")
    assert dead_links(page) == []
    page.write_text("[a](c.md) [b](b.md#no-heading) [c](b.md#passk-twice-2) ![d](x.png) [e](#top)")
    assert dead_links(page) == ["c.md", "b.md#no-heading", "b.md#passk-twice-2", "x.png", "#top"]


def test_glossary_is_in_order_and_its_index_complete():
    names = list(entries())
    assert len(names) > 60
    assert names == sorted(names, key=str.lower)
    index = GLOSSARY.read_text(encoding="utf-8").split("\n## ")[0]
    assert re.findall(r"\[([^]]+)\]\(#([^)]+)\)", index) == [(name, slug(name)) for name in names]


@pytest.mark.parametrize("term", entries())
def test_glossary_entry_says_where_to_learn_it(term):
    text = entries()[term]
    named = NAMED.findall(text)
    assert "*Learn it:* [" in text or named, "neither a notebook nor a module"
    assert ("*Code:*" in text) == bool(named)
    for module, name in named:
        source = (ROOT / module).read_text(encoding="utf-8")
        assert re.search(rf"\b{name}\b", source), f"{module} has no {name}"
    for number, section, notebook in SECTION.findall(text):
        assert notebook.startswith(f"{number}_")
        cells = json.loads((ROOT / "notebooks" / notebook).read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        assert f"\n## {section} · " in text, f"{notebook} has no section {section}"
    for module in re.findall(r"atp_lite/[\w/]+\.py", text):
        importlib.import_module(module.removesuffix(".py").replace("/", "."))


def test_cheat_sheet_has_every_field_of_a_trace_with_its_shape():
    said = {name.strip("`"): shape for name, shape, _ in table("The fields of a trace", "field")}
    assert list(said) == [field.name for field in dataclasses.fields(Decoded)]
    planner, c = lively_planner(c=2), 2
    batch = planner.collate(PROBLEMS, 0)
    trace = planner.model.think(batch.question, batch.question_mask, group_size=3, sample=True)
    trace = planner.model.decode(planner.model.answer(trace))
    rows, length, size = trace.mu.shape
    sizes = {"B": rows, "B / G": rows // 3, "T": length, "S": length // c, "d": size, "Q": trace.question.shape[1]}
    sizes |= {"A": trace.answer.shape[1], "W": trace.step_tokens.shape[2]}
    for name, shape in said.items():
        value = getattr(trace, name)
        if isinstance(value, torch.Tensor):
            assert tuple(value.shape) == tuple(sizes[part.strip()] for part in shape[1:-1].split(",") if part), name
    worked_out = re.findall(r"`(\w+)` \(B", CHEATSHEET.read_text(encoding="utf-8").split("Worked out from these:")[1])
    ages = (Thought, Answered, Decoded)
    assert worked_out == [n for age in ages for n, value in vars(age).items() if isinstance(value, property)]


def test_cheat_sheet_has_every_command_and_every_reward():
    assert [row[0].strip("`") for row in table("Commands", "`atp-lite ...`")] == list(COMMANDS)
    own = {name for name, reward in REWARDS.items() if reward.__module__.startswith("atp_lite.")}
    assert {row[0].strip("`") for row in table("Second stage: rewards and the objective", "reward")} == own
    for page in (CHEATSHEET, GLOSSARY):
        named = re.findall(r"`atp-lite ([a-z-]+)", page.read_text(encoding="utf-8"))
        assert set(named) <= set(COMMANDS), page.name


def test_cheat_sheet_names_functions_that_exist():
    formulas = [*table("First stage: losses", "term"), *table("Second stage: rewards and the objective", "what")]
    formulas += table("Measuring", "what")
    rooms = (compare, evaluation, model, model.LatentReasoner, domains, rl, sft)
    for *_, function in formulas:
        first, *rest = function.strip("`").split(".")
        found = next((getattr(room, first) for room in rooms if hasattr(room, first)), None)
        assert found is not None, function
        for name in rest:
            found = getattr(found, name)
    fields = {field.name for field in dataclasses.fields(Decoded)} | {"sigma"}
    shapes = {row[1].strip("`"): row[2] for row in table("Symbols", "paper") if row[2].startswith("(B")}
    assert {"question", "hidden", "latents", "sigma", "stop_logits"} <= set(shapes) & fields


@pytest.mark.slow
def test_the_losses_of_the_cheat_sheet_are_what_training_calls(tmp_path):
    """Every function that the sheet names for the first stage runs in a training step."""
    named = {function.strip("`").split(".")[-1] for *_, function in table("First stage: losses", "term")}
    called = set()

    def note(frame, event, _):
        if event == "call" and "atp_lite" in frame.f_code.co_filename:
            called.add(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        settings = SFTSettings(first_stage=3, stage_steps=(1,), batch_size=4)
        train_sft(lively_planner(), PROBLEMS[:4], PROBLEMS[4:], settings, tmp_path)
    finally:
        sys.setprofile(None)
    assert named - called == set()


# --- where we differ from the paper ---

TEST = re.compile(r"`(test_\w+)`")


def names_by_file() -> dict[str, set[str]]:
    """File of tests -> the names of its tests."""
    return {
        path.name: set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
        for path in sorted((ROOT / "tests").glob("test_*.py"))
    }


def differences() -> tuple[dict[str, str], list[str], dict[str, str]]:
    """Point -> what is done here; the defects of the released code, a text each; point -> the tests of it."""
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    points, defects, tests = text.split("\n## ")

    def rows(part: str) -> list[list[str]]:
        lines = [line for line in part.splitlines() if line.startswith("| ")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]

    here = {row[0]: row[2] for row in rows(points)}
    return here, re.split(r"^- ", defects, flags=re.MULTILINE)[1:], dict(rows(tests))


def test_every_difference_names_tests_that_exist():
    here, defects, tests = differences()
    assert len(here) >= 22 and list(tests) == list(here)
    there = names_by_file()
    for point, names in tests.items():
        assert TEST.findall(names) and set(TEST.findall(names)) <= set().union(*there.values()), point
    of_defects = [set(TEST.findall(defect)) for defect in defects]
    assert len(defects) == 9 and all(of_defects)
    assert set().union(*of_defects) == there["test_reference_defects.py"]


def test_settings_are_those_of_the_page_of_differences():
    """What its column `here` says of defaults and of the toy recipe."""
    says, *_ = differences()
    assert says["KL factor"].startswith("1e-3 through the curriculum, then raised")
    assert LATENT.kl_factor == 1e-3 < LATENT.final_kl_factor
    assert "first layers by default" in says["decoder of a pretrained backbone"]
    assert BackboneSettings().decoder == "layers"
    assert says["latents per step"].startswith("c = 1 for toy arithmetic") and ModelSettings().latents_per_step == 1
    assert says["optimizer at a new stage"].startswith("kept") and not LATENT.reset_optimizer
    assert "mean of the checkpoint's own" in says["exploration in RL"]
    assert RLSettings().sigma == GRPO.sigma == "mean"
    weights = re.findall(r"0\.\d+", says["weight of latents in the surrogate"])
    assert [RLSettings().latent_weight, GRPO.latent_weight] == [float(weight) for weight in weights]
    assert "stop head is frozen by default" in says["what learns in RL"]
    assert GRPO.learn_latents and GRPO.learn_answer and not GRPO.learn_stop and not RLSettings().learn_stop
    assert GRPO.rewards["format"] == float(says["lambda_fmt"])
    assert GRPO.rewards["correct-coherence"] == float(says["lambda_coh"]) * GRPO.rewards["correct"]
    assert "its coherence term" in says["what a latent is credited with"]
    assert RLSettings().latent_rewards is None and GRPO.latent_rewards == {"coherence": 1.0}
    assert says["where RL starts"] == "its end" and PARENTS["grpo"] == "atp-sft"
    assert says["updates per rollout"].startswith("one in the toy recipe") and GRPO.epochs == GRPO.mini_batches == 1
    alone = ARMS["grpo-coherence-only"]
    assert "`learn_answer=False`" in says["coherence alone"] and not alone.learn_answer
    assert alone.rewards == {"coherence": 1.0}


# --- the page about the house ---


def test_every_door_of_the_architecture_page_is_there():
    """Files, registries and settings that the page names exist, and every example is used by a test."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if row.startswith("| ") and "`" in row]
    files = {name for row in rows for name in re.findall(r"`((?:[\w/]+/)?\w+\.py)`", row)}
    assert len(files) > 20
    missing = [name for name in files if not any((ROOT / place / name).is_file() for place in ("", "atp_lite"))]
    assert missing == []
    doors = text.split("## I want to change X: open Y")[1].split("\n## ")[0]
    registries = {name for name in re.findall(r"`(?:rl\.registries|model|domains|methods)\.([A-Z_]+)`", doors)}
    known = {"REWARDS", "LATENT_HEADS", "ADVANTAGES", "ESTIMATORS", "CREDIT", "OBJECTIVES", "DECODERS", "DOMAINS"}
    assert registries == known | {"METHODS", "STEP_ENCODERS"}
    examples = set(re.findall(r"`tests/extensions/(\w+)\.py`", doors))
    used = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/extensions").glob("test_*.py"))
    assert {name for name in examples if not re.search(rf"\b{name}\b", used) and not name.startswith("test_")} == set()
    for settings, name in re.findall(r"`(RLSettings|ModelSettings|SFTSettings)\.(\w+)`", doors):
        owner = {"RLSettings": RLSettings, "ModelSettings": ModelSettings, "SFTSettings": SFTSettings}[settings]
        assert name in {field.name for field in dataclasses.fields(owner)}, f"{settings}.{name}"


def code_lines(path):
    """Lines with code on them: no blank line, no comment, no docstring."""
    source = path.read_text(encoding="utf-8")
    found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    prose = {line for n in found for line in range(n.lineno, n.end_lineno + 1)}
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type not in silent]
    return {line for t in tokens for line in range(t.start[0], t.end[0] + 1)} - prose


def test_what_a_learner_must_read_stays_short():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = text.split("## To learn the method, read these")[1].split("\n## ")[0]
    files = re.findall(r"`(\w+/\w+\.py)`", section)
    assert len(files) == len(set(files)) == 17
    assert 1000 < sum(len(code_lines(ROOT / "atp_lite" / name)) for name in files) < 1500
