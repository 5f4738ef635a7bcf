"""Lines that must not be broken without a test noticing: each is changed, and the tests beside it must fail.

    python -m tests.mutations                 # all of them
    python -m tests.mutations rl/ folder      # those whose file or line holds one of these words

Nothing on disk is changed: every mutation runs in a process of its own that imports the changed text. Before, the same
tests must pass with the lines as they are. `make test-trust` runs it; the exit status is the number that lived.
"""

# ruff: noqa: E501  a table of lines

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutation(NamedTuple):
    file: str
    """Below the root."""
    line: str
    """Text that stands once in the file."""
    change: str
    tests: str
    """What pytest is asked for, below tests/."""


RL, RUN, PATH, GRPO = "test_rl_train.py -k ", "test_run.py -k ", "test_pathwise.py -k ", "test_grpo.py -k "
MUTATIONS = [
    # those that once lived
    Mutation("atp_lite/rl/objectives.py", "loss + s.kl_weight * kl", "loss - s.kl_weight * kl", RL + "kl_to_the_start"),
    Mutation("atp_lite/rl/learner.py", 'random.Random(f"{s.seed}-{iteration}")', 'random.Random(f"{s.seed}")', RL + "drawn_anew"),
    Mutation("atp_lite/rl/credit.py", "weighted_sum(rewards, settings.latent_rewards)", "weighted_sum(rewards, settings.rewards)", RL + "pays_latents"),
    Mutation("atp_lite/rl/learner.py", "self.model.decoder.requires_grad_(False)", "self.model.decoder.requires_grad_(True)", RL + "decoder_learns"),
    Mutation("atp_lite/engine/run.py", 'metrics[select] > self.progress["best"]', 'metrics[select] >= self.progress["best"]', RUN + "best_is_kept"),
    Mutation("atp_lab/compare/measure.py", "trace.latents[other], share)", "trace.latents[other], 1 - share)", "test_compare.py -k half_way"),
    Mutation("atp_lite/views/points.py", "b * math.cos(angle) + c", "-b * math.cos(angle) + c", "test_views.py -k ellipse"),
    # the RL loop, advantages and credit
    Mutation("atp_lite/rl/objectives.py", "loss + settings.answer_ce * answer_ce", "loss - settings.answer_ce * answer_ce", "test_planning.py -k guard_is_part"),
    Mutation("atp_lite/rl/objectives.py", "old = torch.cat([replay_actions(model, part.trace, s)[0].values for part in parts])", "old = None", RL + "against_the_rollout"),
    Mutation("atp_lite/rl/objectives.py", "rewards = {name: reward[order] for name, reward in rewards.items()}", "pass", RL + "shuffled_rewards"),
    Mutation("atp_lite/rl/objectives.py", "loss * (len(chosen) / len(questions))", "loss", RL + "parts_of_an_update"),
    Mutation("atp_lite/rl/objectives.py", "holds = verdict.arrives", "holds = True", RL + "verified_chains"),
    Mutation("atp_lite/rl/learner.py", "progress[\"sigma\"] = mean_sigma", "progress[\"sigma\"] = 2 * mean_sigma", RL + "first_look"),
    Mutation("atp_lite/rl/rehearsal.py", "yield s.rehearsal * loss", "yield loss", "test_planning.py -k adds_the_loss"),
    Mutation("atp_lite/rl/advantages.py", "groups.std(1, keepdim=True, correction=0)", "groups.std(1, keepdim=True)", GRPO + "numpy"),
    Mutation("atp_lite/rl/advantages.py", "(group_size / max(group_size - 1, 1))", "1.0", GRPO + "other_advantages"),
    Mutation("atp_lite/rl/credit.py", "torch.cat([of_latents[:, None].expand(-1, n_latents), of_tokens", "torch.cat([of_tokens[:, None].expand(-1, n_latents), of_tokens", RL + "credited_with"),
    Mutation("atp_lite/rl/rewards.py", "coherent(trace, problems) * correct(trace, problems)", "coherent(trace, problems)", "test_rewards.py -k by_hand"),
    Mutation("atp_lite/rl/rewards.py", "e and value is not None", "value is not None", "test_rewards.py -k by_hand"),
    Mutation("atp_lite/rl/kl.py", "policy.kl_to(policy_0) * trace.latent_mask", "policy.kl_to(policy_0)", GRPO + "kl_to_the_start"),
    # estimators
    Mutation("atp_lite/rl/surrogates.py", "torch.minimum(ratio * advantage", "torch.maximum(ratio * advantage", GRPO + "surrogate_by_hand"),
    Mutation("atp_lite/rl/surrogates.py", "weight[:n_latents] = latent_weight", "weight[n_latents:] = latent_weight", GRPO + "weigh_less"),
    Mutation("atp_lite/rl/surrogates.py", "decision * trace.stop_decided", "decision", GRPO + "torch_distributions_action"),
    Mutation("atp_lite/rl/surrogates.py", "at_least_float32(replay.answer_logits) / temperature", "at_least_float32(replay.answer_logits)", GRPO + "torch_distributions_action"),
    Mutation("atp_lite/rl/surrogates.py", "clamp(-log_ratio_limit, log_ratio_limit)", "clamp(-99, 99)", GRPO + "ratio_is_clamped"),
    Mutation("atp_lite/rl/pathwise.py", "loss: Tensor = -((scores * advantage)", "loss: Tensor = ((scores * advantage)", "test_planning.py -k through_the_decoder"),
    Mutation("atp_lite/rl/pathwise.py", "model.recurrent_replay(samples.trace), samples.trace", "model.replay(samples.trace), samples.trace", PATH + "finite_differences"),
    Mutation("atp_lite/rl/pathwise.py", "advantage[:, c - 1 : n_steps * c : c]", "advantage[:, : n_steps * c : c]", PATH + "own_advantage"),
    Mutation("atp_lite/model/distributions.py", "(latent - before._component(before.means, chosen)).detach()", "(latent - before._component(before.means, chosen))", PATH + "gradient_of_the_mean"),
    Mutation("atp_lite/model/replay.py", "trace.latents.detach()", "0.99 * trace.latents.detach()", "test_reasoner.py -k equals_the_recurrence"),
    # the model and its losses
    Mutation("atp_lite/model/losses.py", 'weights = {"kl": beta}', 'weights = {"kl": 1.0}', "test_sft.py -k ragged_batch_are"),
    Mutation("atp_lite/model/losses.py", "stop_logits[real], stopped[real]", "stop_logits[real], ~stopped[real]", "test_sft.py -k ragged"),
    Mutation("atp_lite/model/loop.py", "active.retire_finished(stop_logit > 0)", "active.retire_finished(stop_logit > 1)", "test_reasoner.py -k stops_by_its_own"),
    Mutation("atp_lite/model/distributions.py", "other.log_weights + each", "other.log_weights - each", "test_distributions.py -k bounded"),
    # domains: reading and judging
    Mutation("atp_lite/domains/chains.py", "return self.needed == self.done == self.taken", "return self.needed == self.done", "test_domains.py -k verdicts"),
    Mutation("atp_lite/domains/chains.py", "self.done / max(self.needed, self.taken)", "self.done / self.needed", "test_rewards.py -k verified"),
    Mutation("atp_lite/domains/chains.py", "value = put.value if at == place else", "value =", "test_atp_step.py -k worked_out"),
    Mutation("atp_lite/domains/chains.py", "set(needed[i].uses).issubset(order)", "True", "test_domains.py -k after_those"),
    Mutation("atp_lite/domains/routes/__init__.py", "hop.legal and hop.start == at", "hop.legal", "test_routes.py -k judged"),
    Mutation("atp_lite/domains/routes/__init__.py", "unbroken = unbroken and fits", "unbroken = fits", "test_routes.py -k judged"),
    Mutation("atp_lite/domains/coherence.py", "steps[i + 1 :], start=i + 1", "steps, start=0", "test_coherence.py -k by_hand"),
    Mutation("atp_lite/domains/coherence.py", "bool(self.used_in) or self.is_answer", "bool(self.used_in)", "test_coherence.py -k by_hand"),
    Mutation("atp_lite/domains/equations.py", "if _side(part)[0] != rhs:", "if False:", "test_equations.py -k no_equation"),
    Mutation("atp_lite/domains/equations.py", "return self.value == self.rhs", "return abs(self.value - self.rhs) < 1", "test_equations.py -k by_hand"),
    Mutation("atp_lite/domains/answers.py", "matches[-1 if marked is None else 0]", "matches[-1]", "test_answers.py -k markers_by_hand"),
    Mutation("atp_lite/domains/answers.py", 'or match["other"] is not None', "or False", "test_answers.py -k kinds_of"),
    # causal measures and evaluation
    Mutation("atp_lite/domains/routes/__init__.py", "rest.in_place == rest.taken > 0", "rest.taken > 0", "test_causes.py -k follows_from_a_hop"),
    Mutation("atp_lite/evaluation/metrics.py", "1.0 - math.comb(n - right, k)", "1.0 - math.comb(right, k)", "test_evaluate.py -k pass_at_k_equals"),
    Mutation("atp_lite/evaluation/metrics.py", "z2 / (4 * n * n)", "z2 / (2 * n * n)", "test_evaluate.py -k wilson"),
    Mutation("atp_lite/evaluation/journal.py", "if name in before[\"settings\"] and before[\"settings\"][name] != value:", "if False:", "test_suite.py -k another_precision"),
    # runs: resume, folders, numbers that go wrong
    Mutation("atp_lite/engine/run.py", 'self.progress["step"] += 1', 'self.progress["step"] += 2', RUN + "resumed_bit_for_bit"),
    Mutation("atp_lite/engine/state.py", 'tensors["generator"] = generator.get_state()', 'tensors["generator"] = torch.Generator().get_state()', RUN + "resumed_bit_for_bit"),
    Mutation("atp_lite/engine/run.py", "if any_rank(self.accelerator, not bool(finite.all())):", "if False:", RUN + "not_finite"),
    Mutation("atp_lite/engine/run.py", "self.optimizer.zero_grad()\n            return Update(total, norm)", "pass", RUN + "left_out"),
    Mutation("atp_lite/engine/run.py", "if not bool(_norm(self.model).isfinite()):", "if False:", RUN + "overflow"),
    Mutation("atp_lite/engine/run.py", "any_rank(self.accelerator, self._save_is_due())", "False", RUN + "by_the_clock"),
    Mutation("atp_lite/engine/folder.py", "if not resume and (saved or finished):", "if False:", RUN + "not_overwritten"),
    Mutation("atp_lite/engine/folder.py", "name not in HARDWARE_SETTINGS and before[name] != now[name]", "False", RUN + "one_run or started_with"),
    Mutation("atp_lite/engine/folder.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB", RUN + "two_processes"),
    Mutation("atp_lite/engine/folder.py", "if old.exists() and not folder.exists():", "if False:", "test_checkpoint.py -k two_renames"),
    Mutation("atp_lite/engine/manifest.py", "or _fingerprint(path) != saved", "", "test_checkpoint.py -k flipped"),
    Mutation("atp_lite/model/reasoner.py", '("missing_keys", "unexpected_keys", "mismatched_keys")', '("unexpected_keys", "mismatched_keys")', "test_checkpoint.py -k made_up"),
    Mutation("atp_lite/sft/curriculum.py", 'random.Random(f"{self.seed}-{epoch}")', 'random.Random(f"{self.seed}")', "test_sft.py -k epochs_and_seeds"),
    # distribution
    Mutation("atp_lite/engine/distributed.py", 'flat = accelerator.reduce(torch.cat([held, *(grad.flatten() for grad in grads)]), "sum")', "flat = torch.cat([held, *(grad.flatten() for grad in grads)])", "test_distributed.py -k added_and_none"),
    Mutation("atp_lite/engine/distributed.py", "term * (own[name] / everywhere[name])", "term * 0.5", "test_pretrained_runs.py -k parts_add_up"),
]  # fmt: skip


class Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from other text than that of its file."""

    text = ""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(ast.parse(self.text), self.path, "exec")
        return code


class Finder:
    """Finds one module, changed."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        loader = Changed(name, str(self.path))
        loader.text = self.text
        folders = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, self.path, loader=loader, submodule_search_locations=folders)


def status_of(tests: str, mutation: Mutation | None = None) -> int:
    """The exit status of pytest in a process of its own, with the mutation if one is given."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if mutation is not None:
        path = ROOT / mutation.file
        parts = path.relative_to(ROOT).with_suffix("").parts
        text = path.read_text().replace(mutation.line, mutation.change)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sys.meta_path.insert(0, Finder(name, path, text))  # type: ignore[arg-type]
    import pytest

    file, *chosen = tests.split(" -k ")
    words = ["-k", chosen[0]] if chosen else []
    os._exit(pytest.main(["-q", "-x", "-n", "0", "-p", "no:cacheprovider", *words, str(ROOT / "tests" / file)]))


def main(words: list[str]) -> int:
    chosen = [m for m in MUTATIONS if not words or any(word in m.file or word in m.line for word in words)]
    for mutation in chosen:
        if (n := (ROOT / mutation.file).read_text().count(mutation.line)) != 1:
            raise SystemExit(f"{mutation.file} has {mutation.line!r} {n} times: mend the list")
    os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")
    import hypothesis.strategies  # noqa: F401  loaded once, before the processes part
    import torch
    import transformers.models.llama.modeling_llama  # noqa: F401

    torch.set_num_threads(1)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    os.chdir(ROOT)
    for tests in dict.fromkeys(mutation.tests for mutation in chosen):
        if status := status_of(tests):
            raise SystemExit(f"tests/{tests} does not pass as the code is (status {status})")
    lived = 0
    for mutation in chosen:
        killed = status_of(mutation.tests, mutation) == 1
        lived += not killed
        print(f"{'killed' if killed else 'LIVED '}  {mutation.file}: {mutation.line!r} -> {mutation.change!r}", flush=True)
    print(f"{len(chosen) - lived} of {len(chosen)} mutations killed")
    return lived


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
