"""The engine of the live pages thinks what PyTorch thinks. Skipped without node and esbuild, see `live_engine.py`."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest
import torch
from ipywidgets.widgets.widget import _remove_buffers

from atp_lite.domains import DOMAINS, generate
from atp_lite.domains.arithmetic.expressions import read
from atp_lite.domains.chains import Step, all_orders, chain_order, replaced_chain, verify_chain
from atp_lite.model import LatentReasoner
from atp_lite.planner import ModelSettings, Planner
from atp_lite.views import live
from atp_lite.views.explorers import LivePage
from tests.live_engine import ask, built, run
from tools.notebooks import tidy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "atp_lite/views/assets"
CHECKPOINTS = [*sorted((ROOT / "data/checkpoints").glob("*/")), ROOT / "data/evidence/starts/routes-0/atp-sft"]
PUT = ["1+2=3", "4*2=8", "9-8=1", "6+6=12", "2+2=5", "nothing"]
"""Steps that are put in the place of others: one is wrong, one is none."""
SMALL = ModelSettings(hidden_size=32, layers=2, heads=4, intermediate_size=48, max_latents=4)


@lru_cache
def problems_of(domain, count):
    """About as many for every number of steps."""
    settings = DOMAINS[domain].default_settings()
    steps = DOMAINS[domain].default_counts("test", settings)
    return generate(settings, "test", dict.fromkeys(steps, -(-count // len(steps))))[:count]


def in_torch(planner, problems, edits=None):
    trace = planner.finish(planner.think(problems, edits=edits))
    counts = trace.n_latents.tolist()
    return [
        {
            "latents": trace.latents[i, :n],
            "stop_logits": trace.stop_logits[i, :n],
            "steps": trace.steps[i],
            "answer": trace.answers[i],
        }
        for i, n in enumerate(counts)
    ]


def edits_of(planner, problems, plain):
    """For every problem an edit as the engine takes it, and the latent that it is: a vector, a swap, or typed text."""
    rng = torch.Generator().manual_seed(0)
    for i, row in enumerate(plain if planner.model.config.max_latents else []):
        t, swap, step = 1 + i % len(row["latents"]), (i + 1) % len(plain), problems[i].steps[0]
        if i % 3 == 0 and planner.model.step_encoder is not None:
            yield {"t": t, "text": step}, planner.thought(step)[0]
        elif i % 3 == 1:
            yield {"t": t, "swap": swap}, plain[swap]["latents"][0]
        else:
            vector = row["latents"][t - 1] + torch.randn(row["latents"].shape[-1], generator=rng)
            yield {"t": t, "vector": vector.tolist()}, vector


def compare(planner: Planner, problems) -> None:
    """Every problem as it is thought, and once more with one thought edited."""
    live.as_packed(planner)
    plain = in_torch(planner, problems)
    edits = list(edits_of(planner, problems, plain))
    edited = {}
    for t in {edit["t"] for edit, _ in edits}:  # those of one place in one batch
        rows = [i for i, (edit, _) in enumerate(edits) if edit["t"] == t]
        latents = torch.stack([edits[i][1] for i in rows])
        edited |= zip(rows, in_torch(planner, [problems[i] for i in rows], {t: latents}), strict=True)
    task = {
        "checkpoint": live.pack(planner),
        "questions": [problem.question for problem in problems],
        "edits": [edit for edit, _ in edits],
    }
    found = ask("live_worker.mjs", task)
    for row, expected in zip(
        [*found["traces"], *found["edited"]], [*plain, *(edited[i] for i in range(len(edits)))], strict=True
    ):
        latents = torch.tensor(row["latents"]).reshape(-1, planner.model.config.hidden_size)
        torch.testing.assert_close(latents, expected["latents"], atol=1e-4, rtol=0)
        torch.testing.assert_close(torch.tensor(row["stopLogits"]), expected["stop_logits"], atol=1e-3, rtol=0)
        assert (row["steps"], row["answer"]) == (expected["steps"], expected["answer"])


@pytest.mark.browser
@pytest.mark.parametrize("folder", CHECKPOINTS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_engine_thinks_as_pytorch(folder):
    planner = Planner.from_pretrained(folder)
    compare(planner, problems_of(planner.domain.name, 300))


@pytest.mark.parametrize(
    "change",
    [
        {"latent_head": "mixture", "latent_head_options": {"components": 3}},
        {"latent_head": "projector", "layout": "fixed"},
        {"latent_head": "filler", "latent_scale": 0.5},
        {"latents_per_step": 2, "step_encoder": {}, "latent_scale": 0.5},
        {"latents_per_step": 2, "step_encoder": {"tokens": 4, "width": 24}, "step_encoder_type": "pooled"},
        {"decoder": {"hidden_size": 16, "head_dim": 4}, "backbone": {"num_key_value_heads": 2}},
        {"backbone": {"tie_word_embeddings": True}},
    ],
    ids=lambda change: "-".join(change),
)
def test_engine_knows_every_part(change):
    fresh = Planner.fresh("routes", SMALL)
    config = fresh.model.config
    for name, value in change.items():
        setattr(config, name, getattr(config, name) | value if name in ("backbone", "decoder") else value)
    torch.manual_seed(0)
    compare(Planner(LatentReasoner(config), fresh.tokenizer), problems_of("routes", 12))


@pytest.mark.parametrize(
    ("damage", "message"),
    [({"sha256": "0" * 64}, "the file is damaged"), ({"questions": ["3+x"]}, '"x" is not in this planner')],
)
def test_engine_says_what_is_wrong(damage, message):
    task = {"checkpoint": live.pack(Planner.fresh("arithmetic", SMALL)), "questions": [], "edits": []}
    for name, value in damage.items():
        (task["checkpoint"] if name == "sha256" else task)[name] = value
    done = run("live_worker.mjs", task)
    assert done.returncode != 0 and message in done.stderr


def test_built_pages_are_what_their_source_builds(tmp_path):
    built("site", tmp_path / "live.js")
    for made in tmp_path.iterdir():  # with its style sheet
        assert made.read_bytes() == (ASSETS / made.name).read_bytes(), "run `make engine`"
        assert "http" not in made.read_text(encoding="utf-8").replace("http://www.w3.org/", "")  # nothing is fetched


def test_arithmetic_is_judged_as_in_python():
    """Needed steps, verdicts, and what follows from another step, on right, spoilt and reordered chains."""
    rng, tasks = random.Random(0), []
    asked = [p.question for p in problems_of("arithmetic", 60)] + ["(3+4)*(3+4)", "(3*1)+(0+5)-2", "9-3-2*2", "7"]
    asked += ["2*3*4", "5+9*2", "((2*3))*4+(1)", "((1+2+3+4))", "1+2*3-4+5"]  # operations without their parentheses
    for question in asked:
        needed = read(question).steps
        right = [step.text for step in needed]
        orders = [[right[i] for i in order] for order in all_orders(tuple(step.uses for step in needed))[-2:]]
        for chain in [*orders, right[:-1], [*right[:1], *right], [*right[:-1], "1+1=2"], ["no step"]]:
            place = rng.randrange(max(1, len(chain)))
            tasks.append({"question": question, "chain": chain, "place": place, "put": rng.choice(PUT)})
    followed = 0
    for task, said in zip(tasks, ask("live_arithmetic_worker.mjs", tasks), strict=True):
        worked = read(task["question"])
        verdict = verify_chain(worked.steps, task["chain"])
        order, put = chain_order(worked.steps, task["chain"]), Step.read(task["put"])
        made = replaced_chain(worked.steps, order, task["place"], put) if order and put else None
        if made is not None and any(step.value < 0 for step in made):
            made = None  # no step can be written with it
        followed += made is not None
        assert said == {
            "read": worked.question,
            "steps": [step.text for step in worked.steps],
            "value": worked.value,
            "done": verdict.done,
            "right": verdict.is_right,
            "follows": None if made is None else [step.text for step in made],
        }, task
    assert followed > 20


def test_pages_say_how_a_question_is_read_and_what_an_edit_did():
    first = {"thought": 1, "now": "5+7=12"}
    told = {"question": "(5+9)*2", "original": [["5+9=14", "14*2=28"], "28"], "last": [["5+7=12", "12*2=24"], "24"]}
    second = told | {"thought": 2, "moved": [first, {"thought": 2, "now": "15+8=23"}]}
    stuck = second | {"edited": [["5+7=12", "15+8=23"], "24"]}
    alone = told | {"thought": 1, "moved": [first], "last": told["original"], "edited": [["5+7=12", "12*2=24"], "26"]}
    tasks = [
        stuck,
        second | {"edited": [["5+7=12", "15+8=23"], "23"]},
        second | {"edited": [["5+7=12", "15+8=23"], "30"]},
        alone,
    ]
    asked = ["2*3*4", "( (2*3) * 4 )", "(2*3)*4", "1 + 2*3", "(8+9)*(7-2)", "3+4"]
    said = ask("live_words_worker.mjs", {"asked": asked, "told": tasks})
    reads = [read_as.removesuffix(", with the parentheses of its training.") for read_as, _ in said["asked"]]
    assert reads == ["Read as (2*3)*4", "Read as (2*3)*4", "", "Read as 1+(2*3)", "", ""]
    assert [warned for _, warned in said["asked"]] == [
        *[[]] * 4,
        ["the way leads over 85, for which it has no word"],
        ["this takes 1 step, and it was trained on 2 to 3"],
    ]
    assert "results 0 to 49. Parentheses that you leave out are put in." in said["hint"]
    assert [sentence["kind"] for sentence in said["told"]] == ["ignored", "cause", "partly", "partly"]
    still, _, other, first_alone = (sentence["text"] for sentence in said["told"])
    assert "The planner still says 24: your last edit did not move the answer." in still and "was moved" not in still
    assert "The planner says 30: it was moved, but not to what follows." in other
    assert "The decoder is unsure here (40 %), so its text may mislead." in first_alone


def test_packed_weights_are_those_of_the_hash():
    packed = live.pack(Planner.fresh("arithmetic", SMALL))
    data = packed["data"]
    assert hashlib.sha256(data).hexdigest() == packed["sha256"]
    sizes = [(torch.Size(shape).numel(), shape) for _, shape in packed["tensors"]]
    assert len(data) == sum(4 * n if len(shape) < 2 else n + 4 * n // shape[-1] for n, shape in sizes)


def test_weights_are_rounded_to_the_127th_of_their_row_s_largest():
    planner = Planner.fresh("arithmetic", SMALL)
    before = {name: tensor.clone() for name, tensor in planner.model.state_dict().items()}
    for name, after in live.as_packed(planner).model.state_dict().items():
        if after.dim() < 2:
            assert torch.equal(after, before[name])
        else:
            largest = before[name].abs().amax(dim=-1, keepdim=True)
            assert ((after - before[name]).abs() <= largest / 253).all()


def test_a_planner_of_words_alone_travels_without_heads_and_decoder():
    planner = Planner.fresh("arithmetic", SMALL)
    planner.model.config.max_latents = 0
    assert {name.split(".")[0] for name, _ in live.pack(planner)["tensors"]} == {"backbone"}


def test_refusals_name_the_part(monkeypatch):
    planner = Planner.fresh("arithmetic", SMALL)
    monkeypatch.setattr(live, "MOST_PARAMETERS", 1000)
    with pytest.raises(ValueError, match="parameters, a page thinks with 1,000 at most"):
        live.pack(planner)
    monkeypatch.undo()
    planner.model.config.latent_head = "own"
    with pytest.raises(ValueError, match="latent head 'own': it knows gaussian"):
        live.pack(planner)


def test_a_site_is_a_folder_or_one_file(tmp_path):
    folder = tmp_path / "mine"
    Planner.fresh("arithmetic", SMALL).save_pretrained(folder)
    page = live.write_site(tmp_path / "site", [folder])
    assert page == tmp_path / "site/index.html" and (tmp_path / "site/planners/mine.js").exists()
    whole = live.write_site(tmp_path / "one.html", [folder]).read_text(encoding="utf-8")
    text = re.search(r'<script type="application/json" id="planner-mine">(.*?)</script>', whole)[1]
    packed = json.loads(text)
    own = live.pack(Planner.from_pretrained(folder))
    assert packed["checkpoint"] == own | {"data": live.in_base64(own["data"])}
    places = [packed["examples"][row] for _, row, _ in packed["landmarks"]["of"]]
    latents = base64.b64decode(packed["landmarks"]["data"])
    assert len(latents) == (4 + 32) * len(places) > 0


def test_a_site_refuses_a_checkpoint_by_its_folder(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    Planner.fresh("arithmetic", SMALL).save_pretrained(folder)
    with pytest.raises(ValueError, match="two checkpoints are called 'mine'"):
        live.write_site(tmp_path / "site", [folder, folder])
    Planner.fresh("stories", SMALL).save_pretrained(tmp_path / "told")
    with pytest.raises(ValueError, match="told: no page shows planners of the domain 'stories': give one of arithm"):
        live.write_site(tmp_path / "site", [tmp_path / "told"])
    monkeypatch.setattr(live, "MOST_PARAMETERS", 1000)
    with pytest.raises(ValueError, match=f"{folder}: this planner has .* `atp-lite explore` shows larger ones"):
        live.write_site(tmp_path / "site", [folder])


def test_a_notebook_s_page_gets_bytes_and_leaves_the_planner_as_it_was():
    planner = Planner.fresh("arithmetic", SMALL)
    before = live.pack(planner)["data"]
    weight = next(planner.model.parameters()).detach().clone()
    shown = LivePage({"mine": planner}, state={"q": "3+4"})
    sent, where, buffers = _remove_buffers(shown.get_state())
    assert ["planners", 0, "packed", "checkpoint", "data"] in where and before in buffers
    assert sent["state"] == {"q": "3+4"} and sent["planners"][0]["entry"]["pages"] == ["move", "race", "how"]
    assert torch.equal(next(planner.model.parameters()), weight)


def test_a_notebook_s_page_is_one_line_where_it_cannot_run():
    shown = LivePage(Planner.fresh("arithmetic", SMALL))
    line = "The live page 'move' of this planner: run this cell to move its thoughts."
    data, _ = shown._repr_mimebundle_()
    assert data["text/plain"] == line and data["text/html"] == line.replace("'", "&#x27;")
    output = nbformat.v4.new_output("execute_result", data)
    assert [set(kept.data) for kept in tidy([output])] == [{"text/plain", "text/html"}]


def test_a_notebook_s_page_refuses_planners_that_it_cannot_show():
    arithmetic = Planner.fresh("arithmetic", SMALL)
    with pytest.raises(ValueError, match="no planner here fits the page 'route': choose move, race, how, or give"):
        LivePage(arithmetic, page="route")
    with pytest.raises(ValueError, match="no page shows planners of the domain 'stories'"):
        LivePage(Planner.fresh("stories", SMALL))
