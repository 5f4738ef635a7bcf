"""Views: numbers worked out by hand from hand-made traces, figures by their JSON, the report by its tags."""

import html.parser
import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atp_lite import views
from atp_lite.domains import Problem
from atp_lite.model import Decoded, Gaussian
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.sft import Curriculum
from atp_lite.views import palette

pytestmark = pytest.mark.slow

TINY = dict(hidden_size=4, heads=1, layers=1, intermediate_size=8)
NASTY = "<script>alert('x')</script>&<b>3</b>"


@pytest.fixture(scope="module")
def planner() -> Planner:
    return Planner.fresh("arithmetic", ModelSettings(**TINY))


def made(planner, rows, *, d=4, latents=None):
    """A trace by hand. rows: (problem or None, decoded steps, steps in words, answer) each.

    Latent t of row b is (b, t, 0, ...) unless given; sigma is 1/2, P(stop) is 1/2; the first two tokens of
    a decoded step have probability 0.5 and 0.8, the others 1.
    """
    c = planner.model.config.latents_per_step
    n_steps = max(len(steps) for _, steps, _, _ in rows)
    size, n, width = len(rows), n_steps * c, 6
    if latents is None:
        latents = torch.zeros(size, n, d)
        latents[..., 0] = torch.arange(size)[:, None]
        latents[..., 1] = torch.arange(n)
    mask = torch.arange(n) < torch.tensor([[len(steps) * c] for _, steps, _, _ in rows])
    tokens = torch.full((size, n_steps, width), planner.model.config.pad_id)
    log_probs = torch.zeros(size, n_steps, width)
    for b, (_, steps, _, _) in enumerate(rows):
        for i, step in enumerate(steps):
            ids = planner.tokenizer(step, add_special_tokens=False)["input_ids"] + [planner.model.config.eos_id]
            tokens[b, i, : len(ids)] = torch.tensor(ids)
            log_probs[b, i, 0] = math.log(0.5)
            log_probs[b, i, 1] = math.log(0.8)
    return Decoded(
        question=torch.zeros(size, 1, dtype=torch.long),
        question_mask=torch.ones(size, 1),
        group_size=1,
        distribution=Gaussian(latents, torch.full(latents.shape, math.log(0.25))),
        latents=latents,
        latent_mask=mask,
        stop_logits=torch.zeros(mask.shape),
        stop_decided=mask,
        hidden=latents,
        context=None,
        answer=torch.zeros(size, 2, dtype=torch.long),
        ended=torch.ones(size, dtype=torch.bool),
        answer_log_probs=torch.zeros(size, 2),
        answer_mask=torch.ones(size, 2, dtype=torch.bool),
        step_tokens=tokens,
        step_log_probs=log_probs,
        domain=planner.domain,
        problems=[problem for problem, *_ in rows if problem is not None],
        steps=[[*steps, *words] for _, steps, words, _ in rows],
        answers=[answer for *_, answer in rows],
    )


GOOD = (Problem("(3+4)*(9-2)", (), "49", "a"), ["3+4=7", "9-2=7", "7*7=49"], [], "49")
BAD = (Problem("(1+3)*2", (), "8", "b"), ["1+3=5", "2*3=6"], [], "9")
WORDS = (Problem("1+2", (), "3", "c"), [], ["1+2=3"], "3")


# --- one problem ---


def test_thought_table_by_hand(planner):
    table = views.thought_table(planner, made(planner, [BAD, GOOD]), row=1)
    assert (table["question"], table["answer"], table["reference"]) == ("(3+4)*(9-2)", "49", "49")
    assert (table["correct"], table["n_latents"], table["n_answer_tokens"]) == (True, 3, 2)
    assert (table["coherence"], table["right"]) == (1.0, 1.0)
    assert table["steps"][1] == {
        "number": 2,
        "kind": "latent",
        "text": "9-2=7",
        "probability": 0.4,  # 0.5 * 0.8
        "stop": 0.5,
        "decided": True,
        "sigma": 0.5,
        "right": True,
        "coherent": True,
        "used_in": [3],
        "is_answer": False,
    }
    assert [step["is_answer"] for step in table["steps"]] == [False, False, True]


