"""Dashboard without a browser: controls are set, buttons and points clicked, and what is shown is read back."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import nbformat
import plotly.graph_objects as go
import pytest
import torch
from plotly.callbacks import Points
from plotly.offline import get_plotlyjs

from atp_lite.domains import DOMAINS, Problem, generate, read_expression
from atp_lite.model import Point
from atp_lite.model.noise import noise_of_norm
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import CHECKPOINTS, REGIMES
from atp_lite.rl import RLSettings, train_rl
from atp_lite.views import fit_projection
from atp_lite.views.bundled_examples import JOURNEY, bundled_rivals, bundled_start, example_problems
from atp_lite.views.edits import (
    LatentEdit,
    ThoughtSummary,
    answer_probabilities,
    compare_thoughts,
    measure_group,
    rethink,
    reward_terms,
    rewrite,
    sample_group,
    sample_latent,
)
from atp_lite.views.explorers import (
    CoherenceExplorer,
    Dashboard,
    LatentDebugger,
    Race,
    RLMicroscope,
    SpaceExplorer,
    TrajectoryExplorer,
    explore,
)
from atp_lite.views.explorers.base import unfamiliar
from atp_lite.views.export import (
    Control,
    export_bundled,
    export_coherence,
    export_debugger,
    export_grid,
    export_microscope,
    export_race,
    export_space,
    export_trajectories,
)
from atp_lite.views.microscope import journey, kept_checkpoints, read_journey, verdicts, write_journey
from atp_lite.views.palette import finish, plain
from atp_lite.views.race import race
from atp_lite.views.serve import offline_template, page_notebook, serve
from atp_lite.views.space import interpolate, kl_by_dimension, noise_accuracy, noise_figure

pytestmark = pytest.mark.slow

NASTY = "<script>alert(1)</script>"
FORTY_NINE = "(3+4)*(9-2)"
FORTY_NINE_IS = "49"


@pytest.fixture(scope="module")
def planner() -> Planner:
    return Planner.from_pretrained(CHECKPOINTS / "atp-rl")


@pytest.fixture(scope="module")
def problems():
    return [read_expression(FORTY_NINE), *generate(REGIMES["clean"], "test", {2: 4, 3: 4, 4: 4})]


# --- edits ---


def test_the_parts_of_an_edit_add_up(planner, problems):
    projection = fit_projection(planner.reason(problems), 2)
    latent, other = torch.zeros(64), torch.full((64,), 2.0)
    assert torch.equal(LatentEdit()(latent), latent)
    assert torch.equal(LatentEdit(toward=other, fraction=0.25)(latent), torch.full((64,), 0.5))
    assert torch.equal(LatentEdit(swap=other, noise=other)(latent), torch.full((64,), 4.0))
    moved = LatentEdit(along=(1.0, -2.0))(latent, projection)
    on_axes = torch.as_tensor(projection.axes, dtype=torch.float32) @ moved
    expected = torch.tensor([projection.stddev[0], -2 * projection.stddev[1]])
    torch.testing.assert_close(on_axes, expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="3 steps along 2 axes"):
        LatentEdit(along=(0.0, 0.0, 1.0))(latent, projection)


def test_noise_is_as_long_as_asked_and_draws_come_from_their_source(planner, problems):
    generator = torch.Generator().manual_seed(0)
    assert noise_of_norm(64, 3.5, generator).norm().item() == pytest.approx(3.5, rel=1e-5)
    with pytest.raises(ValueError, match="norm -1"):
        noise_of_norm(64, -1.0, generator)
    trace = rethink(planner, problems[0])
    draws = torch.stack([sample_latent(trace, 0, 2, "posterior", generator) for _ in range(2000)])
    torch.testing.assert_close(draws.mean(0), trace.mu[0, 1], atol=0.08, rtol=0)
    torch.testing.assert_close(draws.std(0), trace.sigma[0, 1], atol=0.05, rtol=0)
    prior = torch.stack([sample_latent(trace, 0, 2, "prior", generator) for _ in range(2000)])
    assert abs(prior.mean().item()) < 0.02 and prior.std().item() == pytest.approx(1.0, abs=0.02)
    with pytest.raises(ValueError, match="choose posterior or prior"):
        sample_latent(trace, 0, 1, "past", generator)


def test_thinking_again_with_its_own_latents_changes_nothing_and_with_others_all_that_follows(planner, problems):
    plain = rethink(planner, problems[0])
    same = rethink(planner, problems[0], {2: plain.latents[0, 1]})
    torch.testing.assert_close(same.latents, plain.latents)
    assert same.steps == plain.steps and same.answers == plain.answers == ["49"]
    moved = rethink(planner, problems[0], {2: torch.full((64,), 3.0)})
    torch.testing.assert_close(moved.latents[0, 0], plain.latents[0, 0])
    assert torch.equal(moved.latents[0, 1], torch.full((64,), 3.0))
    assert not torch.allclose(moved.latents[0, 2], plain.latents[0, 2])
    with pytest.raises(ValueError, match="no latent 9: this planner thinks 1 to 8"):
        rethink(planner, problems[0], {9: torch.zeros(64)})


def test_chances_of_answers_are_those_of_the_model(planner, problems):
    trace = rethink(planner, problems[0])
    chances = answer_probabilities(planner, trace, top=61)
    assert chances[0]["text"] == "49"
    assert chances[0]["probability"] == pytest.approx(trace.answer_log_probs[0, 0].exp().item(), abs=1e-3)
    assert sum(entry["probability"] for entry in chances) == pytest.approx(1.0, abs=1e-3)


def test_rewards_of_rewritten_steps_by_hand(planner, problems):
    trace = rethink(planner, problems[0])
    assert reward_terms(rewrite(trace, 0, ["3+4=7", "9-2=7", "7*7=49"], "49"))["total"] == 2.5
    dangling = reward_terms(rewrite(trace, 0, ["3+4=7", "1+1=2", "7*7=49", " "], "49"))
    assert [term["value"] for term in dangling["terms"]] == [1.0, rounded_two_thirds(), 1.0]
    assert dangling["total"] == pytest.approx(1 + 2 / 3 + 0.5, abs=1e-3)
    wrong = reward_terms(rewrite(trace, 0, ["3+4=7"], "7"))
    assert [term["product"] for term in wrong["terms"]] == [0.0, 0.0, 0.5]
    assert trace.answers == ["49"], "the trace itself is not touched"


def rounded_two_thirds() -> float:
    return 0.6667


def test_a_group_is_compared_as_grpo_does(planner, problems):
    generator = torch.Generator().manual_seed(0)
    trace = sample_group(planner, problems[0], 4, 0.5, generator)
    trace.steps = [["3+4=7", "7*7=49"]] * 4
    trace.answers = ["49", "49", "7", "7"]
    group = measure_group(trace)
    assert [row["reward"]["total"] for row in group["rows"]] == [2.5, 2.5, 0.5, 0.5]
    assert [row["advantage"] for row in group["rows"]] == [1.0, 1.0, -1.0, -1.0]
    assert group["used"] and group["reference"] == "49"
    with pytest.raises(ValueError, match="nothing to be compared with"):
        sample_group(planner, problems[0], 1, 0.5, generator)


def test_what_an_edit_changed_in_words():
    def thought(texts, answer, total):
        table = {"steps": [{"text": text} for text in texts], "answer": answer}
        return ThoughtSummary(table, {}, [], {"terms": [], "total": total})

    before = thought(["1+2=3", "3*2=6"], "6", 2.5)
    assert compare_thoughts(before, before)["summary"] == "Nothing that can be read has changed."
    found = compare_thoughts(before, thought(["1+2=3", "3+2=5", "5+1=6"], "5", 0.5))
    assert [step["changed"] for step in found["steps"]] == [False, True, True]
    assert found["steps"][2]["before"] is None
    assert found["reward"]["difference"] == -2.0
    assert found["summary"] == "Steps 2, 3 changed; the answer went from 6 to 5."


# --- the debugger ---


@pytest.fixture
def debugger(planner, problems):
    """Without the swap that it opens on."""
    made = LatentDebugger(planner, problems)
    made.undo.click()
    return made


@pytest.mark.slow
def test_it_opens_on_a_swap_that_changes_the_answer_lists_it_and_undo_takes_it_back(planner, problems):
    made = LatentDebugger(planner, problems)
    assert made.before.table["answer"] == FORTY_NINE_IS and made.after.table["answer"] != FORTY_NINE_IS
    donor = rethink(planner, read_expression(made.other.value))
    torch.testing.assert_close(made.edit.swap, donor.latents[0, made.step.value - 1])
    assert f"<li>replaced by that of {made.other.value}</li>" in made.edits.value
    made.along[1].value = -1.5
    assert "<li>moved -1.5 standard deviations along axis 2</li>" in made.edits.value
    made.undo.click()
    made.undo.click()
    assert made.edits.value == "" and made.after.table["answer"] == FORTY_NINE_IS
    assert made.step.value == 1 and made.problem.value == FORTY_NINE and not made.history


@pytest.mark.slow
def test_axes_stay_while_a_latent_moves(debugger):
    def ranges():
        layout = debugger.path.figure.layout
        return layout.xaxis.range, layout.yaxis.range

    before = ranges()
    lows, highs = (pick(point[0] for point in debugger.around) for pick in (min, max))
    assert before[0][0] < lows and highs < before[0][1]
    x = debugger.after.path[0][0]
    debugger.along[0].value = 0.5 if x < 0 else -0.5
    assert debugger.after.path[0][0] != x and ranges() == before
    assert debugger.path.figure._config["displayModeBar"] is False


def test_what_is_unlike_all_known_problems_is_said():
    known = [read_expression("(3+4)*2"), read_expression("((1+2)+3)-4")]
    assert unfamiliar(read_expression("(2+2)*4"), known) == ""
    assert unfamiliar(read_expression("3+4"), known) == (
        "This planner is out of its depth: it takes 1 step, those it knows 2 to 3. The right answer is 7."
    )
    assert "its numbers are 1 to 4, and here is 9, 8." in unfamiliar(read_expression("(9+8)+9"), known)
    assert unfamiliar(Problem("how far?", (), ""), known) == ""


@pytest.mark.slow
def test_every_explorer_that_is_asked_says_what_is_out_of_its_depth(debugger, planner, problems):
    asked = [debugger, CoherenceExplorer(planner, problems, group_size=2), Race({"RL": planner}, problems)]
    for explorer in asked:
        explorer.problem.value = "3+4"
        assert "out of its depth: it takes 1 step" in explorer.message.value
        explorer.problem.value = "(3+4)*2"
        assert explorer.message.value == ""


def test_a_slider_moves_the_latent_along_its_axis_and_undo_takes_it_back(debugger):
    before = debugger.before.path
    uids = [trace.uid for trace in debugger.path.figure.data]
    debugger.step.value = 2
    for value in (0.5, 1.0, 2.0):  # one gesture
        debugger.along[0].value = value
    after = debugger.after.path
    assert after[0] == before[0]
    assert after[1][0] == pytest.approx(before[1][0] + 2.0 * debugger.projection.stddev[0], abs=2e-3)
    assert after[1][1] == pytest.approx(before[1][1], abs=2e-3)
    assert list(debugger.path.figure.data[1].x) == [point[0] for point in after]
    assert [trace.uid for trace in debugger.path.figure.data] == uids, "changed in place"
    assert len(debugger.history) == 2, "choosing the step, and the slider's whole gesture"
    debugger.undo.click()
    assert debugger.along[0].value == 0.0 and debugger.after.path == before
    debugger.undo.click()
    assert debugger.step.value == 1
    debugger.undo.click()
    assert "nothing to undo" in debugger.message.value


def test_swap_interpolation_noise_draws_and_reset(debugger, planner, problems):
    other = problems[5]
    debugger.other.value = other.question
    debugger.swap.click()
    theirs = rethink(planner, other).latents[0, 0]
    torch.testing.assert_close(debugger.edit.swap, theirs)
    assert debugger.message.value == "" and "◀ changed" in debugger.steps.value
    debugger.reset.click()
    assert debugger.edit == LatentEdit() and "◀ changed" not in debugger.steps.value
    debugger.fraction.value = 1.0
    torch.testing.assert_close(debugger.edit(debugger.trace.latents[0, 0]), theirs)
    debugger.reset.click()
    assert debugger.fraction.value == 0.0
    debugger.norm.value = 2.0
    debugger.add_noise.click()
    assert debugger.edit.noise.norm().item() == pytest.approx(2.0, rel=1e-4)
    for button in (debugger.posterior, debugger.prior):
        debugger.reset.click()
        button.click()
        assert debugger.edit.swap is not None and debugger.message.value == ""


def test_a_click_on_a_point_chooses_its_step(debugger):
    points = debugger.path.figure.data[0]
    points._dispatch_on_click(Points([2], [0.0], [0.0], points.name, 0), None)
    assert debugger.step.value == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Type a problem"),
        ("7", "needs no step"),
        ("99+1", "99 is outside"),
        (NASTY, "unknown symbol"),
        ("3/4", "/"),
    ],
)
def test_what_cannot_be_read_is_explained_and_changes_nothing(debugger, text, message):
    before = debugger.current
    debugger.problem.value = text
    assert message in debugger.message.value
    assert NASTY not in debugger.message.value, "text is escaped"
    assert debugger.current is before
    debugger.problem.value = "8-3-1"
    assert debugger.message.value == "" and debugger.current.question == "(8-3)-1"


def test_a_problem_with_fewer_steps_has_nothing_to_swap_in(debugger):
    debugger.step.value = 3
    debugger.other.value = "(8-3)-1"
    debugger.swap.click()
    assert "has none for step 3" in debugger.message.value


def test_planners_that_cannot_be_debugged_are_refused(problems):
    with pytest.raises(ValueError, match="do not fill 3 axes"):
        LatentDebugger(Planner.from_pretrained(CHECKPOINTS / "cot"), problems)
    small = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32, decoder_layers=0)
    blind = Planner.fresh("arithmetic", small)
    with pytest.raises(ValueError, match="no decoder"):
        LatentDebugger(blind, problems)
    with pytest.raises(ValueError, match="needs problems"):
        LatentDebugger(blind, [])


# --- coherence ---


def test_a_rewritten_step_changes_graph_and_reward(planner, problems):
    explorer = CoherenceExplorer(planner, problems, group_size=4)
    row = explorer.measured["rows"][0]
    assert len(explorer.texts.children) == len(row["graph"]["nodes"]) - 1
    explorer.texts.children[0].value = "3+4=8"
    wrong = next(trace for trace in explorer.graph.figure.data if trace.name == "wrong arithmetic")
    assert list(wrong.x) == [0]
    explorer.answer.value = "13"
    assert "0 × " not in explorer.reward.value and "1 × 0.00" in explorer.reward.value
    explorer.texts.children[0].value = NASTY
    assert NASTY not in explorer.reward.value and explorer.message.value == ""
    explorer.chosen.value = 2
    assert [field.value for field in explorer.texts.children] == explorer.trace.steps[2]
    explorer.problem.value = " "
    assert "Type a problem" in explorer.message.value


def test_drawing_again_draws_others(planner, problems):
    explorer = CoherenceExplorer(planner, problems, group_size=3)
    before = explorer.trace.latents
    explorer.again.click()
    assert not torch.equal(before[:, 0], explorer.trace.latents[:, 0])
    assert len(explorer.group.figure.layout.annotations) == 3


# --- trajectories ---


def test_two_planners_on_the_same_axes(planner, problems):
    sft = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    explorer = TrajectoryExplorer({"SFT": sft, "RL": planner}, problems)
    left, right = (panel.figure for panel in explorer.figures.values())
    assert left.layout.xaxis.range == right.layout.xaxis.range
    assert "SFT: latents on 2 principal axes" in explorer.figures["SFT"].title.value
    explorer.colour.value = "operator"
    assert {trace.name for trace in left.data} & {"+ (add)", "× (multiply)"}
    explorer.upto.value = 1
    assert sum(len(trace.x) for trace in left.data if trace.mode == "markers") == len(problems)
    explorer.ellipses.value = True
    explorer.paths.value = (0,)
    (ellipse,) = [trace for trace in left.data if trace.name.startswith("1 sigma")]
    assert len(ellipse.x) == 34
    for view in explorer.view.options:
        explorer.view.value = view
        assert "⚠" not in explorer.message.value
    assert left.layout.xaxis.title.text == "t-SNE 1 (no unit)"
    explorer.view.value = "random directions (control)"
    assert "random direction 1" in left.layout.xaxis.title.text


def test_a_picture_that_shows_little_says_so(planner, problems):
    explorer = TrajectoryExplorer({"RL": planner}, problems)
    share = sum(explorer.latent_paths.axes["principal"].explained[:2])
    assert (f"only {100 * share:.0f} %" in explorer.message.value) == (share < 0.5)
    with pytest.raises(ValueError, match="give one, or two"):
        TrajectoryExplorer({}, problems)
    with pytest.raises(ValueError, match="do not fill 3 axes"):
        TrajectoryExplorer({"words": Planner.from_pretrained(CHECKPOINTS / "cot")}, problems)


# --- space ---


def test_a_strip_begins_and_ends_with_what_the_two_problems_thought(planner, problems):
    trace = planner.reason([problems[0], problems[9]])
    found = interpolate(planner, trace, (0, 1), 2)
    assert [point["fraction"] for point in found["points"]] == [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0]
    assert (found["points"][0]["text"], found["points"][-1]["text"]) == (trace.steps[0][1], trace.steps[1][1])
    assert found["points"][0]["probability"] == pytest.approx(trace.step_log_probs[0, 1].sum().exp().item(), abs=1e-3)
    assert found["points"][0]["valid"]
    with pytest.raises(ValueError, match="has no step 4"):
        interpolate(planner, trace, (0, 1), 4)


def test_kl_of_dimensions_adds_up_to_that_of_torch(planner, problems):
    trace = planner.reason(problems)
    found = kl_by_dimension(trace)
    real = trace.latent_mask
    posterior = torch.distributions.Normal(trace.mu[real], trace.sigma[real])
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).mean(0)
    assert found["total"] == pytest.approx(expected.sum().item(), rel=1e-3)
    assert found["kl"] == sorted(found["kl"], reverse=True) and len(found["kl"]) == found["dimensions"] == 64
    assert found["active"] == int((trace.mu[real].var(0) > 0.01).sum())
    trace.distribution = Point(trace.mu)
    with pytest.raises(ValueError, match="these latents are points"):
        kl_by_dimension(trace)


def test_noise_begins_at_greedy_accuracy_and_does_harm(planner, problems):
    found = noise_accuracy({"RL": planner}, problems, levels=(0.0, 3.0))
    answers = planner.reason(problems).answers
    right = sum(answer == problem.answer for answer, problem in zip(answers, problems, strict=True)) / len(problems)
    clean, noisy = found["curves"]["RL"]["mean"]
    assert clean == pytest.approx(right, abs=1e-3) and noisy < clean
    (line,) = noise_figure(found).data
    assert list(line.x) == [0.0, 3.0] and line.y[0] == pytest.approx(100 * clean)


def test_the_space_explorer_follows_its_controls(planner, problems):
    sft = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    explorer = SpaceExplorer({"RL": planner, "SFT": sft}, problems)
    first = explorer.interpolation.figure.data[0].text
    explorer.ends[0].value = "(8-3)-1"
    assert explorer.message.value == "" and explorer.interpolation.figure.data[0].text != first
    explorer.step.value = 3
    assert "(8-3)-1 was thought in 2 steps, so it has no step 3" in explorer.message.value
    explorer.step.value = 1
    before = explorer.kl.children[0].caption.value
    explorer.planner.value = "SFT"
    assert explorer.kl.children[0].caption.value != before and explorer.message.value == ""
    assert [trace.name for trace in explorer.noise.figure.data] == ["RL", "SFT"]
    with pytest.raises(ValueError, match="1 problems and 1 planners"):
        SpaceExplorer({"RL": planner}, problems[:1])


# --- frozen into a page ---


def parts_of(page: str) -> tuple[dict, list]:
    script = "<script type='application/json' id='{}'>(.*?)</script>"
    return tuple(json.loads(re.search(script.format(name), page)[1]) for name in ("data", "store"))


def test_a_page_holds_every_state_once_and_no_text_of_data_as_markup(tmp_path):
    controls = [Control("a", ["x", NASTY]), Control("b", ["1", "2", "3"], "slider", 1)]
    figure = finish(go.Figure(go.Bar(x=[plain(NASTY)], y=[1])), "title", plain(NASTY))
    page = export_grid(
        tmp_path / "deep" / "page.html", NASTY, NASTY, controls, lambda a, b: [f"<p>{a} {min(b, 1)}</p>", figure]
    ).read_text()
    data, store = parts_of(page)
    assert data["sizes"] == [2, 3] and len(data["states"]) == 6
    assert data["states"][0] == [0, 1] and data["states"][5] == data["states"][4], "b = 2 and 3 look the same"
    texts = [part["html"] for part in store if "html" in part]
    assert texts == ["<p>0 0</p>", "<p>0 1</p>", "<p>1 0</p>", "<p>1 1</p>"]
    assert page.count("<p>0 1</p>") == 0, "stored as data, not as markup"
    assert NASTY not in page and "http-equiv" in page
    assert len(re.findall(r"plotly\.js v\d", page)) == 1, "plotly.js once"
    with pytest.raises(ValueError, match="2001 states are too many"):
        export_grid(tmp_path / "no.html", "", "", [Control("a", [""] * 2001)], lambda a: [])
    with pytest.raises(ValueError, match="each with something to choose"):
        export_grid(tmp_path / "no.html", "", "", [Control("a", [])], lambda a: [])
    assert not (tmp_path / "no.html").exists()


@pytest.mark.thorough
def test_the_debuggers_page_tells_what_the_debugger_tells(planner, problems, tmp_path):
    page = export_debugger(tmp_path / "page.html", planner, problems, shown=1).read_text()
    data, store = parts_of(page)
    assert data["sizes"] == [1, 3, 2, 9] and data["labels"][0] == [FORTY_NINE]
    still = store[data["states"][4][0]]
    assert "Nothing that can be read has changed" in still["html"]
    live = LatentDebugger(planner, problems)
    live.undo.click()
    live.step.value = 2
    live.along[0].value = -4.0
    frozen = data["states"][1 * 18 + 0]  # step 2, axis 1, -4
    assert store[frozen[1]]["html"] == live.steps.value and store[frozen[2]]["html"] == live.reward.value
    assert store[frozen[3]]["data"][1]["x"] == pytest.approx(list(live.path.figure.data[1].x), abs=2e-3)


def test_the_space_page_offers_pairs_that_need_as_many_steps(planner, problems, tmp_path):
    data, store = parts_of(export_space(tmp_path / "page.html", {"RL": planner}, problems).read_text())
    assert data["sizes"][0] == 1 and all(" → " in label for label in data["labels"][1])
    assert store[0]["title"].startswith("Interpolation between two latents")
    with pytest.raises(ValueError, match="no two neighbours"):
        export_space(tmp_path / "page.html", {"RL": planner}, problems[:1])


def test_the_coherence_page_shows_the_trajectories_that_were_drawn(planner, problems, tmp_path):
    page = export_coherence(tmp_path / "page.html", planner, problems[:2], group_size=3, sigma=0.8, seed=4)
    data, store = parts_of(page.read_text())
    assert data["sizes"] == [2, 3]
    draws = torch.Generator().manual_seed(4)
    groups = [measure_group(sample_group(planner, p, 3, 0.8, draws)) for p in problems[:2]]
    status, small, graph, reward = (store[i] for i in data["states"][1 * 3 + 2])
    row = groups[1]["rows"][2]
    assert f"trajectory 3 answers {row['answer']}" in status["html"]
    assert "3 trajectories of" in small["title"] and graph["title"]
    assert f"{row['reward']['total']:.2f}" in reward["html"]
    with pytest.raises(ValueError, match="needs problems to show"):
        export_coherence(tmp_path / "no.html", planner, [])


def test_the_trajectories_page_shows_what_the_explorer_shows(planner, problems, tmp_path):
    planners = {"SFT": Planner.from_pretrained(CHECKPOINTS / "atp-sft"), "RL": planner}
    data, store = parts_of(export_trajectories(tmp_path / "page.html", planners, problems).read_text())
    assert data["sizes"] == [4, 5, 4]
    live = TrajectoryExplorer(planners, problems)
    live.view.value, live.colour.value, live.upto.value = "random directions (control)", "result", 2
    state = data["states"][2 * 20 + 2 * 4 + 1]
    for part, name in zip(state[1:], planners, strict=True):
        shown = live.figures[name].figure
        assert store[part]["title"].startswith(f"{name}: ")
        assert store[part]["data"][0]["x"] == list(shown.data[0].x)


def test_the_race_and_the_microscope_as_pages(planner, problems, run, tmp_path):
    data, store = parts_of(export_race(tmp_path / "race.html", {"RL": planner}, problems[:3]).read_text())
    assert len(data["states"]) == 3 and FORTY_NINE in data["labels"][0][0] and "49 (right)" in store[0]["html"]
    found = journey(run, problems[:2], problems)
    data, store = parts_of(export_microscope(tmp_path / "run.html", found).read_text())
    assert data["labels"] == [["0", "2", "4"]]
    assert store[data["states"][2][1]]["title"] == "The run, at iteration 4"
    with pytest.raises(ValueError, match="a race needs planners"):
        export_race(tmp_path / "no.html", {}, problems[:1])


@pytest.mark.parametrize("explorer", ["coherence", "trajectories", "space", "microscope", "race"])
def test_every_explorer_of_a_bundled_checkpoint_can_be_exported(explorer, problems, tmp_path):
    page = export_bundled(tmp_path / "page.html", explorer, CHECKPOINTS / "atp-rl", problems, 2)
    data, store = parts_of(page.read_text())
    assert data["states"] and store and "https://" not in page.read_text().replace(get_plotlyjs(), "")


def test_an_unknown_explorer_is_named_with_the_known_ones(problems, tmp_path):
    with pytest.raises(ValueError, match="explorer 'film': choose debugger"):
        export_bundled(tmp_path / "page.html", "film", CHECKPOINTS / "atp-rl", problems)


# --- the dashboard ---

NAMES = ("debugger", "coherence", "trajectories", "space", "RL microscope", "race")


def test_tabs_are_made_when_they_are_opened():
    page = explore()
    kinds = [type(child).__name__ for child in page.tabs.children]
    assert kinds == ["LatentDebugger", *["Label"] * 5] and page.tabs.titles == NAMES
    for index in range(6):
        page.tabs.selected_index = index
    debugger, coherence, trajectories, space, microscope, race = page.tabs.children
    assert isinstance(debugger, LatentDebugger) and isinstance(coherence, CoherenceExplorer)
    assert list(trajectories.figures) == ["atp-sft", "atp-step"], "side by side with what it was trained from"
    assert list(space.planners) == ["atp-step", "sim-cot"]
    assert microscope.found["stops"] == list(range(0, 251, 25))
    assert list(race.planners) == ["cot", "coconut", "sim-cot", "atp-step"]


def test_a_planner_for_stories_is_explored_with_stories(tmp_path):
    page = explore(CHECKPOINTS / "atp-sft-stories")
    debugger = page.tabs.children[0]
    assert debugger.problem.value == DOMAINS["stories"].example and len(debugger.problem.options) == 81
    debugger.problem.value = "Lily has 9 beads. She finds 4 more beads. How many beads does Lily have now?"
    assert "out of its depth: it takes 1 step, those it knows 2 to 4. The right" in debugger.message.value
    debugger.problem.value = "Lily has 9 elephants. How many elephants does Lily have?"
    assert "none that a story is made of" in debugger.message.value
    page.tabs.selected_index = NAMES.index("race")
    assert list(page.tabs.children[5].planners) == ["atp-sft-stories"], "the bundled rivals cannot read it"


def test_problems_are_of_the_kind_that_a_planner_reads(planner):
    stories = Planner.from_pretrained(CHECKPOINTS / "atp-sft-stories")
    assert (planner.domain.name, stories.domain.name) == ("arithmetic", "stories")
    assert [p.question for p in example_problems(planner, {2: 1})][:1] == ["(3+4)*(9-2)"]
    assert all(p.question.endswith("?") for p in example_problems(stories, {2: 3}))
    assert len(example_problems(stories, {2: 3})) == 4


def test_what_stands_beside_a_checkpoint(planner):
    assert bundled_start(CHECKPOINTS / "atp-rl-noisy") == CHECKPOINTS / "atp-sft-noisy"
    assert bundled_start(CHECKPOINTS / "atp-step") == CHECKPOINTS / "atp-sft"
    assert bundled_start(CHECKPOINTS / "routes-plan") == CHECKPOINTS / "routes-sft"
    assert bundled_start(CHECKPOINTS / "atp-sft") is None
    assert bundled_start(Path("runs/mine/atp-rl")) is None, "only what is bundled has a bundled start"
    assert list(bundled_rivals(CHECKPOINTS / "cot", planner)) == ["coconut", "sim-cot"]


def test_without_a_run_the_microscope_says_how_to_make_one(planner, problems):
    page = Dashboard(planner, problems)
    page.tabs.selected_index = NAMES.index("RL microscope")
    assert "--settings.keep-every" in page.tabs.children[4].value
    page.tabs.selected_index = NAMES.index("race")
    assert list(page.tabs.children[5].planners) == ["this planner"]


def test_a_run_of_ones_own_is_looked_at(run):
    page = explore(CHECKPOINTS / "atp-rl", run=run)
    page.tabs.selected_index = NAMES.index("RL microscope")
    assert page.tabs.children[4].found["stops"] == [0, 2, 4]


def test_a_checkpoint_that_cannot_be_explored_gets_a_message_and_no_traceback(tmp_path):
    assert "is not a planner" in explore(tmp_path / "nothing").value
    assert "no kept checkpoints" in explore(run=tmp_path).value
    words = explore(CHECKPOINTS / "cot")
    for index in range(6):
        words.tabs.selected_index = index
        if words.tabs.titles[index] in ("debugger", "trajectories"):  # written steps can be coherent, and race
            assert "⚠" in words.tabs.children[index].value, words.tabs.titles[index]
    assert isinstance(words.tabs.children[1], CoherenceExplorer)


def test_the_page_that_is_served_is_this_computers_and_fetches_nothing(tmp_path):
    notebook = page_notebook(CHECKPOINTS / "it's", run=Path("a b"))
    nbformat.validate(nbformat.from_dict(notebook))
    compile(notebook["cells"][0]["source"], "cell", "exec")
    assert "it's" in notebook["cells"][0]["source"] and "run='a b', verify=True)" in notebook["cells"][0]["source"]
    offline_template(tmp_path)
    template = (tmp_path / "voila/templates/offline/index.html.j2").read_text()
    assert "https://" not in template and "rendered_cells" in template
    with pytest.raises(FileNotFoundError, match="is not a planner's checkpoint"):
        serve(tmp_path)


def private_memory(pid: int) -> float:
    """Megabytes that a process has for itself."""
    found = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"^Private_\w+:\s+(\d+)", found, re.M)) / 1024


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_page_asks_for_its_token_and_its_kernel_ends_when_nobody_is_connected(tmp_path, repo_root):
    code = "from atp_lite.views import serve as s; s.UNUSED_SECONDS = 6; s.serve(browser=False)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=repo_root) as server:
        try:
            address = re.search(r"explorers are at (\S+) ", server.stdout.readline())[1]

            def kernels() -> list[int]:
                nursery = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0]
                return list(map(int, Path(f"/proc/{nursery}/task/{nursery}/children").read_text().split()))

            with urllib.request.urlopen(address.partition("?")[0]) as page:
                assert "/login" in page.url
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "other.example"}))
            assert kernels() == []
            with urllib.request.urlopen(address) as page:
                assert b"Traceback" not in page.read()
            assert [private_memory(pid) < 150 for pid in kernels()] == [True]
            end = time.monotonic() + 120
            while kernels() and time.monotonic() < end:
                time.sleep(0.5)
            assert kernels() == []
        finally:
            server.terminate()
    assert server.returncode == 0


# --- a run, looked back at ---


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four iterations of RL on the bundled planner, every second one kept."""
    folder = tmp_path_factory.mktemp("rl")
    settings = RLSettings(iterations=4, questions=4, group_size=2, warmup_steps=1, eval_every=2, lr=3e-3)
    settings = replace(settings, keep_every=2)
    data = {split: generate(REGIMES["clean"], split, {2: 8}) for split in ("rl", "validation")}
    train_rl(Planner.from_pretrained(CHECKPOINTS / "atp-sft"), data["rl"], data["validation"], settings, folder)
    return folder


