"""The four losses against loops and finite differences; the curriculum as pure functions; exact resume."""

import json
import math
import random
import signal
from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from small import PROBLEMS, assert_same_run, lively_planner, naive_think, tiny_planner

import atp_lite.engine.run as engine_run
from atp_lite.domains import ArithmeticSettings, Problem, generate, read_expression
from atp_lite.engine import sharding
from atp_lite.engine.log import read_metrics
from atp_lite.engine.settings import learning_rate
from atp_lite.model import LatentReasoner, ReasonerConfig, kl_divergence, total_loss
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.sft import BatchPlan, Curriculum, SFTSettings, train_sft
from atp_lite.sft.loading import StepData, load, own_chains
from atp_lite.sft.nearest import nearest_chains
from atp_lite.sft.settings import beta_at
from atp_lite.tokens import Collator, Encoded, Rows

# --- the losses ---


def naive_losses(planner, problem: Problem, stage: int) -> dict[str, tuple[float, int]]:
    """(sum, count) of each loss of one problem, latents at their means, everything read again from the start."""
    model, c = planner.model, planner.model.config.latents_per_step
    encoded = planner.collate.encode([problem])[0]
    eos = model.config.eos_id
    latent_steps = encoded.steps[:stage]
    length = c * len(latent_steps)
    embeds = model.embed(torch.tensor([encoded.question]))
    found = {"kl": (0.0, 0), "stop": (0.0, 0), "dec": (0.0, 0)}
    if length:
        thought = naive_think(model, encoded.question, limit=0, length=length)
        embeds = thought["embeds"]
        found["kl"] = (kl_divergence(thought["mu"], 2 * thought["sigma"].log()).sum().item(), length)
        stop = torch.sigmoid(thought["stop_logits"])
        found["stop"] = (-(torch.log(1 - stop[:-1]).sum() + torch.log(stop[-1])).item(), length)
        total = 0.0
        for i, step in enumerate(latent_steps):
            prefix = model.decoder.bridge(thought["mu"][None, i * c : (i + 1) * c])
            total += naive_cross_entropy(model.decoder.lm, prefix, [*step, eos])
        found["dec"] = (total, sum(len(step) + 1 for step in latent_steps))
    words = [t for step in encoded.steps[stage:] for t in (*step, *planner.collate.step_end)]
    words += [*encoded.answer, eos]
    end = model.embed(torch.tensor([[model.config.end_id]]))
    enc = naive_cross_entropy(model.backbone, torch.cat([embeds, end], 1), words)
    return found | {"enc": (enc, len(words))}


def naive_cross_entropy(lm, prefix, tokens) -> float:
    inputs = torch.cat([prefix, lm.get_input_embeddings()(torch.tensor([tokens[:-1]]))], 1)
    logits = lm(inputs_embeds=inputs, use_cache=False).logits[0, prefix.shape[1] - 1 :]
    return -torch.log_softmax(logits, -1).gather(1, torch.tensor(tokens)[:, None]).sum().item()


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_losses_of_a_ragged_batch_are_token_weighted_means_of_single_problems(c, stage):
    planner = lively_planner(c)
    with torch.no_grad():
        losses = planner.model.sft_losses(planner.collate(PROBLEMS, stage), sample=False)
        alone = [naive_losses(planner, problem, stage) for problem in PROBLEMS]
    for name in ("enc", "dec", "stop", "kl"):
        total, count = (sum(part) for part in zip(*(one[name] for one in alone), strict=True))
        expected = total / count if count else 0.0
        assert losses[name].item() == pytest.approx(expected, rel=1e-5, abs=1e-7), name
    assert len({one["enc"][1] for one in alone}) > 1 or stage == 3  # otherwise nothing was padded
    total = losses["enc"] + losses["dec"] + losses["stop"] + 0.25 * losses["kl"]
    assert total_loss(losses, 0.25).item() == pytest.approx(total.item())