def test_thought_table_of_a_wrong_chain(planner):
    table = views.thought_table(planner, made(planner, [BAD]))
    assert (table["correct"], table["coherence"], table["right"]) == (False, 0.0, 0.5)
    assert [(s["text"], s["right"], s["coherent"], s["used_in"]) for s in table["steps"]] == [
        ("1+3=5", False, False, []),
        ("2*3=6", True, False, []),
    ]


def test_two_latents_to_a_step():
    planner = Planner.fresh("arithmetic", ModelSettings(**TINY, latents_per_step=2))
    trace = made(planner, [GOOD])
    trace.distribution.logvar[0, 2:4] = torch.tensor([[1.0], [4.0]]).log()  # sigma 1 and 2 belong to step 2
    trace.stop_logits[0, 3] = math.log(3.0)  # P(stop) = 3/4, at the last latent of step 2
    step = views.thought_table(planner, trace)["steps"][1]
    assert (step["text"], step["sigma"], step["stop"]) == ("9-2=7", 1.5, 0.75)
    (row,) = views.trajectories(planner, trace, views.fit_projection(trace, dims=1))["rows"]
    assert [(p["number"], p["step"], p["text"]) for p in row["latents"]] == [
        (1, 1, "3+4=7"),
        (2, 1, "3+4=7"),
        (3, 2, "9-2=7"),
        (4, 2, "9-2=7"),
        (5, 3, "7*7=49"),
        (6, 3, "7*7=49"),
    ]


def test_no_latents_at_all(planner):
    trace = made(planner, [WORDS])
    table = views.thought_table(planner, trace)
    (step,) = table["steps"]
    assert (step["kind"], step["probability"], step["stop"], step["sigma"]) == ("words", None, None, None)
    assert (table["n_latents"], step["is_answer"]) == (0, True)
    with pytest.raises(ValueError, match="0 latents"):
        views.fit_projection(trace)
    with pytest.raises(ValueError, match="without a latent step"):
        views.thought_figure(table)
    assert "in words" in views.thought_text(table)
    projection = views.fit_projection(made(planner, [GOOD, BAD]), dims=2)
    data = views.trajectories(planner, trace, projection)
    assert data["rows"][0]["latents"] == []
    with pytest.raises(ValueError, match="nothing to draw"):
        views.trajectory_figure(data)


def test_one_latent(planner):
    one = made(planner, [(Problem("1+2", (), "3"), ["1+2=3"], [], "3")])
    with pytest.raises(ValueError, match="1 latents of width 4 do not fill 3 axes"):
        views.fit_projection(one)
    data = views.trajectories(planner, one, views.fit_projection(made(planner, [GOOD, BAD]), dims=2))
    assert len(data["rows"][0]["latents"]) == 1
    assert views.trajectory_figure(data).data[0].x is not None


def test_no_decoder_and_not_decoded(planner):
    silent = Planner.fresh("arithmetic", ModelSettings(**TINY, decoder_layers=0))
    trace = made(planner, [GOOD, BAD])
    projection = views.fit_projection(trace, dims=2)
    for look in (lambda p, t: views.thought_table(p, t), lambda p, t: views.trajectories(p, t, projection)):
        with pytest.raises(ValueError, match="no decoder"):
            look(silent, trace)
        with pytest.raises(ValueError, match="not answered and decoded"):
            look(planner, planner.reason([GOOD[0]], max_latents=2, max_answer_tokens=2, decode=False))
    with pytest.raises(IndexError, match="row 2 of a trace of 2 rows"):
        views.thought_table(planner, trace, row=2)