def test_a_run_keeps_what_it_is_asked_to_keep(run):
    kept = kept_checkpoints(run)
    assert list(kept) == [0, 2, 4]
    start = Planner.from_pretrained(CHECKPOINTS / "atp-sft").model.state_dict()
    weights = [Planner.from_pretrained(path).model.state_dict() for path in kept.values()]
    name = "backbone.lm_head.weight"
    assert torch.equal(weights[0][name], start[name]) and not torch.equal(weights[2][name], start[name])
    last = Planner.from_pretrained(run / "last").model.state_dict()
    assert all(torch.equal(weights[2][key], last[key]) for key in last)


def test_the_microscope_moves_along_the_run(run, problems):
    microscope = RLMicroscope(journey(run, problems[:2], problems))
    assert [label for label, _ in microscope.stop.options] == ["iteration 0", "iteration 2", "iteration 4"]
    assert "iteration 4" in microscope.curves.title.value
    assert {shape.x0 for shape in microscope.curves.figure.layout.shapes} == {4}
    microscope.stop.value = 0
    assert {shape.x0 for shape in microscope.curves.figure.layout.shapes} == {0}
    start, now = microscope.thoughts.figure.data[:2]
    assert list(start.x) == list(now.x), "at the start nothing has moved"
    found = verdicts(microscope.found, 2)
    assert found[0]["question"] == FORTY_NINE and found[0]["reference"] == "49"
    assert FORTY_NINE in microscope.table.value
    reward = microscope.found["curves"]["reward"]
    assert reward["step"] == [1, 2, 3, 4]


