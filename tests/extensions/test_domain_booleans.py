"""A new domain is one file: booleans.py, which nothing in the package knows of."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from booleans import BooleanSettings  # noqa: E402  (importing it registers the domain)

from atp_lite.domains import DOMAINS, data_hash, generate, read_question  # noqa: E402
from atp_lite.domains.sources import Sources  # noqa: E402
from atp_lite.evaluation import evaluate  # noqa: E402
from atp_lite.planner import ModelSettings, Planner  # noqa: E402
from atp_lite.rl import RLSettings, train_rl  # noqa: E402
from atp_lite.sft import SFTSettings, train_sft  # noqa: E402
from atp_lite.views import thought_table  # noqa: E402
from atp_lite.views.bundled_examples import example_problems  # noqa: E402

DOMAIN = DOMAINS["booleans"]
SMALL = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32, max_latents=3)


def test_its_questions_are_read_and_its_chains_verified_by_hand():
    problem = read_question("(T & F) | (T|F)")
    assert (problem.question, problem.steps, problem.answer) == ("(T&F)|(T|F)", ("T&F=F", "T|F=T", "F|T=T"), "T")
    assert DOMAIN.count_chains(problem) == 2, "either parenthesis may come first"
    for chain, right, done in (
        (["T&F=F", "T|F=T", "F|T=T"], True, 3),
        (["T|F=T", "T&F=F", "F|T=T"], True, 3),
        (["F|T=T", "T&F=F", "T|F=T"], False, 2),  # the last step comes first, before what it uses
        (["T&F=F", "T&F=F", "F|T=T"], False, 1),
        (["T&F=F", "T|F=T"], False, 2),
        ([], False, 0),
    ):
        verdict = DOMAIN.verify(problem, chain)
        assert (verdict.is_right, verdict.done, verdict.needed, verdict.taken) == (right, done, 3, len(chain))


def test_equal_steps_are_needed_as_often_as_they_stand_there():
    problem = read_question("(T&T)&(T&T)")
    assert problem.steps == ("T&T=T",) * 3
    assert DOMAIN.verify(problem, problem.steps).is_right
    assert DOMAIN.verify(problem, problem.steps[:2]).share == pytest.approx(2 / 3)
    assert DOMAIN.verify(problem, (*problem.steps, "T&T=T")).share == pytest.approx(3 / 4)


def test_its_coherence_reads_its_steps():
    found = DOMAIN.coherence(["T&F=F", "T|T=F", "1+1=2"], "F")
    assert [(use.is_coherent, use.is_right) for use in found.steps] == [(True, True), (True, False), (False, False)]
    assert (found.score, found.right) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert DOMAIN.coherence([], "T").score == 0.0


def test_its_problems_are_made_in_disjoint_splits():
    splits = DOMAIN.make_splits(BooleanSettings())
    assert {split: len(problems) for split, problems in splits.items()} == dict.fromkeys(DOMAIN.splits, 45)
    assert data_hash(splits["train"]) == data_hash(generate(BooleanSettings(), "train"))


@pytest.mark.slow
def test_a_planner_learns_it_and_is_measured(tmp_path):
    torch.manual_seed(0)
    settings = BooleanSettings()
    train, questions, validation = (generate(settings, split) for split in ("train", "rl", "validation"))
    planner = Planner.fresh("booleans", SMALL)
    how = SFTSettings(first_stage=3, stage_steps=(4,), batch_size=8, eval_every=2)
    planner = train_sft(planner, train, validation, how, tmp_path / "sft")
    practice = RLSettings(
        iterations=1, questions=2, group_size=3, eval_every=1, rewards={"correct": 1.0, "coherence": 1.0, "format": 0.5}
    )
    planner = train_rl(planner, questions, validation, practice, tmp_path / "rl") or planner
    again = Planner.from_pretrained(tmp_path / "rl" / "last")
    assert again.domain is DOMAIN
    metrics = evaluate(again, validation).summary()
    assert {"accuracy", "coherence", "equations_right", "step_match"} <= set(metrics)
    trace = again.reason(validation)
    scores = [DOMAIN.coherence(steps, answer).score for steps, answer in zip(trace.steps, trace.answers, strict=True)]
    assert metrics["coherence"].mean == pytest.approx(sum(scores) / len(scores))
    table = thought_table(again, trace)
    assert table["coherence"] == round(scores[0], 4) and table["reference"] in ("T", "F")
    assert example_problems(again, {2: 3})[0].question == "(T&F)|(T|F)"


def test_commands_find_it_and_its_settings():
    sources = Sources(domain="booleans", options={"max_ops": 2, "seed": 3})
    assert sources.problem_settings == BooleanSettings(max_ops=2, seed=3)
    assert {len(p.steps) for p in sources.load(None, "test")} == {2}
    with pytest.raises(ValueError, match="options .* of the domain 'booleans': .*'colour'"):
        _ = Sources(domain="booleans", options={"colour": "red"}).problem_settings


@pytest.mark.slow
def test_a_planner_of_no_domain_has_no_coherence_rather_than_none(tmp_path):
    planner = Planner.fresh(None, SMALL, tokenizer=Planner.fresh("booleans").tokenizer)
    problems = generate(BooleanSettings(), "test", {2: 4})
    metrics = evaluate(planner, problems).summary()
    assert "accuracy" in metrics and not {"coherence", "equations_right"} & set(metrics)
    practice = RLSettings(iterations=1, questions=2, group_size=2, rewards={"coherence": 1.0})
    with pytest.raises(ValueError, match="names no domain.*arithmetic, .*stories, booleans, or yours"):
        train_rl(planner, problems, generate(BooleanSettings(), "validation"), practice, tmp_path)
    table = thought_table(planner, planner.reason(problems))
    assert table["coherence"] is None and all(step["right"] is None for step in table["steps"])


def test_a_domain_that_is_not_imported_is_named(tmp_path):
    planner = Planner.fresh("booleans", SMALL)
    planner.save_pretrained(tmp_path)
    (tmp_path / "manifest.json").unlink()
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"booleans"', '"trits"'))
    with pytest.raises(ValueError, match="no domain is called 'trits': choose from .*booleans"):
        Planner.from_pretrained(tmp_path, verify=False)
    assert Planner.from_pretrained(tmp_path, domain="booleans", verify=False).domain is DOMAIN


def test_a_name_is_taken_once_and_by_domains_only():
    with pytest.raises(ValueError, match="there is a domain 'booleans' already"):
        DOMAINS.register("booleans")(type(DOMAIN))
    with pytest.raises(TypeError, match="BooleanSettings is no domain"):
        DOMAINS.register("settings")(BooleanSettings)