def test_an_untrained_planner_goes_all_the_way():
    planner = Planner.fresh()
    trace = planner.reason([GOOD[0], BAD[0], WORDS[0]], max_latents=4, max_answer_tokens=4)
    data = views.trajectories(planner, trace, views.fit_projection(trace, dims=2))
    json.dumps([data, views.thought_table(planner, trace, 0)], allow_nan=False)
    assert [len(row["latents"]) for row in data["rows"]] == trace.n_latents.tolist()


def test_coherence_graph_by_hand():
    graph = views.coherence_graph(["1+3=4", "2*2=5", "4+1=5", "oops"], "5", "6")
    nodes = graph["nodes"]
    assert [(n["right"], n["coherent"], n["is_equation"]) for n in nodes[:-1]] == [
        (True, True, True),
        (False, True, True),  # wrong, and its claimed 5 is the answer all the same
        (True, True, True),
        (False, False, False),
    ]
    assert nodes[1]["value"] == "4" and nodes[1]["result"] == "5"
    assert (nodes[-1]["kind"], nodes[-1]["right"]) == ("answer", False)
    assert graph["edges"] == [
        {"source": 0, "target": 2, "value": "4"},
        {"source": 1, "target": 4, "value": "5"},
        {"source": 2, "target": 4, "value": "5"},
    ]
    assert (graph["score"], graph["right"]) == (0.75, 0.5)


def test_a_figure_speaks_the_words_of_its_domain():
    graph = views.coherence_graph(["1+3=4", "2*2=5", "oops"], "5") | {"ruler": "valid logic", "no_step": "no step"}
    fig = views.coherence_figure(graph)
    shown = {trace.name: list(trace.x) for trace in fig.data if trace.name and trace.x}
    assert shown == {"right, never used": [0], "wrong logic": [1], "no step": [2], "answer": [3]}
    assert "33 % are valid logic" in fig.layout.meta["caption"]
    assert fig.layout.annotations[2].text == "oops<br>no step"


def test_coherence_graph_of_nothing():
    graph = views.coherence_graph([], "")
    assert (len(graph["nodes"]), graph["edges"], graph["score"], graph["nodes"][0]["right"]) == (1, [], 0.0, None)
    views.coherence_figure(graph)


def test_thought_text_lines_up(planner):
    lines = views.thought_text(views.thought_table(planner, made(planner, [BAD]))).splitlines()
    assert lines[0] == "(1+3)*2"
    assert lines[2].split() == ["1", "1+3=5", "40.0", "%", "50.0", "%", "0.50", "WRONG", "nowhere"]
    assert {line.index(word) for line, word in zip(lines[1:4], ("decoded", "1+3", "2*3"), strict=True)} == {8}
    assert lines[-1] == "Answer: 9, WRONG: it is 8. (2 latents, 2 answer tokens; coherence 0 %)"


# --- latents as points ---


def points_trace(planner, points):
    """All rows of `points` (N, d) as the latents of one row each."""
    points = torch.as_tensor(points, dtype=torch.float32)
    row = (None, ["1+2=3"], [], "3")
    return made(planner, [row] * len(points), latents=points[:, None])


def test_projection_finds_the_line(planner):
    t = torch.arange(5.0)
    points = torch.stack([7 - t, 1 + 2 * t, 0 * t, 0 * t], 1)  # along (-1, 2, 0, 0)
    projection = views.fit_projection(points_trace(planner, points), dims=1)
    np.testing.assert_allclose(projection.axes[0], np.array([-1, 2, 0, 0]) / math.sqrt(5), atol=1e-6)
    assert projection.explained == (1.0,)
    np.testing.assert_allclose(projection(points)[:, 0], math.sqrt(5) * (t.numpy() - 2), atol=1e-5)
    mirrored = views.fit_projection(points_trace(planner, -points), dims=1)
    np.testing.assert_allclose(mirrored.axes, projection.axes, atol=1e-6)  # the same sign, whatever the data's


