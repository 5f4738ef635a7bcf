"""Planning with a verifier: what guards the answers while latents move."""

import copy
import random
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from small import PROBLEMS, lively_planner

from atp_lite.domains import Problem
from atp_lite.methods import METHODS, method_of
from atp_lite.rl import RLSettings, Samples, train_rl
from atp_lite.rl.learner import Learner
from atp_lite.rl.objectives import improve_policy, with_references
from atp_lite.rl.pathwise import through_decoder
from atp_lite.sft.nearest import chain_tokens, nearest_chains, nearest_loss

GUARDED = RLSettings(
    objective="grpo", rewards={"chain": 1.0}, iterations=1, questions=4, group_size=4, learn_answer=False, answer_ce=0.5
)


def test_reference_answers_are_scored_after_the_latents_that_were_sampled():
    """The cross-entropy of one parallel pass is that of reading the true answer after the same latents, row by row."""
    planner = lively_planner()
    generator = torch.Generator().manual_seed(0)
    trace = planner.reason(PROBLEMS[:3], sample=True, sigma=0.3, group_size=2, generator=generator)
    guarded = with_references(planner, trace)
    assert guarded.answers == trace.answers and torch.equal(guarded.latents, trace.latents)
    logits = planner.model.replay(guarded).answer_logits.log_softmax(-1)
    found = logits.gather(2, guarded.answer[..., None])[..., 0] * guarded.answer_mask
    for row, problem in enumerate(trace.problems):
        n = int(trace.n_latents[row])
        batch = planner.collate([replace(problem, steps=())], 0)
        edits = {t + 1: trace.latents[row, t] for t in range(n)}
        with torch.no_grad():
            again = planner.model.think(batch.question, batch.question_mask, lengths=torch.tensor([n]), edits=edits)
            loss = planner.model.language_loss(again, batch.language, batch.language_mask)
        assert -found[row].sum().item() / guarded.answer_mask[row].sum().item() == pytest.approx(loss.item(), rel=1e-4)


@pytest.mark.slow
def test_the_guard_is_part_of_the_loss_and_logged(tmp_path):
    from atp_lite.engine.log import read_metrics

    lines = {}
    for weight in (0.0, 0.5):
        folder = tmp_path / str(weight)
        train_rl(lively_planner(), PROBLEMS[:4], PROBLEMS[4:], replace(GUARDED, answer_ce=weight), folder)
        lines[weight] = next(line for line in read_metrics(folder / "metrics.jsonl") if "loss" in line)
    guarded, plain = lines[0.5], lines[0.0]
    assert "answer_ce" not in plain and guarded["answer_ce"] > 0.1
    assert guarded["loss"] == pytest.approx(plain["loss"] + 0.5 * guarded["answer_ce"], rel=1e-4)


@pytest.mark.parametrize("bad", [{"answer_ce": -1.0}, {"answer_ce": 1.0, "learn_answer": True}])
def test_a_guard_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match="answer_ce is .*learn_answer off"):
        RLSettings(**{"learn_answer": False} | bad)


# --- the gradient through the decoder ---


