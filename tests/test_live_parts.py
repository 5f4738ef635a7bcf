"""What the live pages ask of the engine beside thinking: draws, readings, attention, and routes on their map."""

import copy
import math
import random
from pathlib import Path

import pytest
import torch

from atp_lite.domains import DOMAINS, generate
from atp_lite.domains.routes import RouteSettings, read_route
from atp_lite.planner import Planner
from atp_lite.rl import group_advantages
from atp_lite.views import live
from tests.live_engine import ask as asked

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.browser


def ask(**task):
    return asked("live_parts_worker.mjs", task)


@pytest.fixture(scope="module")
def planner():
    return live.as_packed(Planner.from_pretrained(ROOT / "data/checkpoints/routes-sft"))


@pytest.fixture(scope="module")
def problems():
    return generate(RouteSettings(), "test", dict.fromkeys(range(2, 7), 4))


@pytest.fixture(scope="module")
def found(planner, problems):
    return ask(checkpoint=live.pack(planner), questions=[p.question for p in problems], seeds=[1, 2, 3])


def test_routes_are_judged_as_in_python():
    domain, rng, chains = DOMAINS["routes"], random.Random(0), []
    for problem in generate(RouteSettings(), "validation", dict.fromkeys(range(2, 7), 20)):
        route, steps = read_route(problem.question), list(problem.steps)
        spoilt = [*steps]
        spoilt[rng.randrange(len(steps))] = rng.choice(["aa>ab", "aa>ee", "no hop", "cc>cd"])
        detour = f"{route.start}>{(aside := route.neighbours(route.start)[-1])}", f"{aside}>{route.start}"
        chains += [(problem, chain) for chain in (steps, spoilt, steps[:-1], [*detour, *steps], [])]
    found = ask(chains=[{"question": p.question, "steps": c} for p, c in chains])["judged"]
    for (problem, chain), said in zip(chains, found, strict=True):
        verdict, route = domain.verify(problem, chain), read_route(problem.question)
        assert said == {
            "text": route.text,
            "distance": route.distance,
            "count": domain.count_chains(problem),
            "inPlace": verdict.in_place,
            "arrives": verdict.arrives,
            "shortest": verdict.is_right,
        }
    assert {(said["arrives"], said["shortest"]) for said in found} == {(True, True), (True, False), (False, False)}


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("aa to bb", "is no question about a route"),
        ("5 : aa : aa to bb", "the start aa is blocked"),
        ("5 : bb : aa to bb", "the goal bb is blocked"),
        ("3 : : aa to ee", '"ee" is not on a map of 3 x 3 cells'),
        ("1 : : aa to aa", "give a size of 2 to 9"),
    ],
)
def test_a_question_about_no_route_is_refused(question, message):
    assert message in ask(chains=[{"question": question, "steps": []}])["judged"][0]["error"]


def test_a_walled_goal_has_no_route():
    said = ask(chains=[{"question": "3 : ab ba : aa to cc", "steps": ["aa>ab"]}])["judged"][0]
    assert (said["distance"], said["count"], said["arrives"]) == (None, 0, False)


def test_seeded_numbers_are_uniform_and_come_again(found):
    for numbers in found["uniform"]:
        values = torch.tensor(numbers)
        assert values.min() >= 0 and values.max() < 1
        counts = torch.histc(values, 20, 0, 1)
        chi_squared = float(((counts - 1000).square() / 1000).sum())
        assert chi_squared < 43.8  # 19 degrees of freedom, p = 0.001
        assert abs(float(torch.corrcoef(torch.stack([values[1:], values[:-1]]))[0, 1])) < 4 / math.sqrt(len(values))
    assert found["uniform"] == ask(seeds=[1, 2, 3])["uniform"]


def test_draws_have_the_heads_mean_and_spread(planner, problems, found):
    """And PyTorch thinks the same distributions after the same draws."""
    noise = []
    for rows in found["draws"]:
        for problem, row in zip(problems, rows, strict=True):
            latents = torch.tensor([thought["latent"] for thought in row["thoughts"]])
            means = torch.tensor([thought["mean"] for thought in row["thoughts"]])
            logvars = torch.tensor([thought["logvar"] for thought in row["thoughts"]])
            noise.append((latents - means) / (0.5 * logvars).exp())
            trace = planner.think([problem], edits=dict(enumerate(latents, start=1)))
            torch.testing.assert_close(means, trace.distribution.mean[0, : len(means)], atol=1e-4, rtol=0)
    values = torch.cat(noise).flatten()
    assert abs(float(values.mean())) < 4 / math.sqrt(len(values))
    assert abs(float(values.std()) - 1) < 4 / math.sqrt(2 * len(values))
    assert found["draws"][0] != found["draws"][1]


