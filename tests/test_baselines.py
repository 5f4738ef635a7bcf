"""Rivals: each loss against its equation worked out the slow way, and one interface for all of them."""

import math

import pytest
import torch
from small import PROBLEMS, hidden_after, tiny_planner
from torch.distributions import Normal

from atp_lite.evaluation import EvalSettings, evaluate, outcomes
from atp_lite.methods import METHODS, Method
from atp_lite.methods.codi import losses as codi_losses
from atp_lite.methods.colar import compressed_embeddings
from atp_lite.model import LatentReasoner
from atp_lite.planner import Planner
from atp_lite.sft import SFTSettings, train_sft

LONGEST = 3
EXAMPLES = PROBLEMS[:4]
"""One, two, three and three steps."""


def started(name: str, seed: int = 0, c: int = 1) -> Planner:
    method = METHODS[name]
    return method.start(tiny_planner(c), 0 if method.stages == "words" else LONGEST, seed=seed)


def stage_of(name: str) -> int:
    return 0 if METHODS[name].stages == "words" else LONGEST


def terms_of(planner: Planner, name: str, problems=EXAMPLES, sample: bool = False) -> dict:
    rows = planner.collate.encode(problems)
    return METHODS[name].losses(planner, rows, stage_of(name), sample, torch.Generator().manual_seed(0))


def naive_language(planner: Planner, problem, inputs: torch.Tensor, steps: int) -> tuple[float, int]:
    """Summed -log p of the steps from `steps` on and the answer, after `inputs` (1, n, d); and how many tokens."""
    model = planner.model
    (row,) = planner.collate.encode([problem])
    words = [t for step in row.steps[steps:] for t in (*step, *planner.collate.step_end)]
    words += [*row.answer, model.config.eos_id]
    embeds = torch.cat([inputs, model.embed(torch.tensor([[model.config.end_id, *words[:-1]]]))], dim=1)
    log_probs = torch.log_softmax(model.backbone.lm_head(hidden_after(model.backbone, embeds)), -1)[-len(words) :]
    return -float(log_probs[range(len(words)), words].sum()), len(words)


def naive_latents(planner: Planner, problem, count: int) -> torch.Tensor:
    """Question and `count` latents as inputs (1, n, d), everything read again for each."""
    model = planner.model
    (row,) = planner.collate.encode([problem])
    embeds = model.embed(torch.tensor([row.question]))
    for _ in range(count):
        latent = model.latent_head(hidden_after(model.backbone, embeds)[-1]).mode
        embeds = torch.cat([embeds, latent[None, None]], dim=1)
    return embeds


@pytest.mark.parametrize(
    ("name", "latents", "words_from"),
    [
        ("cot", lambda n: 0, 0),
        ("no-cot", lambda n: 0, LONGEST),
        ("icot", lambda n: 0, LONGEST),
        ("pause", lambda n: LONGEST, LONGEST),
        ("coconut", lambda n: LONGEST, LONGEST),
        ("sim-cot", lambda n: LONGEST, LONGEST),
        ("codi", lambda n: LONGEST, LONGEST),
        ("atp", lambda n: n, LONGEST),
        ("atp-point", lambda n: n, LONGEST),
        ("atp-fixed", lambda n: LONGEST, LONGEST),
    ],
)
@pytest.mark.slow
def test_language_loss_is_that_of_one_question_at_a_time(name, latents, words_from):
    planner = started(name)
    with torch.no_grad():
        found = terms_of(planner, name)["enc"]
        sums = [
            naive_language(planner, p, naive_latents(planner, p, latents(len(p.steps))), words_from) for p in EXAMPLES
        ]
    expected = sum(value for value, _ in sums) / sum(count for _, count in sums)
    assert found.item() == pytest.approx(expected, abs=1e-5)


def test_icot_drops_one_more_step_at_each_stage():
    planner = started("icot")
    rows = planner.collate.encode([PROBLEMS[2]])  # three steps
    for stage in range(4):
        batch = planner.collate(rows, stage)
        assert batch.n_latents.tolist() == [0]
        assert planner.collate.text(batch.language[:, 1:]) == [
            "".join(f"{step};" for step in PROBLEMS[2].steps[stage:]) + PROBLEMS[2].answer
        ]