def test_the_estimator_through_the_decoder_is_its_formula_row_by_row():
    """-mean_b A_b mean_s log p_phi(text_s | l_s), with each text scored alone; the gradient is that of mu."""
    planner = lively_planner(c=2)
    generator = torch.Generator().manual_seed(1)
    trace = planner.reason(PROBLEMS[:3], sample=True, sigma=0.3, group_size=2, generator=generator)
    gain = torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, 0.0])
    estimate = through_decoder(planner.model, Samples(trace, gain), replace(GUARDED, sigma=0.3))
    expected = 0.0
    for row, a in enumerate(gain.tolist()):
        scores = []
        for s in range(int(trace.n_latents[row]) // 2):
            tokens = trace.step_tokens[row, s][trace.step_tokens[row, s] != planner.model.config.pad_id]
            latents = trace.latents[row : row + 1, 2 * s : 2 * s + 2]
            prefix = planner.model.decoder.prefix(latents)[:, 0]  # (1, c, width)
            lm = planner.model.decoder.lm
            embeds = torch.cat([prefix, lm.get_input_embeddings()(tokens[None, :-1])], 1)
            log_probs = lm(inputs_embeds=embeds).logits[0, 1:].log_softmax(-1)
            scores.append(log_probs.gather(1, tokens[:, None]).sum().item())
        expected -= a * sum(scores) / max(len(scores), 1) / len(gain)
    assert estimate.loss.item() == pytest.approx(expected, rel=1e-4)
    (grad,) = torch.autograd.grad(estimate.loss, planner.model.latent_head.mean.bias)
    assert grad.abs().sum() > 0
    per_action = gain[:, None].expand(-1, trace.latents.shape[1] + trace.answer.shape[1])
    again = through_decoder(planner.model, Samples(trace, per_action), replace(GUARDED, sigma=0.3))
    assert again.loss.item() == pytest.approx(expected, rel=1e-4)


# --- the nearest right chain ---


@pytest.mark.parametrize("c", [1, 2])
def test_the_nearest_right_chain_is_the_likeliest_of_all_that_fit(c):
    """Each right chain scored alone, one row after the other, by the decoder on the same latents."""
    planner = lively_planner(c=c)
    decoder, pad, eos = planner.model.decoder, planner.model.config.pad_id, planner.model.config.eos_id
    problems = [Problem("(1+2)*(3+4)", ("1+2=3", "3+4=7", "3*7=21"), "21"), Problem("1+2", ("1+2=3",), "3")]
    lengths = c * torch.tensor([3, 3, 3, 2, 1, 1, 1, 3])
    noise = torch.Generator().manual_seed(5)
    trace = planner.finish(planner.think(problems, 4, sample=True, sigma=0.3, lengths=lengths, generator=noise))
    found, expected = nearest_chains(planner, trace), 0.0
    nearest = chain_tokens(planner, found, trace.step_tokens.shape[1])
    assert nearest.shape[:2] == trace.step_tokens.shape[:2]
    for row, problem in enumerate(trace.problems):
        said = [planner.tokenizer.decode(t[(t != pad) & (t != eos)]) for t in nearest[row] if (t != pad).any()]
        assert found[row] == replace(problem, steps=tuple(said))
        scores = {}
        for chain in planner.domain.equivalent_chains(problem):
            if len(chain) <= int(trace.n_latents[row]) // c:
                scores[chain] = 0.0
                for t, step in enumerate(chain):
                    tokens = torch.tensor(
                        [[[*planner.collate.encode([replace(problem, steps=(step,))])[0].steps[0], eos]]]
                    )
                    latents = trace.latents[row : row + 1, t * c : (t + 1) * c]
                    scores[chain] += decoder.log_prob(latents, tokens, torch.ones_like(tokens)).item()
        assert said == list(max(scores, key=scores.get, default=()))
        expected -= max(scores.values(), default=0.0) / max(len(said), 1) / len(trace)
    assert expected > 0
    assert nearest_loss(planner.model, trace.latents, nearest).item() == pytest.approx(expected, rel=1e-4)


def test_a_right_chain_is_left_as_it_is():
    planner = lively_planner()
    trace = planner.reason(
        PROBLEMS[:2], sample=True, sigma=0.3, group_size=2, generator=torch.Generator().manual_seed(0)
    )
    trace.steps[0] = list(next(planner.domain.equivalent_chains(trace.problems[0])))
    found = nearest_chains(planner, trace)
    assert found[0].steps == () and found[1].steps
    nothing = chain_tokens(planner, [found[0]] * 4, 3)
    assert nothing.shape == (4, 3, 0) and nearest_loss(planner.model, trace.latents, nothing) == 0.0


@pytest.mark.slow
def test_the_nearest_chain_is_part_of_the_loss_and_reaches_the_latents(tmp_path):
    planner = lively_planner()
    for folder, weight in (("without", 0.0), ("with", 2.0)):
        s = replace(
            GUARDED, answer_ce=0.0, learn_answer=True, nearest_chain=weight, questions=2, group_size=2, sigma=0.3
        )
        learner = Learner(copy.deepcopy(planner), s, tmp_path / folder)
        learner.run.generator.manual_seed(3)
        trace = learner.rollout(PROBLEMS[:2])
        nearest = chain_tokens(learner.planner, nearest_chains(learner.planner, trace), trace.step_tokens.shape[1])
        samples = Samples(trace, torch.zeros(4), nearest=nearest if weight else None)
        stats = improve_policy(learner, samples, measure_kl=False)
        moved = stats["grad_norm"] > 1e-6
        if weight:
            assert stats["loss"] == pytest.approx(2 * stats["nearest_chain"], rel=1e-4) and moved
        else:
            assert "nearest_chain" not in stats and not moved


@pytest.mark.slow
def test_a_learner_asks_for_them(tmp_path):
    """Of one iteration, as `train_rl` makes it: in its line of the log."""
    from atp_lite.engine.log import read_metrics

    train_rl(lively_planner(), PROBLEMS[:4], PROBLEMS[4:], replace(GUARDED, nearest_chain=0.5), tmp_path)
    line = next(line for line in read_metrics(tmp_path / "metrics.jsonl") if "loss" in line)
    assert line["nearest_chain"] > 0.1


@pytest.mark.parametrize("bad", [{"nearest_chain": -1.0}, {"nearest_chain": 1.0, "objective": "rejection"}])
def test_a_nearest_chain_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match="nearest_chain"):
        RLSettings(**bad)