@pytest.mark.parametrize("sample", [False, True])
def test_what_stands_on_padding_changes_no_loss(sample):
    planner = lively_planner(2)
    batch = planner.collate(PROBLEMS, 2)
    with torch.no_grad():
        losses = planner.model.sft_losses(batch, sample=sample, generator=torch.Generator().manual_seed(0))
        for ids, mask in (("question", "question_mask"), ("language", "language_mask"), ("steps", "steps_mask")):
            real = getattr(batch, mask).bool()
            assert not real.all()
            setattr(batch, ids, torch.where(real, getattr(batch, ids), 23))
        junk = planner.model.sft_losses(batch, sample=sample, generator=torch.Generator().manual_seed(0))
    for name, value in losses.items():
        torch.testing.assert_close(junk[name], value, atol=1e-5, rtol=1e-5)


def double_gpt2() -> tuple[LatentReasoner, Collator]:
    """GPT-2, since LLaMA's norm rounds to float32 whatever it is given."""
    config = tiny_planner(2).model.config.to_dict()
    collate = Collator(tiny_planner().tokenizer, 2)
    size = dict(n_embd=8, n_head=2, n_positions=64, vocab_size=len(collate.tokenizer), initializer_range=0.3)
    still = dict(attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, tie_word_embeddings=False)
    backbone = dict(model_type="gpt2", n_layer=2, **size, **still)
    torch.manual_seed(0)
    model = LatentReasoner(ReasonerConfig(**(config | dict(backbone=backbone, decoder=backbone | dict(n_layer=1)))))
    with torch.no_grad():
        model.latent_head.log_variance.bias.fill_(-1.0)
    return model.double(), collate


@pytest.mark.slow
def test_gradients_equal_finite_differences(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", lambda self: self)  # the loss may round up to float32, not down
    model, collate = double_gpt2()
    batch = collate(PROBLEMS[:4], 2)  # one, two and three steps: two have words left

    def total() -> torch.Tensor:
        return total_loss(model.sft_losses(batch, generator=torch.Generator().manual_seed(1)), 0.01)

    total().backward()
    three = collate.tokenizer.convert_tokens_to_ids("3")
    checked = [
        (model.latent_head.mean.weight, (2, 3)),
        (model.latent_head.log_variance.weight, (1, 4)),
        (model.latent_head.trunk[0].weight, (0, 5)),
        (model.stop_head.layers[0].weight, (3, 3)),
        (model.backbone.transformer.wte.weight, (three, 2)),
        (model.backbone.transformer.wte.weight, (collate.start_id, 1)),
        (model.backbone.transformer.h[0].attn.c_attn.weight, (1, 7)),
        (model.backbone.transformer.h[1].mlp.c_fc.weight, (4, 4)),
        (model.backbone.transformer.wpe.weight, (5, 0)),
        (model.backbone.lm_head.weight, (collate.tokenizer.eos_token_id, 3)),
        (model.decoder.lm.transformer.h[0].attn.c_attn.weight, (2, 2)),
    ]
    h = 1e-5
    for parameter, place in checked:
        with torch.no_grad():
            parameter[place] += h
            above = total().item()
            parameter[place] -= 2 * h
            below = total().item()
            parameter[place] += h
        expected = (above - below) / (2 * h)
        assert abs(expected) > 1e-5  # a gradient of zero would prove nothing
        assert parameter.grad[place].item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_gradient_flows_through_the_latents():
    planner = lively_planner()
    batch = planner.collate([PROBLEMS[2]], 3)
    head = planner.model.latent_head.mean.weight
    for name in ("enc", "dec", "stop"):  # none of them reads the head but through the latents
        losses = planner.model.sft_losses(batch, generator=torch.Generator().manual_seed(0))
        (grad,) = torch.autograd.grad(losses[name], head)
        assert grad.abs().max() > 1e-6, name


def test_losses_repeat_with_the_generator():
    planner = lively_planner()
    batch = planner.collate(PROBLEMS, 3)
    with torch.no_grad():
        first, again, other = (
            planner.model.sft_losses(batch, generator=torch.Generator().manual_seed(seed))["enc"] for seed in (1, 1, 2)
        )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_without_a_decoder_its_loss_is_zero():
    planner = tiny_planner(decoder_layers=0)
    losses = planner.model.sft_losses(planner.collate(PROBLEMS, 2))
    assert losses["dec"].item() == 0.0 and losses["enc"].item() > 0


# --- the curriculum ---


def test_stages_last_as_long_as_they_should():
    curriculum = Curriculum(first_stage=2, stage_steps=(2, 0, 3))
    assert [curriculum.stage(step) for step in range(7)] == [2, 2, 4, 4, 4, 4, 4]
    assert (curriculum.total_steps, curriculum.last_stage, curriculum.last_stage_start) == (5, 4, 2)


@pytest.mark.parametrize(("first", "steps"), [(-1, (3,)), (0, ()), (1, (3, -1)), (1, (3, 0))])
def test_a_curriculum_that_cannot_be_is_refused(first, steps):
    with pytest.raises(ValueError, match=f"from stage {first} with steps .*--stage-steps"):
        Curriculum(first, steps)


@pytest.mark.parametrize("name", ["batch_size", "log_every", "eval_every", "eval_batch"])
def test_what_must_be_positive_is_asked_for(name):
    with pytest.raises(ValueError, match=f"{name} is 0: give 1 or more"):
        SFTSettings(**{name: 0})


def encoded(lengths: list[tuple[int, int]]) -> list[Encoded]:
    return [
        Encoded(Problem(f"{i}", (), ""), tuple(range(question)), ((1,),) * steps, (1,))
        for i, (question, steps) in enumerate(lengths)
    ]


SHAPES = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=30)


