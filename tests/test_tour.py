"""The tour and the bundled checkpoints from end to end, on tiny settings: every file a user would open is there."""

import json
from dataclasses import replace

import pytest

from atp_lab import bundle
from atp_lite import recipes, tour
from atp_lite.domains import DOMAINS
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import COT, GRPO, LATENT
from atp_lite.views.microscope import read_journey

pytestmark = pytest.mark.slow
TINY = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)


@pytest.fixture
def tiny(monkeypatch):
    """Recipes of a few steps each, on a few problems and a tiny planner."""
    quick = {"batch_size": 8, "warmup_steps": 1, "eval_every": 2}
    cot, latent = replace(COT, stage_steps=(2,), **quick), replace(LATENT, stage_steps=(1, 1, 2), **quick)
    rl = replace(GRPO, iterations=2, questions=4, group_size=2, eval_every=2, warmup_steps=1)
    fresh = Planner.fresh
    small = classmethod(lambda cls, domain="arithmetic", settings=None, **how: fresh(domain, TINY, **how))
    monkeypatch.setattr(Planner, "fresh", small)
    for name in ("arithmetic", "stories"):
        monkeypatch.setattr(type(DOMAINS[name]), "default_counts", lambda self, split, settings: {2: 12, 3: 12})
    monkeypatch.setattr(tour, "TOUR_COT", cot)
    monkeypatch.setattr(tour, "TOUR_LATENT", latent)
    monkeypatch.setattr(tour, "TOUR_RL", rl)
    rivals = {name: replace(latent, method=name) for name in ("coconut", "sim-cot")}
    monkeypatch.setattr(bundle, "SETTINGS", {"cot": cot, "atp-sft": latent, "grpo": rl} | rivals)


def test_tour_ends_with_a_table_and_a_report(tiny, tmp_path, capsys):
    results = tour.tour(tmp_path / "tour", seed=3)
    assert list(results) == ["CoT", "ATP-Latent SFT", "ATP-Latent RL"]
    assert all(len(result.outcomes) == 24 for result in results.values())
    text = capsys.readouterr().out
    for name, result in results.items():
        assert any(line.startswith(name) and result.accuracy.percent() in line for line in text.splitlines())
    page = (tmp_path / "tour" / "report.html").read_text()
    assert "((2+6)*4)-(7+5)" in page and "plotly" in page.lower()


def test_bundled_checkpoints_carry_their_cards(tiny, tmp_path):
    bundle.make_checkpoints(tmp_path / "out", tmp_path / "runs", seed=1)
    for name, (regime, recipe) in bundle.BUNDLED.items():
        card = json.loads((tmp_path / "out" / name / "card.json").read_text())
        assert (card["labels"], card["recipe"], card["seed"]) == (regime, recipe, 1)
        assert card["settings"]["seed"] == 1
        assert (card["wrong_labels"] > 0) == (regime == "noisy")
        thinks = Planner.from_pretrained(tmp_path / "out" / name).model.config.max_latents > 0
        assert thinks == (name != "cot")
        assert ("pass@8" in card["evaluation"]["metrics"]) == thinks
        assert card["evaluation"]["metrics"]["accuracy"]["n"] == 24
        assert f"`{card['test_hash']}`" in (tmp_path / "out" / name / "README.md").read_text()


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
    monkeypatch.setattr(recipes, "train_sft", lambda *a: pytest.fail("trained again"))
    assert bundle.train_recipe("atp-sft", "clean", 0, data, tmp_path) == first