# --- rehearsal ---

REHEARSING = replace(
    GUARDED, answer_ce=0.0, learn_answer=True, rehearsal=0.5, rehearsal_batch=5, questions=2, group_size=2, sigma=0.3
)


def rehearsing(folder, planner, settings=REHEARSING, problems=PROBLEMS):
    learner = Learner(planner, settings, folder, rehearse=problems)
    learner.run.generator.manual_seed(3)
    trace = learner.rollout(PROBLEMS[:2])
    return learner, Samples(trace, torch.tensor([1.0, -1.0, 0.5, -0.5]))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["atp", "sim-cot", "atp-step"])
def test_a_rehearsal_adds_the_loss_of_the_planners_own_method(tmp_path, method):
    """Losses of an update with and without differ by weight * L_SFT of the batch that the seed says."""
    planner, losses = lively_planner(c=2), {}
    if method != "atp":
        planner = METHODS[method].start(planner, 3)
    assert method_of(planner).name == method
    for weight in (0.0, 0.5):
        twin = planner.with_model(copy.deepcopy(planner.model))
        learner, samples = rehearsing(tmp_path / str(weight), twin, replace(REHEARSING, rehearsal=weight))
        learner.run.generator.manual_seed(4)
        losses[weight] = improve_policy(learner, samples, measure_kl=False)
    chosen = random.Random("0-rehearsal-0-0").sample(PROBLEMS, 5)
    assert len({len(p.steps) for p in chosen}) > 1, "rows of several lengths in one batch"
    stage = planner.model.config.max_latents // 2
    generator = torch.Generator().manual_seed(4)
    terms = METHODS[method].losses(planner, planner.collate.encode(chosen), stage, True, generator)
    expected = METHODS[method].total(terms, 0.1 / 32).item()
    assert losses[0.5]["loss"] == pytest.approx(losses[0.0]["loss"] + 0.5 * expected, rel=1e-4)
    for name, term in terms.items():
        assert losses[0.5][f"rehearsal_{name}"] == pytest.approx(term.item(), rel=1e-4)
    assert not any(name.startswith("rehearsal") for name in losses[0.0])


