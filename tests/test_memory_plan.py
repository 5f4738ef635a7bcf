"""Memory worked out from shapes, against what autograd keeps and what torch's allocator gives out; settings files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import PROBLEMS
from small_lms import tiny_lm
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from atp_lab.memory_plan import (
    Lengths,
    Practice,
    Shape,
    Share,
    corpus_of,
    rl_update,
    rollout,
    saving,
    sft_shapes,
    sft_step,
    sizes_of,
    stated_corpus,
    unsharded_bytes,
)
from atp_lab.memory_plan.formulas import LM
from atp_lab.memory_plan.hours import rl_operations, sft_operations
from atp_lab.memory_plan.plan import Plan
from atp_lite.cli.commands import COMMANDS, load
from atp_lite.cli.main import main
from atp_lite.cli.settings import read_config, read_values
from atp_lite.domains import ArithmeticSettings, default_counts
from atp_lite.engine.lora import LoRASettings, add_lora
from atp_lite.engine.memory import copy_sharing_frozen
from atp_lite.model.generation import read
from atp_lite.planner import ModelSettings, Planner
from atp_lite.rl import RLSettings
from atp_lite.sft import Curriculum, SFTSettings
from benchmarks import memory

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = [path for path in sorted((ROOT / "configs").glob("*.yaml")) if "cells" not in read_values(path)]
TOY = Lengths(124_000, question=16, steps=4, step=5, chain=24, answer=1, mean_question=13.8, mean_steps=3.5,
              mean_chain=21, mean_answer=1)  # fmt: skip


def plan_of(name: str, **changes) -> Plan:
    return replace(Plan.of(ROOT / "configs" / f"{name}.yaml"), **changes)


# --- settings files ---


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_settings_file_is_good_for_its_commands(path):
    values = read_values(path)
    names = [name for name in values if name in COMMANDS and name != "plan"] or ["sft"]
    for name in names:
        command = read_config(path, load(name), name)
        assert command != load(name)(), f"{name} changes nothing"
    assert Plan.of(path).parts == tuple(name for name in ("sft", "rl") if name in names)
    header = path.read_text().split("\nkind:")[0]
    assert f"atp-lite {names[0]} --config configs/{path.name}" in header


def test_the_published_curriculum_is_25_epochs():
    curriculum = plan_of("llama-1b").sft.settings.curriculum
    epoch = 385_620 / 32
    assert curriculum.last_stage == 10
    assert [steps / epoch for steps in curriculum.stage_steps] == pytest.approx([2] * 9 + [7], abs=1e-3)
    assert curriculum.stage(round(14.5 * epoch)) == 8


# --- the formulas ---


def kept(lm, run):
    """Bytes of the storages, but for parameters, that autograd keeps in `run`; what `run` returns."""
    own = {p.untyped_storage().data_ptr() for p in lm.parameters()}
    found, alive = {}, []

    def pack(tensor):
        alive.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    return sum(found.values()), result


@pytest.mark.parametrize(("rank", "groups"), [(0, 1), (0, 3), (3, 3)])
def test_what_a_pass_keeps_is_what_autograd_saves(rank, groups):
    """To the byte: a question, one latent after it, then five tokens that see both."""
    width, head, heads = 60, 10, 6
    config = LlamaConfig(vocab_size=97, hidden_size=width, intermediate_size=202, num_hidden_layers=2,
                         num_attention_heads=heads, num_key_value_heads=heads // groups, head_dim=head)  # fmt: skip
    lm = LlamaForCausalLM(config).train()
    if rank:
        from peft import LoraConfig, inject_adapter_in_model

        names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        inject_adapter_in_model(LoraConfig(r=rank, target_modules=names), lm)
    sizes, rows, past, context = LM.of(lm, rank), 2, 0, None
    for new, masked in ((7, False), (1, False), (5, True)):
        embeds = torch.randn(rows, new, width, requires_grad=True)
        ones = torch.ones(rows, new, dtype=torch.long)
        saved, (context, _) = kept(lm, lambda e=embeds, o=ones, c=context: read(lm, e, o, c))
        planned = rows * new * sizes.position() + sizes.attended(rows, new, past, masked)
        turned = 4 * 2 * new * head  # sines and cosines of the positions, once for all rows and layers
        returned = 4 * rows * new * width  # lives, since the heads read it, but autograd does not keep it
        assert saved == planned + turned - returned
        past += new


def test_numbers_by_hand():
    """One layer of width 2: norm 4 * 3 + 2 * 4 * 2 = 28, layer 2 * 28 + 4 * (2 * 2 + 4 * 3) + 4 = 124, in all 152."""
    lm = LM(5, width=2, layers=1, heads=1, queries=2, keys=2, inner=3, number=4, learns=True, rank=0, recomputed=False)
    assert (lm.norm(), lm.position()) == (28, 152)
    assert replace(lm, recomputed=True).position() == 152 - 4 * 4 * 3
    assert lm.attended(3, 2, past=4, masked=True) == 3 * (2 * 4 * 6 * 2 + 4 * 2 * 6)
    assert lm.cache(3, 10) == 3 * 2 * 4 * 10 * 2
    half = replace(lm, number=2)
    assert half.norm() == 4 * 3 + 2 * 2 * 2


def test_operations_by_hand():
    """34 weights in the one layer of that model, 10 in its output layer: 2 operations each."""
    lm = LM(5, width=2, layers=1, heads=1, queries=2, keys=2, inner=3, number=4, learns=True, rank=0, recomputed=False)
    assert lm.operations(10, 3) == 2 * (34 * 10 + 10 * 3)


def test_operations_of_a_run_are_those_of_its_passes():
    sizes = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)
    m, corpus = sizes_of(Planner.fresh(settings=sizes).model), stated_corpus(TOY)
    settings = SFTSettings(first_stage=4, stage_steps=(10,), batch_size=3, method="atp-step")
    thinking = m.backbone.operations(13.8 + 3.5 + 1 + 2, 2)
    reading = m.decoder.operations(3.5 * (1 + 6), 3.5 * 6)
    once = sft_operations(m, corpus, settings, parallel=False)
    assert once == pytest.approx(10 * 3 * 3 * (thinking + reading))
    twice = sft_operations(m, corpus, settings, parallel=True)
    assert twice == pytest.approx(10 * 3 * 3 * (thinking + 2 * reading)), "the decoder reads twice"
    mixture = sft_operations(replace(m, components=4), corpus, settings, parallel=True)
    assert mixture - twice == pytest.approx(10 * 3 * 3 * 3 * reading), "and every component by itself"
    more = sft_operations(m, corpus, replace(settings, exposure=0.5), parallel=True)
    assert more - twice == pytest.approx(10 * 3 * thinking), "a pass without gradients"
    frozen = replace(m, backbone=replace(m.backbone, learns=False, rank=2))
    assert once - sft_operations(frozen, corpus, settings, False) == pytest.approx(10 * 3 * thinking)
    p = Practice(questions=2, group=4, question=16, latents=4, answer=2, width=6)
    rl = RLSettings(iterations=5, questions=2, group_size=4)
    thinking = m.backbone.operations(13.8 + 4 * (3.5 + 2), 4 * 2)
    reading = m.decoder.operations(4 * 3.5 * 6, 4 * 3.5 * 6)
    assert rl_operations(m, p, corpus, rl) == pytest.approx(5 * 2 * (4 * thinking + reading))


def test_stated_lengths_make_the_fullest_batches():
    corpus = stated_corpus(TOY)
    shapes = sft_shapes(corpus, Curriculum(0, (5, 0, 5)), 2, 8)
    assert shapes == [Shape(8, 16, 0, 4 * 6 + 3, 0, 0), Shape(8, 16, 4, 2 * 6 + 3, 2, 6)], "a stage of no steps is none"
    assert corpus.tokens(0, 2) == 124_000 * (13.8 + 21 + 1 + 2)
    assert corpus.tokens(4, 2) == 124_000 * (13.8 + 2 * 3.5 + 1 + 2)
    with pytest.raises(ValueError, match="state question, steps, step and answer"):
        Lengths(problems=7)


def test_with_buckets_a_batch_is_the_longest_problems_padded():
    rows = Planner.fresh().collate.encode(PROBLEMS)  # one to three steps of five tokens
    (alone,) = sft_shapes(corpus_of(rows[:1]), Curriculum(1, (5,)), 1, 2)
    assert alone == Shape(2, 4, 1, 3, 1, 6)
    (padded,) = sft_shapes(corpus_of(rows), Curriculum(1, (5,)), 1, 2, bucket=3)
    longest = max(len(row.question) for row in rows)
    assert padded == Shape(2, longest, 1, 2 * 6 + 3, 1, 6, padded=True)
    corpus = corpus_of(rows, problems=70)
    assert (corpus.batches(8), corpus.batches(8, bucket=3)) == (3 + 3 + 4, 9)


def test_devices_share_rows_and_fsdp_shares_weights():
    m = sizes_of(Planner.fresh(settings=ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)).model)
    shape = Shape(rows=1, question=5, latents=1, language=3, steps=1, width=3)
    alone, four, sharded = (sft_step(m, shape, share) for share in (Share(), Share(4), Share(4, True)))
    assert four.weights == alone.weights == m.weights and sharded.weights == -(-m.weights // 4)
    assert four.gradients == 3 * m.learned, "the sum of gradients: one flat buffer, and another that is received"
    assert sharded.optimizer == 2 * -(-m.learned // 4)
    plan = plan_of("toy", lengths=TOY, devices=4)
    assert plan.shape(plan.sizes("sft")).rows == 16 and plan.practice().questions == 16


def test_what_fsdp_gathers_by_hand(monkeypatch, capsys):
    model = Planner.fresh("arithmetic", ModelSettings(hidden_size=16, layers=3, heads=2, intermediate_size=32)).model
    layer = 4 * (4 * 16 * 16 + 3 * 16 * 32 + 2 * 16)
    whole = 4 * sum(p.numel() for p in model.parameters())
    rest = whole - 4 * layer  # three in the backbone, one in the decoder
    assert unsharded_bytes(model) == {"learning": 2 * rest + 3 * layer, "thinking": whole}
    assert unsharded_bytes(model, copies=True)["learning"] == rest + max(rest + 3 * layer, whole)
    model.requires_grad_(False)
    assert unsharded_bytes(model)["learning"] == rest + 2 * layer

    monkeypatch.chdir(ROOT)
    assert main(["plan", "configs/llama-1b.yaml", "--devices", "4", "--fsdp"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "FSDP gathers" in line]
    weights = 4 * (1.23582 + 0.02099 + 0.38432)
    a_layer = 4 * (2 * 2048**2 + 2 * 2048 * 512 + 3 * 2048 * 8192 + 2 * 2048) / 1e9
    learning = 2 * (weights - 18 * a_layer) + 3 * a_layer
    assert f"{learning:.2f} GB while it learns, {weights:.2f} GB in validation" in said[0]
    assert f"{weights:.2f} GB in rollouts and validation" in said[1]


# --- plan and measurement ---


@pytest.mark.parametrize("part", ["sft", "rl"])
def test_toy_takes_what_is_planned(part, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = plan_of("toy", lengths=TOY)
    run = (memory.sft_run if part == "sft" else memory.rl_run)(plan, tmp_path)
    measured = memory.tensor_peak(run)
    moments = plan.moments(part)
    planned = max(moments[name].total for name in moments if name != "validation")
    assert measured > 40e6 and planned == pytest.approx(measured, rel=0.15)


def test_a_parallel_step_takes_what_is_planned(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = plan_of("toy", lengths=TOY, rate=1e9)
    settings = replace(
        plan.sft.settings, method="atp-step", latent_head=None, first_stage=4, stage_steps=(2,), kl_ramp=0.0
    )
    plan = replace(plan, sft=replace(plan.sft, settings=settings))
    assert plan.model("sft").step_encoder is not None and plan.model("rl").step_encoder is not None
    measured = memory.tensor_peak(memory.sft_run(plan, tmp_path))
    planned = max(memory_of.total for name, memory_of in plan.moments("sft").items() if name != "validation")
    assert planned == pytest.approx(measured, rel=0.15)
    assert any("hours at 1.0e+09 a second" in line for line in plan.lines())


def test_the_page_holds_what_was_measured():
    numbers = json.loads((ROOT / memory.NUMBERS).read_text())
    page = (ROOT / memory.PAGE).read_text()
    for name, table in memory.tables(numbers).items():
        assert f"<!-- table {name} -->\n{table}\n<!-- end -->" in page
    assert all(abs(n["planned"] / n["tensors"] - 1) < 0.15 for n in numbers)


def test_copies_share_what_is_frozen():
    model = Planner.fresh("arithmetic", ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)).model
    model.decoder.requires_grad_(False)
    other = dict(copy_sharing_frozen(model).named_parameters())
    for name, own in model.named_parameters():
        assert (other[name] is own) == name.startswith("decoder."), name
        assert torch.equal(other[name], own)


def test_a_checkpoint_with_lora_is_merged_into_copies():
    """One layer each in backbone and decoder: 4 matrices 16 x 16, 3 of 16 x 32; and 63 embeddings of 16."""
    model = Planner.fresh("arithmetic", ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)).model
    assert sizes_of(model).merged == 0
    assert saving(sizes_of(model)).copies == 3 * 4 * sum(p.numel() for p in model.parameters())
    add_lora(model, LoRASettings(rank=2))
    assert (
        sizes_of(model, 2, 2).merged
        == 4 * (2 * (4 * 16 * 16 + 3 * 16 * 32) + 63 * 16)
        == saving(replace(sizes_of(model, 2, 2), learned=0)).copies
    )


# --- the command ---


def test_plan_counts_llama_without_its_weights(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["plan", "configs/llama-1b.yaml", "--sft.settings.batch-size", "8"]) == 0
    said = capsys.readouterr().out
    layer = 2 * 2048**2 + 2 * 2048 * 512 + 3 * 2048 * 8192 + 2 * 2048
    embeddings = (128_256 + 4) * 2048
    backbone = embeddings + 16 * layer + 2048
    assert f"{backbone / 1e6:,.2f} M parameters in the backbone" in said
    assert f"{(embeddings + 2 * layer + 2048) / 1e6:,.2f} M in the decoder" in said
    assert "fullest batch: 8 rows in 4 micro-batches" in said
    share = "weights             6.56        6.56        6.56"
    assert share in said and "KV cache" in said


def test_plan_reads_a_folder_and_its_questions(tmp_path, capsys):
    folder = tiny_lm("llama", tmp_path / "lm")
    rows = [{"id": str(i), "question": "9 - 2?", "steps": ["9-2=7"], "answer": "7", "source": ""} for i in range(3)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = f"sft: {{backbone: {folder}, lora: {{rank: 2}}, train: {tmp_path / 'train.jsonl'}}}"
    (tmp_path / "own.yaml").write_text(settings)
    assert main(["plan", str(tmp_path / "own.yaml")]) == 0
    said = capsys.readouterr().out
    ids = AutoTokenizer.from_pretrained(folder)
    question, step = len(ids("9 - 2?")["input_ids"]) + 1, len(ids("9-2=7", add_special_tokens=False)["input_ids"])
    assert f"3 training problems; longest: question {question} tokens, 1 steps of {step}, answer 1" in said
    assert "peak:" in said and "rollout" not in said


def test_plan_reads_a_file_of_rl_without_sections(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "rl.yaml"
    path.write_text("settings: {questions: 16, group_size: 4}")
    assert main(["plan", str(path)]) == 0
    said = capsys.readouterr().out
    assert "rl: " in said and "sft: " not in said and "trajectories: 64" in said
    made = sum(default_counts("rl", ArithmeticSettings()).values())
    assert f"an epoch: {-(-made // 16):,} iterations of 16 questions x 4" in said, "of the split that RL learns from"
    rows = [{"id": str(i), "question": f"9-{i}", "steps": [], "answer": "7", "source": ""} for i in range(33)]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for text in ("settings: {questions: 16}", "sft: {}\nrl:\n  settings: {questions: 16}"):
        path.write_text(f"{text}\n{'  ' * ('sft' in text)}questions: {tmp_path / 'own.jsonl'}\n")
        assert main(["plan", str(path)]) == 0
        assert "an epoch: 3 iterations of 16 questions" in (said := capsys.readouterr().out)
    assert "4 latents" in said, "as long as the longest label"
    path.write_text(f"questions: {tmp_path / 'own.jsonl'}")
    assert main(["plan", str(path)]) == 0
    assert "8 latents" in capsys.readouterr().out, "there is no label, so as many as the model may think"
    path.write_text("settings: {learning_rate: 1}")
    assert main(["plan", str(path)]) == 2
    assert "unknown setting 'learning_rate'; known: accumulate" in capsys.readouterr().err


def test_plan_names_the_file_that_it_has_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for given in (["--devices", "4", "configs/stories.yaml"], ["--config", "configs/stories.yaml", "--devices", "4"]):
        assert main(["plan", *given]) == 0
        assert capsys.readouterr().out.startswith("configs/stories.yaml: one of 4 devices\n")
    assert main(["plan"]) == 0
    assert capsys.readouterr().out.startswith("configs/toy.yaml\n"), "what is taken where none is named"


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (None, [], ["nowhere.yaml", "configs/"]),
        ("sft: {backbone: no-one/no-model}\nplan: {lengths: {problems: 1, question: 1, steps: 1, step: 1, answer: 1}}",
         [], ["no-one/no-model", "--architecture"]),
        ("sft: {backbone: x}\nplan: {architecture: here.yaml, lengths: {problems: 1, question: 1, steps: 1, step: 1, "
         "answer: 1}}", [], ["here.yaml", "config.json"]),
        ("eval: {checkpoint: x}", [], ["neither sft nor rl"]),
        ("rl: {init: no/checkpoint}", [], ["no/checkpoint", "config.json"]),
        ("sft: {settings: {lr: 1.0}}", ["--devices", "0"], ["devices is 0"]),
        ("plan: {device: 2}\nsft: {}", [], ["device", "devices"]),
    ],
)  # fmt: skip
def test_errors_of_plan_are_one_line(text, more, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    name = "nowhere.yaml" if text is None else "here.yaml"
    if text is not None:
        Path(name).write_text(text)
    assert main(["plan", name, *more]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("atp-lite: ") and "\n" not in said
    assert all(word in said for word in words), said


def test_an_update_in_parts_keeps_less():
    planner = Planner.fresh("arithmetic", ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32))
    planner.model.decoder.requires_grad_(False)
    m, whole = sizes_of(planner.model), Practice(8, 4, 12, 3, 2, 6)
    parts = rl_update(m, replace(whole, updates=4))
    assert rl_update(m, replace(whole, updates=4, several=True)).total >= parts.total
    assert parts.activations < rl_update(m, whole).activations and parts.weights == m.weights
    assert parts.copies == 2 * m.learned
    accumulated = rl_update(m, replace(whole, accumulate=4))
    assert accumulated.activations == parts.activations and accumulated.gradients == m.learned
    assert rollout(m, replace(whole, rollout=8)).cache == rollout(m, replace(whole, questions=2)).cache
    sharded = rl_update(m, whole, Share(2, True))
    assert sharded.copies == 2 * -(-m.weights // 2), "slices cannot be shared"