@pytest.mark.slow
@given(SHAPES, st.integers(1, 6), st.integers(0, 5))
def test_an_epoch_holds_every_problem_in_batches_of_one_shape(lengths, size, seed):
    plan = BatchPlan(encoded(lengths), size, seed)
    for epoch in (0, 1):
        first = epoch * plan.batches_per_epoch
        batches = [plan.batch(first + i) for i in range(plan.batches_per_epoch)]
        seen = Counter(problem.problem.question for batch in batches for problem in batch)
        assert set(seen) == {str(i) for i in range(len(lengths))}
        for batch in batches:
            assert len(batch) == size
            assert len({(len(problem.question), len(problem.steps)) for problem in batch}) == 1
        bucket = Counter(lengths)
        for question, times in seen.items():  # filled up evenly: nobody twice before everybody once
            n = bucket[lengths[int(question)]]
            assert math.floor(-(-n // size) * size / n) <= times <= math.ceil(-(-n // size) * size / n)


@pytest.mark.slow
@given(SHAPES, st.integers(1, 6), st.integers(0, 5), st.randoms(use_true_random=False))
def test_batches_depend_on_nothing_but_the_step(lengths, size, seed, rng):
    plan, other = BatchPlan(encoded(lengths), size, seed), BatchPlan(encoded(lengths), size, seed)
    steps = list(range(3 * plan.batches_per_epoch))
    in_order = [plan.batch(step) for step in steps]
    random.seed(rng.random())  # whatever the global state
    rng.shuffle(steps)
    for step in steps:
        assert other.batch(step) == in_order[step]


def test_epochs_and_seeds_differ():
    problems = encoded([(1, 1)] * 20)
    plan, other = BatchPlan(problems, 20, 0), BatchPlan(problems, 20, 1)
    assert plan.batch(0) != plan.batch(1) and plan.batch(0) != other.batch(0)
    with pytest.raises(ValueError, match="no problems to train on"):
        BatchPlan([], 4, 0)


def padding(plan: BatchPlan) -> float:
    """Share of an epoch's positions that would be padding."""
    real = total = 0
    for step in range(plan.batches_per_epoch):
        lengths = [len(row.question) + sum(map(len, row.steps)) + len(row.answer) for row in plan.batch(step)]
        real, total = real + sum(lengths), total + max(lengths) * len(lengths)
    return 1 - real / total


@pytest.mark.slow
@given(SHAPES, st.integers(1, 6), st.integers(1, 4), st.integers(0, 5))
def test_buckets_hold_every_problem_once_an_epoch(lengths, size, bucket, seed):
    """But for those that fill up the last batch: fewer than a batch, and the first of the order."""
    plan = BatchPlan(encoded(lengths), size, seed, bucket)
    assert plan.batches_per_epoch == math.ceil(len(lengths) / size)
    for epoch in (0, 1):
        first = epoch * plan.batches_per_epoch
        batches = [plan.batch(first + i) for i in range(plan.batches_per_epoch)]
        assert {len(batch) for batch in batches} == {size}
        seen = Counter(problem.problem.question for batch in batches for problem in batch)
        assert set(seen) == {str(i) for i in range(len(lengths))}
        assert sum(seen.values()) - len(lengths) == -len(lengths) % size
        again = BatchPlan(encoded(lengths), size, seed, bucket)  # the step alone says what is in a batch
        assert again.batch(first) == batches[0]


def test_buckets_leave_little_padding():
    """Lengths 5 to 104, once each: sorted all at once, a batch of 10 pads 4.5 of 59 positions on average."""
    rng = random.Random(0)
    problems = encoded([(length, 1) for length in rng.sample(range(3, 103), 100)])  # one step, one answer token
    loose, some, whole = (padding(BatchPlan(problems, 10, 0, bucket)) for bucket in (1, 5, 10))
    assert whole == pytest.approx(4.5 / (54.5 + 4.5), abs=1e-9)
    assert whole < some < loose and loose > 0.4
    plan = BatchPlan(problems, 10, 0, 10)
    assert [plan.batch(0), plan.batch(1)] != [plan.batch(10), plan.batch(11)], "epochs differ"
    longest = [max(len(row.question) for row in plan.batch(step)) for step in range(10)]
    assert longest != sorted(longest), "a short batch may follow a long one"
    with pytest.raises(ValueError, match="bucket is -1: give a number of batches"):
        BatchPlan(problems, 10, 0, -1)
    with pytest.raises(ValueError, match="bucket is -1: give a number of batches"):
        SFTSettings(bucket=-1)


def test_learning_rate_by_hand():
    rates = [learning_rate(step, total=7, peak=2.0, warmup=2, final=0.1) for step in range(7)]
    cosine = [2.0 * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * i / 4))) for i in range(5)]
    assert rates == pytest.approx([1.0, 2.0, *cosine])
    assert rates[2] == pytest.approx(2.0) and rates[-1] == pytest.approx(0.2)
    assert learning_rate(0, total=1, peak=2.0, warmup=0, final=0.1) == 2.0
    linear = [learning_rate(step, 7, 2.0, 2, 0.1, "linear") for step in range(7)]
    assert linear == pytest.approx([1.0, 2.0, 2.0, 1.55, 1.1, 0.65, 0.2])
    assert [learning_rate(step, 4, 2.0, 2, 0.1, "constant") for step in range(4)] == [1.0, 2.0, 2.0, 2.0]