def test_rehearsal_of_mixed_lengths_is_that_of_its_rows_one_by_one():
    """The recurrence with a batch of one to three steps: each term is the mean over the tokens of single rows."""
    planner = lively_planner()
    rows = planner.collate.encode(PROBLEMS)
    whole = METHODS["atp"].losses(planner, rows, 8, False, None)
    sums, counts = dict.fromkeys(whole, 0.0), dict.fromkeys(whole, 0)
    for row in rows:
        own = METHODS["atp"].loss_denominators(planner.collate, [row], 8)
        terms = METHODS["atp"].losses(planner, [row], 8, False, None)
        for name, term in terms.items():
            sums[name] += term.item() * own[name]
            counts[name] += own[name]
    for name, term in whole.items():
        assert term.item() == pytest.approx(sums[name] / counts[name], rel=1e-4), name


@pytest.mark.slow
def test_micro_batches_of_a_rehearsal_add_up(tmp_path):
    """accumulate splits the labelled problems too; without noise the gradient is the same."""
    found = {}
    for accumulate in (1, 2):
        settings = replace(REHEARSING, accumulate=accumulate, rehearsal=1.0)
        learner, samples = rehearsing(
            tmp_path / str(accumulate), METHODS["sim-cot"].start(lively_planner(), 3), settings
        )
        improve_policy(learner, replace(samples, advantages=torch.zeros(4)), measure_kl=False)
        found[accumulate] = {n: p.grad for n, p in learner.model.named_parameters() if p.grad is not None}
    for name, gradient in found[1].items():
        torch.testing.assert_close(found[2][name], gradient, atol=1e-6, rtol=1e-4)


def test_a_rehearsal_moves_the_prior_and_leaves_step_encoder_and_decoder(tmp_path):
    planner = METHODS["atp-step"].start(lively_planner(), 3)
    learner, samples = rehearsing(tmp_path, planner)
    before = {name: value.clone() for name, value in planner.model.state_dict().items()}
    improve_policy(learner, replace(samples, advantages=torch.zeros(4)), measure_kl=False)
    moved = {name.split(".")[0] for name, value in planner.model.state_dict().items() if not value.equal(before[name])}
    assert moved == {"backbone", "latent_head", "stop_head"}


@pytest.mark.slow
def test_a_run_that_rehearses_goes_on_where_it_was_cut_off(tmp_path, monkeypatch):
    settings = replace(REHEARSING, iterations=3, epochs=2, eval_every=1)
    train_rl(lively_planner(), PROBLEMS[:4], PROBLEMS[4:6], settings, tmp_path / "whole", rehearse=PROBLEMS[:4] * 2)
    rollout, calls = Learner.rollout, []

    def cut(self, *problems):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rollout(self, *problems)

    monkeypatch.setattr(Learner, "rollout", cut)
    parts = PROBLEMS[:4], PROBLEMS[4:6], settings, tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        train_rl(lively_planner(), *parts, rehearse=PROBLEMS[:4] * 2)
    monkeypatch.undo()
    train_rl(lively_planner(), *parts, resume=True, rehearse=PROBLEMS[:4] * 2)
    one, two = (load_file(tmp_path / run / "last/model.safetensors") for run in ("whole", "cut"))
    assert all(torch.equal(two[name], value) for name, value in one.items())


def test_a_rehearsal_needs_labelled_problems_that_are_not_validated(tmp_path):
    planner, data = lively_planner(), (PROBLEMS[:4], PROBLEMS[4:])
    with pytest.raises(ValueError, match="rehearsal is 0.5, with 5 .* there are 0: give more .*rehearse=problems"):
        train_rl(planner, *data, REHEARSING, tmp_path)
    with pytest.raises(ValueError, match="in train and in validation"):
        train_rl(planner, *data, REHEARSING, tmp_path, rehearse=PROBLEMS)
    with pytest.raises(ValueError, match="'3' has 0 steps, and a chain to rehearse needs 1 to 8"):
        train_rl(planner, *data, REHEARSING, tmp_path, rehearse=[Problem("3", (), "3")] * 5)
    for wrong in ({"rehearsal": -1.0}, {"objective": "rejection"}):
        with pytest.raises(ValueError, match="rehearsal is .* with objective .* above 0 with grpo only"):
            replace(REHEARSING, **wrong)