def test_a_run_that_kept_nothing_says_how_to_keep(tmp_path, problems):
    with pytest.raises(FileNotFoundError, match="no kept checkpoints: run atp-lite rl with --settings.keep-every"):
        journey(tmp_path, problems)


def test_a_journey_can_be_kept_and_read_again(run, problems, tmp_path):
    found = journey(run, problems[:2], problems)
    write_journey(tmp_path / "deep" / "journey.json", found)
    assert read_journey(tmp_path / "deep" / "journey.json") == json.loads(json.dumps(found))
    (tmp_path / "other.json").write_text('{"stops": []}')
    with pytest.raises(ValueError, match="holds no journey, it lacks curves, explained, thoughts"):
        read_journey(tmp_path / "other.json")
    (tmp_path / "text").write_text("nothing")
    with pytest.raises(ValueError, match="is not JSON"):
        read_journey(tmp_path / "text")


def test_the_bundled_journey_is_that_of_the_bundled_checkpoint():
    found = read_journey(JOURNEY)
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-rl-noisy")
    for row in found["thoughts"][-1]:
        trace = planner.reason([read_expression(row["question"])])
        assert trace.answers[0] == row["answer"]
        assert list(trace.steps[0]) == [latent["text"] for latent in row["latents"]]


# --- a race ---


def test_a_race_tells_answers_steps_and_what_they_took(planner, problems):
    words = Planner.from_pretrained(CHECKPOINTS / "cot")
    blind = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    blind.model.decoder = None
    rows = race({"words": words, "ATP": planner, "blind": blind}, problems[0], repeats=2)
    assert [row["name"] for row in rows] == ["words", "ATP", "blind"]
    written, thought, unread = rows
    assert written["answer"] == "49" and len(written["steps"]) == 3 and written["n_latents"] == 0
    assert written["n_answer_tokens"] > thought["n_answer_tokens"] == 2
    assert thought["steps"] == rethink(planner, problems[0]).steps[0] and thought["n_latents"] == 3
    assert unread["steps"] is None
    assert all(row["milliseconds"] > 0 for row in rows)
    with pytest.raises(ValueError, match="needs planners"):
        race({}, problems[0])


def test_the_race_runs_what_is_typed(planner, problems):
    explorer = Race({"RL": planner}, problems)
    assert "49 (right)" in explorer.table.value
    explorer.problem.value = "(8-3)-1"
    assert "4 (right)" in explorer.table.value and explorer.message.value == ""
    explorer.problem.value = NASTY
    assert "unknown symbol" in explorer.message.value and NASTY not in explorer.message.value