def test_other_schedules_by_hand():
    """From 2 to 0.2 over steps 1 to 11 after one step of warm-up; half way a line has lost half of the 1.8."""
    how = {"total": 12, "peak": 2.0, "warmup": 1, "final": 0.1}
    assert learning_rate(6, **how, schedule="linear") == pytest.approx(2.0 - 0.9)
    assert learning_rate(11, **how, schedule="linear") == pytest.approx(0.2)
    assert {learning_rate(step, **how, schedule="constant") for step in range(12)} == {2.0}


def test_beta_by_hand():
    settings = SFTSettings(stage_steps=(10, 100), kl_factor=0.001, final_kl_factor=0.101, kl_ramp=0.5)
    found = [beta_at(step, settings, size=10) for step in (0, 10, 35, 60, 109)]
    assert found == pytest.approx([0.0001, 0.0001, 0.0051, 0.0101, 0.0101])


# --- training ---

TRAIN = [read_expression(f"{a}+{b}") for a in range(1, 5) for b in range(5, 8)]
TRAIN += [read_expression(f"({a}+{b})*2") for a in range(1, 4) for b in range(5, 8)]
VALIDATION = [read_expression(text) for text in ("9-2", "8-3", "(8-3)*2")]
SETTINGS = SFTSettings(stage_steps=(5, 7), batch_size=4, warmup_steps=2, eval_every=4)


def trained(folder, settings=SETTINGS, resume=False, seed=0, interrupt=None):
    planner = tiny_planner(seed=seed)
    if interrupt is not None:
        interrupt(planner)
    return planner, train_sft(planner, TRAIN, VALIDATION, settings, folder, resume=resume)


