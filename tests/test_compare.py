"""The grid: which runs it has, that they can be cut off and shared, and what its tables say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atp_lab.compare import Cell, Grid, Job, jobs, main_table, measure, paired, read_rows, resolve, run_grid, run_job
from atp_lab.compare.measure import between_curve, noise_curve, replaced_thoughts
from atp_lab.compare.run import collect, find_start, folder_of, grid_data, held, next_job, pending, plan_of, wanted
from atp_lab.compare.tables import OverSeeds, metric, over_seeds
from atp_lite.cli.settings import read_config
from atp_lite.domains import DOMAINS, generate, read_expression
from atp_lite.evaluation import evaluate
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import CHECKPOINTS, LATENT, OWN_SETTINGS, PARENTS, REGIMES, ROUTES_PLAN, SETTINGS, settings_of
from atp_lite.sft import SFTSettings

pytestmark = pytest.mark.slow

TINY = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)


@pytest.fixture
def grid(tmp_path, monkeypatch):
    """Two cells, far too short to learn, on a tiny planner."""
    tiny = lambda regime, seed: Planner.fresh(DOMAINS.of(REGIMES[regime]).name, TINY, seed)  # noqa: E731
    monkeypatch.setattr("atp_lab.compare.run.fresh_planner", tiny)
    cells = {"cot": Cell(), "sim-cot": Cell(), "grpo": Cell(after="atp"), "atp": Cell(recipe="atp-sft")}
    return Grid(
        rows=tmp_path / "rows.jsonl",
        runs=tmp_path / "runs",
        regimes=("clean",),
        seeds=(0,),
        cells=cells,
        budget=0.0005,
        limit=9,
        samples=2,
        batch_size=4,
    )


def test_jobs_give_every_cell_its_seeds_and_extra_seeds_come_last():
    cells = {"cot": Cell(seeds=(0, 1, 2)), "sim-cot": Cell(regimes=("noisy",))}
    grid = Grid(cells=cells, seeds=(0, 1), regimes=("clean", "noisy"))
    found = [(job.cell, job.regime, job.seed) for job in jobs(grid)]
    assert found == [
        ("cot", "clean", 0), ("cot", "noisy", 0), ("cot", "clean", 1), ("cot", "noisy", 1),
        ("sim-cot", "noisy", 0), ("sim-cot", "noisy", 1),
        ("cot", "clean", 2), ("cot", "noisy", 2),
    ]  # fmt: skip


def test_a_cell_is_its_recipe_changed_and_scaled():
    cells = {"cot": Cell(), "b": Cell(recipe="atp-sft", change={"final_kl_factor": 1.0}, budget=0.5)}
    settings = resolve(Grid(cells=cells, budget=0.1), Job("b", "clean", 7))
    assert settings == replace(LATENT, final_kl_factor=1.0, stage_steps=(12, 12, 12, 212), seed=7)
    cells |= {"atp-sft": Cell(), "grpo": Cell(change={"sigma": "learned"}), "plan": Cell(change={"sigma": 0.3})}
    rl = resolve(Grid(cells=cells), Job("grpo", "clean", 1))
    assert (rl.sigma, rl.iterations, rl.seed) == ("learned", SETTINGS["grpo"].iterations, 1)
    routes = [resolve(Grid(cells=cells), Job(cell, "routes", 1)) for cell in ("b", "plan")]
    assert routes == [
        replace(settings_of("atp-sft", "routes"), final_kl_factor=1.0, stage_steps=routes[0].stage_steps, seed=1),
        replace(ROUTES_PLAN, sigma=0.3, seed=1),
    ]
    assert routes[0].curriculum.last_stage == 6 and SETTINGS["plan"].rewards != ROUTES_PLAN.rewards


def test_recipes_of_a_domain_fit_its_longest_chain():
    assert set(PARENTS) == set(SETTINGS) == set(OWN_SETTINGS["routes"])
    for regime, longest in (("clean", 4), ("routes", 6), ("routes-7", 10)):
        trained = [settings_of(name, regime) for name in SETTINGS]
        stages = {s.curriculum.last_stage for s in trained if isinstance(s, SFTSettings) and s.first_stage > 0}
        assert stages == {longest} == {max(DOMAINS.of(REGIMES[regime]).default_counts("train", REGIMES[regime]))}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"conut": Cell()}, "no recipe 'conut'; choose from"),
        ({"grpo": Cell()}, "starts from 'atp-sft', which is no cell"),
        ({"cot": Cell(change={"lrr": 1})}, "cell cot: unknown setting 'lrr'"),
        ({"cot": Cell(regimes=("dirty",))}, "no regime 'dirty'"),
        ({"cot": Cell(budget=-1.0)}, "must be positive"),
        ({"a": Cell(recipe="cot", after="b"), "b": Cell(recipe="cot", after="a")}, "starts from itself"),
    ],
)
def test_mistakes_in_the_grid_are_found_before_anything_runs(cells, message):
    with pytest.raises(ValueError, match=message):
        Grid(cells=cells)


def test_the_committed_grids_hold_every_recipe():
    smoke, toy, planning = (read_config(f"configs/compare-{name}.yaml", Grid) for name in ("smoke", "toy", "planning"))
    for grids in ((smoke,), (toy, planning)):
        used = {cell.recipe or name for grid in grids for name, cell in grid.cells.items()}
        assert used == set(SETTINGS), f"left out: {set(SETTINGS) - used}"
    main = ("cot", "no-cot", "coconut", "sim-cot", "atp-sft", "grpo")
    assert all(len(toy.cells[name].seeds) >= 5 for name in main)
    assert len(planning.seeds) >= 5 and set(planning.regimes) == {"clean", "routes"}


def test_training_and_test_questions_are_apart_and_longer_ones_are_longer():
    for regime, longest in (("clean", 4), ("routes", 6), ("routes-7", 10)):
        data = grid_data(regime, 30)
        seen = {problem.question for problem in data["train"]}
        assert 30 <= len(seen) < 30 + longest, "as many of each length"
        assert not seen & {p.question for split in ("test", "longer", "validation", "rl") for p in data[split]}
        assert {len(p.steps) for p in data["longer"]} == {longest + 1}
        assert max(len(p.steps) for p in data["train"]) == longest


def test_a_grid_runs_once_and_in_the_order_that_its_starts_allow(grid):
    order = []

    def run(job: Job) -> None:
        order.append(job.cell)
        row = run_job(grid, job)
        with grid.rows.open("a") as file:
            file.write(json.dumps(row) + "\n")

    while next_job(grid, run) is not None:
        pass
    assert order == ["cot", "sim-cot", "atp", "grpo"], "grpo waits for what it starts from"
    rows = {row["arm"]: row for row in read_rows(grid.rows)}
    assert rows["grpo"]["start"] == "atp"
    assert rows["sim-cot"]["settings"]["method"] == "sim-cot"
    for row in rows.values():
        assert row["parameters"] > 0 and row["train_tokens"] > 0 and row["version"]
        assert {"accuracy", "pass@1", "pass@2", "latents"} <= set(row["evaluation"]["metrics"])
        n = row["evaluation"]["metrics"]["accuracy"]["n"]
        hits = bin(int(row["correct"], 16)).count("1")
        assert hits == round(n * row["evaluation"]["metrics"]["accuracy"]["mean"])
        assert (row["noise"] == {}) == (row["arm"] == "cot"), "words have no latents to disturb"
        assert set(row["between"]) == (set() if row["arm"] == "cot" else {"0.25", "0.5"})
        assert (row["causes"] == {}) == (row["arm"] == "cot"), "words have no latents to replace"
    assert next_job(grid, run) is None
    same = run_job(grid, Job("sim-cot", "clean", 0))
    assert same["evaluation"] == rows["sim-cot"]["evaluation"], "measured again, nothing trained"
    assert "sim-cot" in main_table(list(rows.values()), "clean", list(grid.cells))


def test_a_lost_start_is_trained_anew(grid):
    small = replace(grid, cells={"cot": Cell(), "no-cot": Cell(), "icot": Cell()})
    run_grid(small, progress=False, only=("cot",))
    assert [row["arm"] for row in read_rows(small.rows)] == ["cot"]
    start = folder_of(small, Job("cot", "clean", 0)) / "last"
    kept = replace(small, starts=small.runs.parent / "starts")
    place = kept.starts / "clean-0" / "cot"
    place.parent.mkdir(parents=True)
    start.rename(place)
    assert find_start(kept, Job("cot", "clean", 0)) == place
    with pytest.raises(FileNotFoundError, match="icot starts from cot, clean, seed 0: run it first"):
        run_job(small, Job("icot", "clean", 0))
    assert wanted(small) == [Job("no-cot", "clean", 0), Job("icot", "clean", 0), Job("cot", "clean", 0)]
    assert Job("cot", "clean", 0) not in wanted(kept)
    run_grid(small, progress=False)
    assert sorted(row["arm"] for row in read_rows(small.rows)) == ["cot", "icot", "no-cot"], "one line each"
    assert (start / "config.json").is_file()
    assert wanted(small) == []


def test_the_plan_for_several_workers_waits_for_what_a_job_starts_from(grid, monkeypatch):
    plan = plan_of(grid, (), grid.runs / "grid.yaml")
    rows = {Path(job["row"]).parent.name: job for job in plan}
    assert list(rows) == ["cot", "sim-cot", "grpo", "atp"]
    assert rows["grpo"]["needs"] == [rows["atp"]["row"]] and rows["cot"]["needs"] == []
    assert rows["grpo"]["command"].endswith(f"compare --config {grid.runs / 'grid.yaml'} --job grpo clean 0")
    left = folder_of(grid, Job("sim-cot", "clean", 0)) / "row.json"
    left.parent.mkdir(parents=True)
    left.write_text('{"arm": "sim-cot", "regime": "clean", "seed": 0}')
    collect(grid)
    collect(grid)
    assert [row["arm"] for row in read_rows(grid.rows)] == ["sim-cot"], "once"
    assert "sim-cot" not in {Path(job["row"]).parent.name for job in plan_of(grid, (), grid.runs)}
    monkeypatch.setattr("atp_lab.compare.run.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="several workers need Snakemake: pip install"):
        run_grid(grid, workers=2)


def test_what_snakemake_runs_in_two_processes_has_one_line_each(grid):
    pytest.importorskip("snakemake")
    small = replace(grid, cells={"cot": Cell(), "no-cot": Cell()})
    run_grid(small, workers=2)
    assert sorted(row["arm"] for row in read_rows(small.rows)) == ["cot", "no-cot"]


def test_a_job_that_another_holds_is_left_alone(grid):
    with held(folder_of(grid, Job("cot", "clean", 0)).parent / "cot.lock") as mine:
        assert mine
        assert next_job(grid, lambda job: pytest.fail(f"{job} was taken twice")) is False
    assert len(pending(grid)) == 4
    assert pending(grid, ("grpo",)) == [Job("grpo", "clean", 0)]
    with pytest.raises(ValueError, match="no cell 'gpro'"):
        run_grid(grid, only=("gpro",))
    with pytest.raises(ValueError, match="workers is 0"):
        run_grid(grid, workers=0)


def test_weights_of_other_settings_or_another_start_are_never_taken(grid):
    cot, child = Job("cot", "clean", 0), Job("sim-cot", "clean", 0)
    first = run_job(grid, cot)
    weights = folder_of(grid, cot) / "last" / "model.safetensors"
    before = weights.read_bytes()
    assert run_job(grid, cot)["evaluation"] == first["evaluation"] and weights.read_bytes() == before
    other = replace(grid, cells=grid.cells | {"cot": Cell(change={"lr": 0.5})})
    for job in (cot, child):
        with pytest.raises(ValueError, match=r"cot was started with lr = 0\.003, not 0\.5"):
            run_job(other, job)
    run_job(grid, child)
    fewer = replace(grid, limit=6)
    with pytest.raises(ValueError, match="cot was started with training problems = "):
        run_job(fewer, cot)


def test_rows_that_are_broken_are_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(ValueError, match="line 2 is not JSON"):
        read_rows(tmp_path / "rows.jsonl")
    assert read_rows(tmp_path / "none.jsonl") == []


def test_noise_is_measured_by_the_size_of_the_latents(monkeypatch):
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    problems = [read_expression(text) for text in ("(3+4)*(9-2)", "(5*2)-(6-1)")]
    latents = torch.cat([planner.think([problem]).latents[0] for problem in problems])
    asked = []

    def seen(planner, problems, settings):
        asked.append(settings.sigma)
        return evaluate(planner, problems, settings)

    monkeypatch.setattr("atp_lab.compare.measure.evaluate", seen)
    curve = noise_curve(planner, problems)
    assert list(curve) == ["0.25", "0.5", "0.75", "1.0"] and all(0 <= value <= 1 for value in curve.values())
    size = latents.square().mean().sqrt().item()
    assert asked == pytest.approx([0.25 * size, 0.5 * size, 0.75 * size, size], rel=1e-5)
    assert noise_curve(Planner.from_pretrained(CHECKPOINTS / "cot"), problems) == {}


def test_a_row_says_what_follows_from_replaced_thoughts(monkeypatch):
    """Of the first problems alone, and nothing where no decoder reads the thoughts."""
    monkeypatch.setattr("atp_lab.compare.measure.EDITED", 12)
    problems = generate(REGIMES["clean"], "test")[:20]
    found = replaced_thoughts(Planner.from_pretrained(CHECKPOINTS / "atp-sft"), problems)
    assert found["problems"] == 12 >= found["edited"] > 0
    shares = found["edits"]["swap-all"]["all"]
    assert sum(shares[f"answer_{response}"]["mean"] for response in ("follows", "stays", "neither")) == pytest.approx(1)
    assert "typed" not in found["edits"], "no step encoder, so nothing is typed"
    for name in ("cot", "coconut"):
        assert replaced_thoughts(Planner.from_pretrained(CHECKPOINTS / name), problems) == {}


def test_thoughts_half_way_to_another_problem(monkeypatch):
    """Between a problem and itself nothing moves, half way to another one much does."""
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    texts = ["(3+4)*(9-2)", "8-3", "(5*2)-(6-1)", "(9-4)+(2*3)", "(8+1)-6"]
    problems = [read_expression(text) for text in texts]
    assert planner.reason(problems[:1]).answers == ["49"]
    same = between_curve(planner, problems[:1] * 2)
    assert same == {share: {"accuracy": 1.0, "valid": 1.0} for share in ("0.25", "0.5")}
    moved = between_curve(planner, [problems[0], problems[2], problems[3]])
    assert moved["0.5"]["accuracy"] < 1.0
    monkeypatch.setattr(measure, "BETWEEN", (0.0, 1.0))
    ends = between_curve(planner, [problems[0], problems[2], problems[3]])
    assert ends["0.0"] == {"accuracy": 1.0, "valid": 1.0} and ends["1.0"]["accuracy"] < 1.0
    assert between_curve(Planner.from_pretrained(CHECKPOINTS / "cot"), problems) == {}, "words cannot be mixed"


def row(arm: str, seed: int, accuracy: float, **more) -> dict:
    metrics = {"accuracy": {"mean": accuracy}, "latents": {"mean": 3.0}, "answer_tokens": {"mean": 2.0}}
    return {"arm": arm, "regime": "clean", "seed": seed, "cpu_seconds": 60, "evaluation": {"metrics": metrics}} | more


def test_tables_by_hand():
    """Differences 10, 12, 14 points: mean 12, standard deviation 2, t(2) = 4.3027, so +- 4.968."""
    ours = {s: row("a", s, 0.6 + 0.02 * s, noise={"0.5": 0.25}) for s in range(3)}
    base = {s: row("b", s, 0.5) for s in range(4)}
    difference = paired(ours, base)
    assert (round(difference.mean, 9), round(difference.half, 3), difference.n) == (12.0, 4.968, 3)
    assert difference.signed() == "+12.0 ± 5.0"
    assert paired(ours, base, relative=True).mean == pytest.approx(24.0), "12 points of 50"
    assert OverSeeds(-1.0, 2.0, 3).signed() == "-1.0 ± 2.0"
    assert [str(OverSeeds(1.0, 9.9, n)) for n in (1, 2)] == ["1.0 (one seed)", "1.0 (two seeds)"]
    assert main_table([], "clean", ["a"]).startswith("| not measured yet")
    assert metric(ours[0], "tokens") == 5.0
    assert metric(ours[0], "noise 0.5") == 25.0
    mixed = row("a", 0, 0.5, between={"0.5": {"accuracy": 0.5, "valid": 0.75}})
    assert (metric(mixed, "between 0.5 valid"), metric(mixed, "between 0.25 valid")) == (75.0, None)
    assert over_seeds(base, "noise 0.5") is None and paired(ours, base, "noise 0.5") is None
    text = main_table([*ours.values(), *base.values()], "clean", ["a", "missing", "b"], {"a": "ours"})
    assert [line.split(" | ")[0] for line in text.splitlines()[2:]] == ["| ours", "| b"]
    assert "62.0 ± 5.0" in text


def test_the_smallest_grid_has_problems_enough_for_every_batch():
    smoke = read_config("configs/compare-smoke.yaml", Grid)
    found = {job: resolve(smoke, job) for job in jobs(smoke)}
    batches = {job: getattr(s, "rehearsal_batch", 0) + getattr(s, "batch_size", 0) for job, s in found.items()}
    assert set(batches.values()) == {smoke.batch_size} and smoke.batch_size <= smoke.limit
    assert all(settings.questions <= smoke.limit for settings in found.values() if hasattr(settings, "questions"))