def test_readings_have_the_decoders_probabilities(planner, found):
    several = 0
    for row in found["likeliest"]:
        for step, thought in zip(row["steps"], row["thoughts"], strict=True):
            texts = [reading["text"] for reading in thought["readings"]]
            said = torch.tensor([reading["logProbability"] for reading in thought["readings"]])
            ids = [[*planner.tokenizer.encode(text), planner.model.config.eos_id] for text in texts]
            tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(each) for each in ids], batch_first=True)
            latent = torch.tensor(thought["latent"]).expand(len(texts), 1, -1)
            padded = tokens[:, None], (tokens != planner.model.config.pad_id)[:, None]
            scores = planner.model.decoder.log_prob(latent, *padded)[:, 0]
            torch.testing.assert_close(said, scores, atol=1e-3, rtol=0)
            assert said.exp().min() >= 0.01 and said.exp().sum() <= 1 + 1e-5
            assert sorted(said, reverse=True) == said.tolist() and step in texts
            several += len(texts) > 1
    assert several > 10  # imitation holds several hops in one thought


def test_attention_is_that_of_pytorch(planner, problems, found):
    planner.model.backbone.set_attn_implementation("eager")
    for problem, row in zip(problems[:4], found["likeliest"], strict=False):
        ids = [*planner.tokenizer.encode(problem.question), planner.model.config.start_id]
        assert "".join(row["tokens"]) == "".join(problem.question.split()) + "<|start-latent|>"
        torch.testing.assert_close(torch.tensor(row["embedding"]), planner.model.embed(torch.tensor(ids[0])))
        latents = torch.tensor([thought["latent"] for thought in row["thoughts"]])
        inputs = torch.cat([planner.model.embed(torch.tensor([ids])), latents[None]], 1)
        layers = planner.model.backbone(inputs_embeds=inputs, output_attentions=True).attentions
        for t, thought in enumerate(row["thoughts"]):
            at = len(ids) - 1 + t
            for layer, said in zip(layers, thought["attention"], strict=True):
                torch.testing.assert_close(torch.tensor(said), layer[0, :, at, : at + 1], atol=1e-4, rtol=0)


def test_written_tokens_are_counted_as_in_python():
    for name in ("routes-cot", "routes-sft"):
        planner = Planner.from_pretrained(ROOT / "data/checkpoints" / name)
        problems = generate(RouteSettings(), "test", dict.fromkeys(range(2, 7), 4))
        rows = ask(checkpoint=live.pack(planner), questions=[p.question for p in problems])["likeliest"]
        assert [row["written"] for row in rows] == planner.reason(problems).n_answer_tokens.tolist()


def test_one_update_of_the_page_is_that_of_pytorch(planner):
    """Policy gradient along mu, the gradient clipped to length 1, and Adam; the start stays as it was."""
    problem = DOMAINS["routes"].read_question("5 : ad be da dd ea : aa to ec")
    said = ask(checkpoint=live.pack(planner), practise={"question": problem.question, "rate": 0.01})["practised"]
    tries = said["tries"]
    domain = DOMAINS["routes"]
    verdicts = [domain.verify(problem, one["steps"]) for one in tries]
    rewards = torch.tensor([v.arrives + v.in_place / v.taken for v in verdicts])
    torch.testing.assert_close(torch.tensor([one["reward"] for one in tries]), rewards)
    advantages = group_advantages(rewards, len(tries))
    torch.testing.assert_close(torch.tensor([one["advantage"] for one in tries]), advantages)
    assert advantages.abs().max() > 0

    first = torch.tensor(tries[0]["hidden"][0])
    before = planner.model.latent_head(first).mean.detach()
    head = copy.deepcopy(planner.model.latent_head)
    optimizer = torch.optim.Adam([p for name, p in head.named_parameters() if "log_variance" not in name], lr=0.01)
    loss = torch.zeros(())
    for one, advantage in zip(tries, advantages, strict=True):
        said_of = head(torch.tensor(one["hidden"]))
        fixed = type(said_of)(said_of.mean, said_of.logvar.detach())
        loss = loss - advantage * fixed.log_prob(torch.tensor(one["latents"])).mean() / len(tries)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
    optimizer.step()
    after = head(first).mean.detach()
    assert (after - before).abs().max() > 0.02
    torch.testing.assert_close(torch.tensor(said["mean"]), after, atol=2e-3, rtol=0)
    torch.testing.assert_close(torch.tensor(said["untouched"]), before, atol=1e-4, rtol=0)