def test_projection_agrees_with_an_eigendecomposition(planner):
    points = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0, 2.0, 0.5])
    projection = views.fit_projection(points_trace(planner, points), dims=3)
    values = np.linalg.eigvalsh(np.cov(points.numpy().T))[::-1]
    np.testing.assert_allclose(projection.explained, (values / values.sum())[:3], rtol=1e-3)


def test_the_controls(planner):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(400, 4, generator=generator)
    signal = noise[:, :1] * torch.ones(4)  # all four dimensions say the same
    projection = views.fit_projection(points_trace(planner, signal), dims=2)
    assert projection.explained[0] == 1.0
    np.testing.assert_allclose(projection.random, 0.25, atol=0.08)  # 1 / d of the variance per random direction
    assert 0.25 <= projection.shuffled[0] < 0.32  # shuffled, nothing is left but four equal variances
    whole = views.fit_projection(points_trace(planner, noise), dims=4)
    for shares in (whole.explained, whole.random, whole.shuffled):
        assert sum(shares) == pytest.approx(1.0, abs=1e-3)
    again = views.fit_projection(points_trace(planner, noise), dims=4)
    assert (again.random, again.shuffled) == (whole.random, whole.shuffled)


@settings(max_examples=20)
@given(st.lists(st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4), min_size=6, max_size=12))
def test_all_axes_keep_all_distances(planner, rows):
    points = torch.tensor(rows)
    if points.double().var(0).sum() < 1e-3:
        return
    seen = views.fit_projection(points_trace(planner, points), dims=4)(points)
    np.testing.assert_allclose(
        np.linalg.norm(seen[1:] - seen[:-1], axis=1), (points[1:] - points[:-1]).double().norm(dim=1), atol=1e-4
    )


def test_latents_that_were_not_thought_do_not_count(planner):
    trace = made(planner, [GOOD, BAD])  # 3 and 2 latents; row 1, latent 2 is padding
    trace.latents[1, 2] = 1e6
    projection = views.fit_projection(trace, dims=2)
    assert projection.n == 5
    assert np.abs(projection.mean).max() < 10
    rows = views.trajectories(planner, trace, projection)["rows"]
    assert [len(row["latents"]) for row in rows] == [3, 2]


def test_projection_refuses_what_it_cannot_draw(planner):
    with pytest.raises(ValueError, match="one point"):
        views.fit_projection(points_trace(planner, torch.ones(5, 4)))
    with pytest.raises(ValueError, match="0 latents"):
        views.fit_projection([])
    projection = views.fit_projection(points_trace(planner, torch.eye(4)), dims=1)
    with pytest.raises(ValueError, match="width 3 do not fit a projection of width 4"):
        projection(torch.zeros(2, 3))


# --- a training run ---

SFT = [
    {"step": 50, "stage": 0, "loss_enc": 2.0, "loss_dec": 0.0, "loss_stop": 0.0, "loss_kl": 0.0},
    {"step": 100, "stage": 1, "loss_enc": 1.0, "loss_dec": 3.0, "loss_stop": 0.5, "loss_kl": 40.0},
    {"step": 100, "validation_accuracy": 0.25},
    {"step": 150, "stage": 1, "loss_enc": 0.123456, "loss_dec": float("nan"), "loss_stop": 0.25, "loss_kl": 30.0},
]
RL = [
    {"step": 0, "validation_accuracy": 0.5, "validation_coherence": 0.75},
    *(
        {
            "step": i,
            "reward": 1.0,
            "sampled_accuracy": i / 40,
            "diversity": 0.5,
            "used_groups": 0.25,
            "clip_fraction": 0.0,
        }
        for i in range(1, 41)
    ),
    {"step": 40, "kl": 2.0},
]


def test_curves_by_hand():
    series = views.curves(SFT, ["loss_dec", "validation_accuracy", "nowhere", "loss_enc"])
    assert list(series) == ["loss_dec", "validation_accuracy", "loss_enc"]
    assert series["loss_dec"] == {"step": [50, 100, 150], "value": [0.0, 3.0, None]}
    assert series["loss_enc"]["value"] == [2.0, 1.0, 0.1235]
    assert series["validation_accuracy"] == {"step": [100], "value": [0.25]}
    assert "step" not in views.curves(SFT) and "loss_kl" in views.curves(SFT)
    assert views.curves([]) == {}


