"""Planning with a verifier: what guards the answers while latents move."""

from dataclasses import replace

import pytest
import torch
from small import PROBLEMS, lively_planner

from atp_lite.rl import RLSettings, Samples, train_rl
from atp_lite.rl.objectives import with_references
from atp_lite.rl.surrogates import through_decoder

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
