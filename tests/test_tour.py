"""The tour and the bundled checkpoints from end to end, on tiny settings: every file a user would open is there."""

import json
import re
from dataclasses import replace

import pytest

from atp_lab import bundle
from atp_lite import recipes, tour
from atp_lite.domains import DOMAINS
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import COT, GRPO, LATENT, PLAN, ROUTES_PLAN, STEP
from atp_lite.views.microscope import read_journey

pytestmark = pytest.mark.slow
TINY = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)
QUICK = {"batch_size": 8, "warmup_steps": 1, "eval_every": 2}


def tiny_recipes(rl):
    """Every recipe of the bundle and the tour, a few steps each."""
    cot, latent = replace(COT, stage_steps=(2,), **QUICK), replace(LATENT, stage_steps=(1, 1, 2), **QUICK)
    rl = replace(rl, iterations=2, questions=4, group_size=2, rehearsal_batch=4, eval_every=2, warmup_steps=1)
    step = replace(STEP, first_stage=3, stage_steps=(2,), **QUICK)
    rivals = {name: replace(latent, method=name) for name in ("coconut", "sim-cot")}
    return {
        "cot": cot,
        "atp-sft": latent,
        "atp-step": step,
        "grpo": replace(rl, rewards=GRPO.rewards),
        "plan": rl,
        "plan-step": replace(step, latent_head=None, own_chains=True),
    } | rivals


@pytest.fixture
def tiny(monkeypatch):
    """Recipes of a few steps each, on a few problems and a tiny planner."""
    fresh = Planner.fresh
    small = classmethod(lambda cls, domain="arithmetic", settings=None, *rest, **how: fresh(domain, TINY, *rest, **how))
    monkeypatch.setattr(Planner, "fresh", small)
    for name in ("arithmetic", "stories", "routes"):
        monkeypatch.setattr(type(DOMAINS[name]), "default_counts", lambda self, split, settings: {2: 12, 3: 12})
    monkeypatch.setattr(recipes, "COUNTS", {})
    settings = {"clean": tiny_recipes(PLAN), "routes": tiny_recipes(ROUTES_PLAN)}
    monkeypatch.setattr(recipes, "SETTINGS", settings["clean"])
    monkeypatch.setattr(recipes, "OWN_SETTINGS", {"routes": settings["routes"]})
    phases = ("cot", "atp-sft", "plan")
    monkeypatch.setattr(tour, "TOUR", {name: tuple(own[p] for p in phases) for name, own in settings.items()})


@pytest.mark.parametrize(
    ("domain", "question"), [("arithmetic", "((2+6)*4)-(7+5)"), ("routes", "5 : bb bd cc db dd : aa to ee")]
)
def test_tour_ends_with_a_table_and_a_report(tiny, tmp_path, capsys, domain, question):
    results = tour.tour(tmp_path / "tour", seed=3, domain=domain)
    assert list(results) == ["CoT", "ATP-Latent SFT", "ATP-Latent RL"]
    assert all(len(result.outcomes) == 24 for result in results.values())
    text = capsys.readouterr().out
    for name, result in results.items():
        (line,) = [line for line in text.splitlines() if line.startswith(name)]
        found = result.summary()
        assert all(found[key].percent() in line for key in ("accuracy", "right_chains_1", "right_chains_several"))
    assert len(re.findall(r"[\d.]+ minutes; about \d+ more to come", text)) == 3
    page = (tmp_path / "tour" / "report.html").read_text()
    assert question in page and "plotly" in page.lower() and "where several are right, %" in page
    live = (tmp_path / "tour" / "live.html").read_text()
    assert all(f'id="planner-{name}-last"' in live for name in ("rl", "sft", "cot"))


def test_a_tour_goes_on_where_it_was_cut_off(tiny, tmp_path, monkeypatch):
    def cut(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting:
        cutting.setattr(tour, "evaluate", cut)
        with pytest.raises(KeyboardInterrupt):
            tour.tour(tmp_path)
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("state/*")}
    tour.tour(tmp_path)
    assert len(trained) > 3 and {path: path.stat().st_mtime_ns for path in tmp_path.rglob("state/*")} == trained
    with pytest.raises(ValueError, match="seed"):
        tour.tour(tmp_path, seed=1)
    tour.tour(tmp_path, seed=1, restart=True)


def test_there_is_a_tour_of_some_domains_only(tmp_path):
    with pytest.raises(ValueError, match="no tour of the domain 'stories': choose from arithmetic, routes"):
        tour.tour(tmp_path, domain="stories")


@pytest.mark.thorough
def test_bundled_checkpoints_carry_their_cards(tiny, tmp_path):
    some = ("cot", "atp-rl-noisy", "coconut", "atp-step", "atp-sft-stories", "routes-plan")
    bundle.make_checkpoints(tmp_path / "out", tmp_path / "runs", seed=1, only=some)
    for name in some:
        regime, recipe = bundle.BUNDLED[name]
        card = json.loads((tmp_path / "out" / name / "card.json").read_text())
        assert (card["labels"], card["recipe"], card["seed"]) == (regime, recipe, 1)
        assert card["settings"]["seed"] == 1
        assert (card["wrong_labels"] > 0) == (regime == "noisy")
        thinks = Planner.from_pretrained(tmp_path / "out" / name).model.config.max_latents > 0
        assert thinks == (recipe != "cot")
        assert ("pass@8" in card["evaluation"]["metrics"]) == thinks
        assert card["evaluation"]["metrics"]["accuracy"]["n"] == 24
        text = (tmp_path / "out" / name / "README.md").read_text()
        assert f"`{card['test_hash']}`" in text
        assert ("| right chain, where several are right, % |" in text) == (recipe != "coconut")
        assert ("A planner for routes on small maps" in text) == (regime == "routes")


@pytest.mark.thorough
def test_one_bundled_checkpoint_or_the_journey_alone(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "KEPT_EVERY", 1)
    bundle.make_checkpoints(tmp_path / "out", tmp_path / "runs", only=["sim-cot"])
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["sim-cot"]
    bundle.make_journey(tmp_path / "rl-run" / "journey.json", tmp_path / "runs")
    found = read_journey(tmp_path / "rl-run" / "journey.json")
    assert found["stops"] == [0, 1, 2] and len(found["thoughts"][0]) == 3
    with pytest.raises(ValueError, match="no bundled checkpoint is called 'gpt': choose from cot, "):
        bundle.make_checkpoints(tmp_path / "out", tmp_path / "runs", only=["gpt"])


def test_finished_recipes_are_not_trained_again(tiny, tmp_path, monkeypatch):
    data = bundle.regime_data("clean")
    first = bundle.train_recipe("atp-sft", "clean", 0, data, tmp_path)
    assert (tmp_path / "cot" / "last").is_dir(), "what it starts from was trained too"
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    assert bundle.train_recipe("atp-sft", "clean", 0, data, tmp_path) == first
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")} == written