def test_stages_and_running_mean_by_hand():
    words, latents = Curriculum(0, (50,)), Curriculum(1, (45, 0, 60))  # stage 2 is left out
    found = [tuple(span.values()) for span in views.stages([words, latents])]
    assert found == [(0, 0, 50), (1, 50, 95), (3, 95, 155)]
    assert views.running_mean([1.0, 2.0, None, 6.0], 3) == [1.5, 1.5, 4.0, 6.0]
    assert views.running_mean([1.0, 5.0], 1) == [1.0, 5.0]


def titles(fig: go.Figure) -> list[str]:
    """Titles of all axes that have one, sorted, line breaks taken out."""
    found = [fig.layout[name].title.text for name in fig.layout if name[:5] in ("xaxis", "yaxis")]
    return sorted(title.replace("<br>", " ") for title in found if title)


def check(fig: go.Figure) -> None:
    """What holds of every figure: plain lists, no NaN, a caption below that the page can take over."""
    text = fig.to_json()
    assert "bdata" not in text and "NaN" not in text
    (caption,) = [note for note in fig.layout.annotations if note.name == palette.CAPTION]
    assert caption.text.replace("<br>", " ") == fig.layout.meta["caption"]
    assert max(map(len, caption.text.split("<br>"))) <= palette.LINE
    bare = palette.without_caption(fig)
    assert [note for note in bare.layout.annotations if note.name == palette.CAPTION] == []
    assert bare.layout.title.text is None and len(bare.layout.annotations) == len(fig.layout.annotations) - 1
    assert fig.layout.title.text  # the figure itself is as it was


def test_loss_figure():
    fig = views.loss_figure(SFT, curricula=[Curriculum(0, (45, 105))])
    check(fig)
    assert titles(fig) == ["KL (nats per latent)", "accuracy (%)", "loss (nats)", "optimizer step"]
    by_name = {trace.name: trace for trace in fig.data}
    assert list(by_name) == ["language", "decoder", "stop", "KL", "validation accuracy"]
    assert by_name["decoder"].y == (None, 3.0, None)  # 0 is "not trained yet", and has no logarithm
    assert by_name["validation accuracy"].y == (25.0,)
    assert len({(trace.line.color, trace.line.dash) for trace in fig.data}) == 5
    assert [note.text for note in fig.layout.annotations[:-1]] == ["stage 0: all words", "stage 1"]
    assert {(band.x0, band.x1) for band in fig.layout.shapes} == {(0, 45), (45, 150)}  # not where lines are logged


def test_loss_figure_of_two_runs_goes_on():
    words = [{"step": 10, "stage": 0, "loss_enc": 1.0, "loss_kl": 0.0}, {"step": 10, "validation_accuracy": 1.0}]
    fig = views.loss_figure(words, SFT)
    assert fig.data[0].x == (10, 60, 110, 160)
    assert titles(views.loss_figure(words)) == ["accuracy (%)", "loss (nats)", "optimizer step"]  # no KL to show
    with pytest.raises(ValueError, match="loss_enc"):
        views.loss_figure([], RL)


def test_rl_figure():
    fig = views.rl_figure(RL, window=3)
    check(fig)
    assert titles(fig) == sorted(
        ["iteration", "iteration", "mean reward", "accuracy (%)", "distinct chains per group (%)", "coherence (%)"]
        + ["groups that teach (%)", "KL to the start (nats)"]
    )
    smooth = [trace for trace in fig.data if trace.name == "sampled" and trace.yaxis == "y2"]
    assert smooth[0].y[:2] == (3.75, 5.0)  # (2.5 + 5) / 2, then (2.5 + 5 + 7.5) / 3
    assert [trace.y for trace in fig.data if trace.name == "validation"] == [(50.0,), (75.0,)]
    clipped = views.rl_figure([*RL, {"step": 41, "clip_fraction": 0.5}])
    assert "clipped actions (%)" in titles(clipped)
    with pytest.raises(ValueError, match="no metrics"):
        views.rl_figure([])