def test_what_is_fed_back():
    """Coconut: the hidden state. Pause: one vector. CODI: a function of the state. All without a spread."""
    for name in ("coconut", "pause", "codi"):
        planner = started(name)
        trace = planner.think(EXAMPLES, sample=True)
        assert torch.equal(trace.latents, trace.mu), "a point has nothing to draw"
        assert not trace.sigma[trace.latent_mask].any()
        if name == "coconut":
            assert torch.equal(trace.latents, trace.hidden)
        elif name == "pause":
            assert (trace.latents == planner.model.latent_head.filler.weight[0]).all()
        else:
            head = planner.model.latent_head
            torch.testing.assert_close(trace.latents, head.mean(head.trunk(trace.hidden)))


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.layout == "fixed"])
def test_fixed_layouts_think_as_long_as_they_were_taught(name, c):
    planner = started(name, c=c)
    with torch.no_grad():
        planner.model.stop_head.layers[2].bias.fill_(100.0)  # would stop at once if it were asked
    assert planner.think(EXAMPLES).n_latents.tolist() == [c * LONGEST] * len(EXAMPLES)
    assert planner.collate(EXAMPLES, LONGEST).n_latents.tolist() == [c * LONGEST] * len(EXAMPLES)
    assert planner.collate(EXAMPLES, 1).n_latents.tolist() == [c] * len(EXAMPLES)


def test_sim_cot_decoder_learns_that_spare_latents_say_nothing():
    planner = started("sim-cot")
    batch = planner.collate(EXAMPLES[:1], LONGEST)  # one step, three latents
    assert planner.collate.text(batch.steps[0]) == ["3+4=7", "", ""]
    assert batch.steps_mask.sum(-1).tolist() == [[6, 1, 1]], "the text and its end; only an end; only an end"


@pytest.mark.slow
def test_empty_texts_at_the_end_are_no_steps_of_a_fixed_layout():
    planner = started("sim-cot")
    trace = planner.reason(EXAMPLES[:1])
    eos, pad = planner.model.config.eos_id, planner.model.config.pad_id
    seven = planner.tokenizer.convert_tokens_to_ids("7")
    trace.step_tokens = torch.tensor([[[seven, eos], [eos, pad], [eos, pad]]])
    assert planner.step_texts(trace) == [["7"]]
    planner.model.config.layout = "steps"
    assert planner.step_texts(trace) == [["7", "", ""]], "where the stop head decides, an empty thought counts"