def ctrl_c_at(call: int, when: str):
    """Ctrl-C at the `call`-th look at the losses: before they are worked out, or after (noise is drawn by then)."""

    def prepare(planner):
        losses, calls = planner.model.sft_losses, []

        def pressed(*args, **kwargs):
            calls.append(1)
            if len(calls) == call and when == "before":
                raise KeyboardInterrupt
            found = losses(*args, **kwargs)
            if len(calls) == call:
                signal.raise_signal(signal.SIGINT)
            return found

        planner.model.sft_losses = pressed

    return prepare


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    trained(folder)
    return folder


@pytest.mark.slow
def test_training_learns_and_returns_the_best(uninterrupted):
    lines = read_metrics(uninterrupted / "metrics.jsonl")
    assert [line["step"] for line in lines] == [4, 8, 12, 12]
    state = load_file(uninterrupted / "state/state.safetensors")
    fresh = tiny_planner().model.state_dict()
    assert all(not torch.equal(state[f"model/{key}"], value) for key, value in fresh.items() if "norm" not in key)
    assert json.loads((uninterrupted / "settings.json").read_text())["batch_size"] == 4


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(uninterrupted, tmp_path):
    torch.manual_seed(123)  # the global state must not matter
    random.seed(123)
    trained(tmp_path)
    assert_same_run(uninterrupted, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_resumed_run_equals_an_uninterrupted_one(uninterrupted, tmp_path, when):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, interrupt=ctrl_c_at(7, when))
    assert json.loads((tmp_path / "state/progress.json").read_text())["step"] in (6, 7)
    with pytest.raises(ValueError, match="was started with first weights"):
        trained(tmp_path, resume=True, seed=5)
    trained(tmp_path, resume=True)
    assert_same_run(uninterrupted, tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_a_run_goes_on_with_less_memory_but_not_with_another_recipe(tmp_path):
    """Without noise, so that what is left of a difference is rounding."""
    recipe = replace(SETTINGS, sample=False)
    trained(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", recipe, interrupt=ctrl_c_at(7, "before"))
    with pytest.raises(ValueError, match=r"was started with lr = .*, not 0\.5: resume with the settings"):
        trained(tmp_path / "cut", replace(recipe, lr=0.5), resume=True)
    trained(tmp_path / "cut", replace(recipe, accumulate=2, eval_batch=2, checkpoint_mlps=True), resume=True)
    whole, cut = (load_file(tmp_path / name / "state/state.safetensors") for name in ("whole", "cut"))
    learned = [name for name in whole if name.startswith("model/")]
    assert learned and all(torch.allclose(whole[name], cut[name], atol=1e-4) for name in learned)
    assert json.loads((tmp_path / "cut/settings.json").read_text())["accumulate"] == 2


@pytest.mark.slow
def test_a_run_in_words_says_so_before_it_is_sharded(tmp_path, monkeypatch):
    """Checkpoints of a sharded model are written by a copy that is made then, configuration included."""
    made = []
    monkeypatch.setattr(engine_run, "shard", lambda model, _: made.append(sharding._meta_copy(model)))
    planner, settings = tiny_planner(), SFTSettings(first_stage=0, stage_steps=(1,), batch_size=2, eval_every=1)
    assert planner.model.config.max_latents > 0
    train_sft(planner, PROBLEMS[:4], PROBLEMS[4:5], settings, tmp_path)
    (frame,) = made
    assert frame.config.max_latents == planner.model.config.max_latents == 0


@pytest.mark.slow
def test_moments_are_forgotten_at_a_new_stage_if_asked(tmp_path):
    trained(tmp_path, replace(SETTINGS, reset_optimizer=True))
    state = load_file(tmp_path / "state/state.safetensors")
    assert {int(value) for key, value in state.items() if key.endswith("/step")} == {7}


@pytest.mark.slow
def test_a_reset_that_was_due_when_the_run_was_cut_is_made_on_resume(tmp_path):
    settings = replace(SETTINGS, reset_optimizer=True)
    trained(tmp_path / "whole", settings)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", settings, interrupt=ctrl_c_at(6, "before"))
    assert json.loads((tmp_path / "cut/state/progress.json").read_text())["step"] == 5, "the first stage is over"
    trained(tmp_path / "cut", settings, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_a_question_trained_on_may_not_validate(tmp_path):
    with pytest.raises(ValueError, match=r"1 questions are in train and in validation.*9-2.*remove"):
        train_sft(tiny_planner(), [*TRAIN, VALIDATION[0]], VALIDATION, SETTINGS, tmp_path)
    with pytest.raises(ValueError, match="no problems to train on"):
        train_sft(tiny_planner(), [], VALIDATION, SETTINGS, tmp_path)


# --- workers ---


@pytest.mark.slow
def test_batches_made_ahead_are_the_batches(uninterrupted, tmp_path):
    """Two workers or none: the same run to the last bit. Global noise is left alone."""
    torch.manual_seed(7)
    before = torch.get_rng_state()
    trained(tmp_path, replace(SETTINGS, workers=2))
    assert torch.equal(torch.get_rng_state(), before)
    assert_same_run(uninterrupted, tmp_path)
    with pytest.raises(ValueError, match="workers is -1"):
        replace(SETTINGS, workers=-1)


def test_rows_collated_ahead_are_handed_out_at_their_stage_only():
    planner = lively_planner()
    own = planner.collate.encode(PROBLEMS[:4])
    rows = Rows(own, planner.collate, 2)
    assert list(rows) == own and planner.collate(rows, 2) is rows.batch
    other = planner.collate(rows, 1)
    assert other.n_latents.tolist() == planner.collate(own, 1).n_latents.tolist() != rows.batch.n_latents.tolist()


def test_a_step_is_shared_out_in_order():
    """Process 1 of 2, in two parts: the rows of the second half, at the stage of the step."""
    planner = lively_planner()
    plan = BatchPlan(planner.collate.encode(PROBLEMS), 6, 0, bucket=1)
    settings = SFTSettings(first_stage=1, stage_steps=(1, 2))
    steps = StepData(plan, settings, planner.domain, planner.collate, range(3, 6), 2, collate_ahead=True)
    for step, (batch, parts) in enumerate(load(steps, 0, workers=0)):
        assert batch == plan.batch(step)
        assert [list(part) for part in parts] == [batch[3:5], batch[5:6]]
        assert [part.stage for part in parts] == [[1, 2, 2][step]] * 2
    assert step == 2


@pytest.mark.slow
def test_own_chains_take_the_place_of_labels_where_the_verifier_lets_them_pass(tmp_path):
    """Of several right orders the planner has one; a wrong chain leaves its label; training reads what comes out."""
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-plan")
    problems = generate(ArithmeticSettings(), "rl", {2: 20, 3: 40, 4: 40})
    found = own_chains(planner, problems, batch_size=64)
    assert [p.question for p in found] == [p.question for p in problems]
    thought = planner.reason(problems)
    changed = 0
    for problem, label, steps in zip(problems, found, thought.chains, strict=True):
        right = planner.domain.verify(problem, steps).is_right
        assert label.steps == (tuple(steps) if right else problem.steps)
        assert label.answer == problem.answer
        changed += label.steps != problem.steps
    assert changed, "the planner chose every label's own order: nothing was tried"
    closer = own_chains(planner, problems, batch_size=64, nearest=True)
    near = {p.question: p.steps for p in nearest_chains(planner, thought)}
    assert any(near.values()), "every chain was right: nothing was tried"
    assert all(a.steps == (near[a.question] or b.steps) for a, b in zip(closer, found, strict=True))
    assert all(planner.domain.verify(p, p.steps).is_right for p in closer)
    settings = SFTSettings(first_stage=4, stage_steps=(1,), eval_every=1, batch_size=4)
    runs = {}
    for name, labels, own in (("own", problems, True), ("given", found, False), ("labels", problems, False)):
        validation = generate(ArithmeticSettings(), "validation", {2: 4})
        train_sft(
            Planner.from_pretrained(CHECKPOINTS / "atp-plan"),
            labels,
            validation,
            replace(settings, own_chains=own),
            tmp_path / name,
        )
        runs[name] = (tmp_path / name / "last" / "model.safetensors").read_bytes()
    assert runs["own"] == runs["given"] != runs["labels"]