def evaluation(mean: float, n: int = 200) -> dict:
    """What `Evaluation.to_json` gives, in small."""
    share = {"mean": mean, "low": mean - 0.1, "high": mean + 0.05, "n": n}
    many = {"accuracy": share, "coherence": share, "latents": {"mean": 3.25, "low": 3.0, "high": 3.5, "n": n}}
    return {"metrics": many, "by_steps": {"2": many, "10": {"accuracy": share}}}


def test_accuracy_figure():
    fig = views.accuracy_figure({"CoT": evaluation(0.5), NASTY: evaluation(0.25)})
    check(fig)
    assert titles(fig) == ["accuracy (%)", "steps that the problem needs"]
    assert fig.data[0].x == ("all problems", "2 steps", "10 steps")  # by number, not by letter
    assert fig.data[1].y == (25.0, 25.0, 25.0)
    assert (fig.data[0].error_y.array[0], fig.data[0].error_y.arrayminus[0]) == (5.0, 10.0)
    assert "<script" not in fig.data[1].name
    coherence = views.accuracy_figure({"CoT": evaluation(0.5)}, metric="coherence")
    assert coherence.data[0].y == (50.0, 50.0, None)
    with pytest.raises(ValueError, match="'stop'"):
        views.accuracy_figure({"CoT": evaluation(0.5)}, metric="stop")


@pytest.fixture(scope="module")
def data(planner):
    nasty = (Problem(NASTY, (), "3"), ["1+2=3", "2*2=4", "oops"], [], NASTY)
    trace = made(planner, [GOOD, nasty, BAD])
    trace.latents[:] = torch.randn(trace.latents.shape, generator=torch.Generator().manual_seed(0))
    return views.trajectories(planner, trace, views.fit_projection(trace))


@pytest.mark.parametrize(
    ("colour", "names"),
    [
        ("step", ["step 1", "step 2", "step 3"]),
        ("operator", ["+ (add)", "− (subtract)", "× (multiply)", "no equation"]),
        ("correct", ["right answer", "wrong answer"]),
        ("result", ["latent", "no number"]),
        ("stop", ["latent"]),
    ],
)
@pytest.mark.parametrize("dims", [2, 3])
def test_trajectory_figure(data, colour, names, dims):
    fig = views.trajectory_figure(data, colour, dims=dims, paths=2)
    check(fig)
    points, lines = fig.data[:-2], fig.data[-2:]
    assert [trace.name for trace in points] == names
    assert sum(len(trace.x) for trace in points) == 8
    assert {trace.type for trace in fig.data} == {"scatter3d" if dims == 3 else "scatter"}
    assert list(lines[0].x) == [latent["x"][0] for latent in data["rows"][0]["latents"]]
    assert list(lines[0].y) == [latent["x"][1] for latent in data["rows"][0]["latents"]]
    looks = {(trace.marker.color, trace.marker.symbol) for trace in points if isinstance(trace.marker.color, str)}
    assert len(looks) >= len(names) - 1
    axis = fig.layout.scene.zaxis if dims == 3 else fig.layout.yaxis
    assert f"({100 * data['explained'][dims - 1]:.0f} % of variance)" in axis.title.text
    assert f"{100 * sum(data['random'][:dims]):.0f} %" in fig.layout.meta["caption"]
    assert "<script" not in fig.to_json()
    assert any("&lt;script&gt;" in text for trace in points for text in trace.text)