def test_codi_distils_the_state_before_the_answer():
    """By hand for two questions: layer by layer, |teacher - student| / std(teacher), teacher without gradient."""
    planner = started("codi")
    model, problems = planner.model, EXAMPLES[1:3]
    found = terms_of(planner, "codi", problems)
    student, teacher = [], []
    with torch.no_grad():
        for problem in problems:
            thought = naive_latents(planner, problem, LONGEST)
            (row,) = planner.collate.encode([problem])
            chain = [t for step in row.steps for t in (*step, *planner.collate.step_end)]
            end = [model.config.end_id]
            said = model.embed(torch.tensor([[*row.question, *end, *chain]]))
            for inputs, states in (
                (torch.cat([thought, model.embed(torch.tensor([end]))], 1), student),
                (said, teacher),
            ):
                output = model.backbone.base_model(inputs_embeds=inputs, output_hidden_states=True)
                states.append(torch.stack([layer[0, -1] for layer in output.hidden_states]))
    own, taught = torch.stack(student, 1)[1:], torch.stack(teacher, 1)[1:]  # (L, 2, d), without the embeddings
    expected = ((own - taught).abs() / taught.std(dim=(1, 2), keepdim=True)).mean()
    assert found["distil"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_codi_teacher_is_chain_of_thought_and_gets_no_gradient_from_the_distance():
    planner, words = started("codi"), started("cot")
    words.model.load_state_dict(planner.model.state_dict(), strict=False)
    with torch.no_grad():
        assert terms_of(planner, "codi")["teacher"].item() == pytest.approx(
            terms_of(words, "cot")["enc"].item(), abs=1e-5
        )
    rows = planner.collate.encode(EXAMPLES[:1])  # one question only: its teacher's state is all there is to move
    distance = codi_losses(planner, rows, LONGEST, False, torch.Generator())["distil"]
    distance.backward()
    step_end = planner.collate.step_end[0]  # only the teacher reads it
    assert not planner.model.embed(torch.tensor([step_end])).isnan().any()
    assert not planner.model.get_input_embeddings().weight.grad[step_end].any()


def test_colar_compresses_by_hand():
    """r = 3: `3+4=7;` is two groups, the mean of each times the square root of three."""
    planner = started("colar")
    rows = planner.collate.encode(EXAMPLES[:2])  # one step and two
    embeds, real = compressed_embeddings(planner, rows)
    assert real.tolist() == [[True, True, False, False], [True] * 4]
    ids = planner.tokenizer("3+4=7;", add_special_tokens=False)["input_ids"]
    table = planner.model.get_input_embeddings().weight
    for t in (0, 1):
        expected = table[ids[3 * t : 3 * t + 3]].mean(0) * math.sqrt(3)
        torch.testing.assert_close(embeds[0, t], expected)
    assert not embeds[0, 2:].any()
    assert planner.collate(rows, LONGEST).n_latents.tolist() == [2, 4]


def test_colar_last_group_may_be_short():
    planner = started("colar")
    planner.collate.tokens_per_latent = 4  # six tokens: a group of four and one of two
    embeds, real = compressed_embeddings(planner, planner.collate.encode(EXAMPLES[:1]))
    assert real.tolist() == [[True, True]]
    ids = planner.tokenizer("7;", add_special_tokens=False)["input_ids"]
    torch.testing.assert_close(embeds[0, 1], planner.model.embed(torch.tensor(ids)).sum(0) / math.sqrt(2))


def test_colar_losses_one_question_at_a_time():
    planner = started("colar")
    model = planner.model
    with torch.no_grad():
        found = terms_of(planner, "colar")
        latent, answer, stop, tokens, count = 0.0, 0.0, 0.0, 0, 0
        for problem in EXAMPLES:
            rows = planner.collate.encode([problem])
            targets = compressed_embeddings(planner, rows)[0][0]  # (T, d)
            inputs = torch.cat([model.embed(torch.tensor([rows[0].question])), targets[None]], 1)
            states = hidden_after(model.backbone, inputs)[len(rows[0].question) - 1 : -1]  # h_1 .. h_T
            said = model.latent_head(states)
            mu, logvar = said.mu, said.logvar
            latent -= float(Normal(mu, (0.5 * logvar).exp()).log_prob(targets).sum())
            ends = torch.tensor([0.0] * (len(targets) - 1) + [1.0])
            logits = model.stop_head(states)
            stop += float(torch.nn.functional.binary_cross_entropy_with_logits(logits, ends, reduction="sum"))
            value, n = naive_language(planner, problem, inputs, LONGEST)
            answer, tokens, count = answer + value, tokens + n, count + len(targets)
    assert found["latent"].item() == pytest.approx(latent / count / targets.shape[1], rel=1e-4)
    assert found["stop"].item() == pytest.approx(stop / count, rel=1e-4)
    assert found["enc"].item() == pytest.approx(answer / tokens, rel=1e-4)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.slow
def test_every_method_trains_thinks_answers_and_is_saved(name, tmp_path):
    method, stage = METHODS[name], stage_of(name)
    planner = started(name)
    settings = SFTSettings(
        method=name, first_stage=stage, stage_steps=(6,), batch_size=4, eval_every=3, warmup_steps=1, lr=1e-2
    )
    before = method.total(terms_of(planner, name), beta=1e-4).item()
    train_sft(planner, EXAMPLES, PROBLEMS[4:], settings, tmp_path)
    after = method.total(terms_of(planner, name), beta=1e-4).item()
    assert after < before, "six steps on the same four problems lower the loss"
    assert method.total({"enc": torch.tensor(2.0), "kl": torch.tensor(3.0)}, beta=0.5) == 3.5
    saved = Planner.from_pretrained(tmp_path / "last")
    assert type(saved.model) is LatentReasoner, "no method has a model of its own"
    own, again = planner.reason(EXAMPLES), saved.reason(EXAMPLES)
    assert torch.equal(own.answer, again.answer)
    assert torch.equal(own.latents, again.latents)
    assert evaluate(saved, EXAMPLES, EvalSettings(samples=2, temperature=1.0)).accuracy.n == len(EXAMPLES)


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.layout not in ("dropped",) and n != "cot"])
@pytest.mark.slow
def test_batched_thinking_is_one_by_one_for_every_head(name):
    planner = started(name)
    together = planner.reason(EXAMPLES)
    for i, problem in enumerate(EXAMPLES):
        alone = planner.reason([problem])
        n = int(alone.n_latents[0])
        assert int(together.n_latents[i]) == n
        torch.testing.assert_close(together.latents[i, :n], alone.latents[0, :n], atol=1e-5, rtol=1e-5)
        assert together.answers[i] == alone.answers[0]