@pytest.mark.parametrize("covariance", [(4.0, 2.0, 5.0), (4.0, -3.0, 5.0), (0.5, 0.0, 0.25)])
def test_an_ellipse_is_one_standard_deviation_in_every_direction(data, covariance):
    """Points with (x - mu)' C^-1 (x - mu) = 1, all the way round."""
    row = data["rows"][0]
    latent = row["latents"][0] | {"covariance": covariance, "x": [1.0, -2.0, *row["latents"][0]["x"][2:]]}
    one = data | {"rows": [row | {"latents": [latent]}]}
    (ellipse,) = [t for t in views.trajectory_figure(one, ellipses=True).data if t.name.startswith("1 sigma")]
    x, y = torch.tensor(ellipse.x[:-1]) - 1.0, torch.tensor(ellipse.y[:-1]) + 2.0
    xx, xy, yy = covariance
    size = (yy * x**2 - 2 * xy * x * y + xx * y**2) / (xx * yy - xy**2)
    torch.testing.assert_close(size, torch.ones_like(size), atol=0.02, rtol=0)
    assert x.min() < 0 < x.max() and y.min() < 0 < y.max()


def test_trajectory_figure_refuses(data):
    with pytest.raises(ValueError, match="'flavour'"):
        views.trajectory_figure(data, "flavour")
    with pytest.raises(ValueError, match="has 2 axes"):
        views.trajectory_figure(data | {"explained": [0.5, 0.2]}, dims=3)


def test_coherence_figure_tells_the_kinds_apart():
    graph = views.coherence_graph(["1+3=4", "5+5=10", "2*2=5", "oops", "4+1=6"], "6", "7")
    fig = views.coherence_figure(graph)
    check(fig)
    (arrows,) = [trace for trace in fig.data if trace.mode == "lines+markers"]
    first, second = arrows.x[: arrows.x.index(None)], arrows.x[arrows.x.index(None) + 1 : -1]
    assert [(first[0], first[-1]), (second[0], second[-1])] == [(0, 4), (4, 5)]
    assert [size for size, x in zip(arrows.marker.size, arrows.x, strict=True) if x in (4, 5)] == [13, 0, 13]
    kinds = {trace.name: trace for trace in fig.data if trace.mode == "markers" and trace.showlegend}
    assert {name: trace.x for name, trace in kinds.items()} == {
        "right and used": (0,),
        "right, never used": (1,),
        "wrong arithmetic": (2, 4),
        "no equation": (3,),
        "wrong answer": (5,),
    }
    assert len({trace.marker.symbol for trace in kinds.values()}) == 5
    notes = [note.text for note in fig.layout.annotations]
    assert "<b>2*2=5</b><br>left side is 4<br>never used" in notes
    assert "<b>6</b><br>it is 7" in notes
    assert fig.layout.xaxis.title.text == "order in which the steps were thought"


def test_steps_figure_draws_every_use_as_an_arrow_to_the_right():
    *arrows, points = views.steps_figure("((1+2)*3)-((1+2)*2)", "one result, two users").data
    named = dict(zip(zip(points.x, points.y, strict=True), points.text, strict=True))
    assert sorted(named.values()) == ["1+2=3", "3*2=6", "3*3=9", "9-6=3"], "each at a place of its own"
    drawn = [tuple(named[place] for place in zip(arrow.x, arrow.y, strict=True)) for arrow in arrows]
    assert sorted(drawn) == [("1+2=3", "3*2=6"), ("1+2=3", "3*3=9"), ("3*2=6", "9-6=3"), ("3*3=9", "9-6=3")]
    assert all(arrow.x[0] < arrow.x[1] for arrow in arrows)
    with pytest.raises(ValueError):
        views.steps_figure("(7*", "no expression")


def test_thought_figure(planner):
    fig = views.thought_figure(views.thought_table(planner, made(planner, [GOOD])))
    check(fig)
    assert titles(fig) == [
        "latent step and its decoded text",
        "probability (%)",
        "sigma (latent units)",
    ]
    assert [trace.y for trace in fig.data] == [(40.0,) * 3, (50.0,) * 3, (0.5,) * 3]
    assert fig.data[0].x[0] == "step 1<br>3+4=7"