def test_edited_thought_is_read_and_the_rest_follows():
    planner = started("atp")
    plain = planner.think(EXAMPLES)
    same = planner.think(EXAMPLES, edits={1: plain.latents[:, 0]})
    torch.testing.assert_close(same.latents, plain.latents)
    moved = planner.think(EXAMPLES, edits={2: torch.ones(32)})
    n = plain.n_latents
    assert torch.equal(moved.latents[:, 0], plain.latents[:, 0]), "what came before is as it was"
    longer = n > 2
    assert longer.any()
    assert (moved.latents[longer, 1] == 1).all()
    torch.testing.assert_close(moved.mu[longer, 1], plain.mu[longer, 1])
    assert not torch.allclose(moved.mu[longer, 2], plain.mu[longer, 2], atol=1e-4)


def test_spare_latents_of_a_fixed_number_are_no_steps_too_many():
    """Three latents for a problem of two steps: right where the decoder has nothing to read in the third."""
    planner = started("sim-cot")
    trace = planner.reason(EXAMPLES[1:2])
    assert int(trace.n_latents[0]) == LONGEST and len(EXAMPLES[1].steps) == 2
    for texts, right in ((["1+1=2", "2+1=3"], True), (["1+1=2", "2+1=3", "3+1=4"], False), (["1+1=2"], False)):
        trace.steps, trace.fixed_length = [texts], True
        (outcome,) = outcomes(trace)
        assert outcome.stop_right is right
        trace.fixed_length = False
        assert not outcomes(trace)[0].stop_right, "where a stop head decides, three latents are three steps"


@pytest.mark.slow
def test_a_method_starts_from_what_words_have_taught():
    words = tiny_planner(seed=3)
    for name, method in METHODS.items():
        planner = method.start(words, stage_of(name), seed=5)
        own, old = planner.model.state_dict(), words.model.state_dict()
        assert all(torch.equal(own[key], old[key]) for key in own if key.startswith("backbone."))
        assert (planner.model.decoder is not None) == (method.decoder is not False)
    assert words.model.config.layout == "steps", "the planner it starts from is left alone"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("coconut", {}, "METHODS\\['coconut'\\].start"),
        ("no-cot", {"stage_steps": (1, 1)}, "no curriculum"),
        ("no-cot", {"first_stage": 1, "stage_steps": (1,)}, "largest number of steps, 3"),
        ("cot", {"first_stage": 0, "stage_steps": (1, 1)}, "its only stage is 0"),
    ],
)
def test_misfits_are_refused_before_training(name, changes, message, tmp_path):
    planner = tiny_planner() if name == "coconut" else METHODS[name].start(tiny_planner(), LONGEST)
    settings = SFTSettings(method=name, **({"first_stage": LONGEST, "stage_steps": (1,)} | changes))
    with pytest.raises(ValueError, match=message):
        train_sft(planner, EXAMPLES, PROBLEMS[4:], settings, tmp_path / "run")


def test_unknown_names_say_what_there_is():
    with pytest.raises(ValueError, match="no method is called 'cocnut': choose from atp, atp-fixed"):
        SFTSettings(method="cocnut")
    with pytest.raises(ValueError, match="ModelSettings.decoder_layers"):
        METHODS["sim-cot"].start(tiny_planner(decoder_layers=0), LONGEST)


def test_a_method_says_what_its_own_term_is_a_mean_over():
    """A batch in three micro-batches, with a term of one number a row: they add up to its mean over the batch."""
    planner = tiny_planner()
    method = Method(
        "rows",
        lambda planner, rows, stage, sample, generator: {
            "length": torch.tensor([float(len(r.question)) for r in rows]).mean()
        },
        own_denominators=lambda collate, rows, batch: {"length": len(rows)},
    )
    rows = planner.collate.encode(PROBLEMS[:3])
    whole, parts = method.loss_denominators(planner.collate, rows, 0), [rows[:1], rows[1:]]
    assert whole["length"] == 3 and whole["enc"] == sum(len(row.answer) + 1 for row in rows) + sum(
        len(step) + len(planner.collate.step_end) for row in rows for step in row.steps
    )
    added = sum(
        method.losses(planner, part, 0, False, None)["length"]
        * method.loss_denominators(planner.collate, part, 0)["length"]
        / whole["length"]
        for part in parts
    )
    assert float(added) == pytest.approx(sum(len(row.question) for row in rows) / 3)