# --- the report ---


class Tags(html.parser.HTMLParser):
    """Every tag of a page with its attributes, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text, self.inside = "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if not self.inside:
            self.text += data


@pytest.fixture(scope="module")
def report(planner, data, tmp_path_factory):
    trace = made(planner, [(Problem(NASTY, (), "49"), ["3+4=7", "1*1=2"], [], NASTY), WORDS])
    path = views.write_report(
        tmp_path_factory.mktemp("report") / "new" / "tour.html",
        title="A <i>tour</i> & more",
        facts={"Minutes": "9.5", "Machine": NASTY},
        cot_metrics=SFT[:1],
        sft_metrics=SFT,
        curricula=[Curriculum(0, (50,)), Curriculum(0, (50, 100))],
        rl_metrics=iter(RL),
        evaluations={"CoT": evaluation(0.5), "ATP-SFT": evaluation(0.25)},
        bundled={"ATP-SFT": evaluation(0.75)},
        examples=[views.thought_table(planner, trace, row) for row in (0, 1)],
        trajectories=data,
    )
    return path.read_text(encoding="utf-8")


def test_report_needs_no_network(report):
    page = Tags(report)
    scripts = report.split("<script")[1:]
    assert sum(len(script.split("</script>")[0]) > 1_000_000 for script in scripts) == 1  # plotly.js, inlined once
    assert "plotly.js v" in scripts[0][:2000]
    for tag, attrs in page.tags:
        assert "src" not in attrs, (tag, attrs)
        assert attrs.get("href", "#").startswith("#")
        assert tag not in ("link", "iframe", "object", "embed", "base", "img")
        assert not any(name.startswith("on") for name in attrs)
    (policy,) = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert len(report) < 7_000_000


def test_report_escapes_what_comes_from_data(report):
    assert NASTY not in report and "alert('x')</script>" not in report
    assert NASTY in Tags(report).text  # shown as it was written
    assert "A <i>tour</i> & more" in Tags(report).text


def test_report_says_it_all(report):
    page = Tags(report)
    for heading in ("What happened", "How many answers are right", "From words to latents", "Practice with rewards"):
        assert page.text.count(heading) == 2  # in the list of contents and above its part
    assert "Thought by thought" in page.text and "What this page does not show" in page.text
    terms = report.count("<dfn>")
    assert terms >= 12 and all(f"<dfn>{term}" in report for term in ("latent", "curriculum", "KL", "GRPO"))
    cells = page.text.replace("\u2060", "")
    assert "25.0\n15.0–30.0" in cells and "75.0\n65.0–80.0" in cells  # this run, and trained longer
    assert report.count('class="plotly-graph-div"') == 7
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_report_of_very_little(tmp_path):
    path = views.write_report(tmp_path / "r.html", facts={}, evaluations={}, trajectories={"rows": []})
    text = Tags(path.read_text(encoding="utf-8")).text
    assert "From words to latents" not in text and "What this page does not show" in text
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


def test_accuracy_html_names_a_model_that_only_the_bundle_has():
    table = views.accuracy_html({"CoT": evaluation(0.5)}, {"ATP-RL": evaluation(0.9)})
    rows = Tags(table.replace("<tr>", "\n")).text.replace("\u2060", "")
    assert "right if trained longer, %" in rows and "ATP-RL" in rows and "90.0\n80.0–95.0" in rows
    assert "trained longer" not in views.accuracy_html({"CoT": evaluation(0.5)})


def test_the_table_judges_a_step_by_the_domain_s_own_word():
    planner = Planner.from_pretrained(CHECKPOINTS / "routes-step")
    table = views.thought_table(planner, planner.reason([planner.domain.read_question(planner.domain.example)]))
    columns = views.thought_text(table).splitlines()[1]
    assert "legal hops" in columns and "arithmetic" not in columns
    assert "legal hops" in views.thought_html(table)
