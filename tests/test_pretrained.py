"""Any causal LM of transformers as a latent reasoner: tiny ones with random weights and tokenizers of their own."""

import json
import shutil
from dataclasses import replace

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_lms import FAMILIES, PROBLEMS, own_tokenizer, tiny_lm
from transformers import AutoModel, AutoModelForCausalLM

from atp_lite.engine.lora import LoRASettings, add_lora, has_lora, merge_lora, merged_state
from atp_lite.engine.pretrained import BackboneSettings, from_backbone, latent_tokenizer
from atp_lite.methods import METHODS
from atp_lite.model import LatentReasoner, total_loss
from atp_lite.planner import Planner

pytestmark = pytest.mark.slow

SETTINGS = BackboneSettings(max_latents=6, max_answer_tokens=5, max_step_tokens=5)


@pytest.fixture(scope="module")
def lm_folder(tmp_path_factory):
    """Family -> the folder of a tiny pretrained LM of it, made once."""
    made = {}

    def make(family: str):
        if family not in made:
            made[family] = tiny_lm(family, tmp_path_factory.mktemp(family))
        return made[family]

    return make


@pytest.fixture(params=list(FAMILIES))
def family(request):
    return request.param


@pytest.fixture
def planner(family, lm_folder):
    return Planner.from_backbone(lm_folder(family), SETTINGS)


def test_the_backbone_is_the_pretrained_one(family, planner, lm_folder):
    original = AutoModelForCausalLM.from_pretrained(lm_folder(family)).eval()
    ids = torch.tensor([[5, 9, 30, 7]])
    with torch.no_grad():
        theirs, ours = original(input_ids=ids).logits, planner.model.backbone(input_ids=ids).logits
    assert torch.allclose(theirs, ours[..., : theirs.shape[-1]], atol=1e-5)
    tied = original.get_input_embeddings().weight is original.get_output_embeddings().weight
    lm = planner.model.backbone
    assert (lm.get_input_embeddings().weight is lm.get_output_embeddings().weight) is tied


def test_its_tokenizer_gets_what_thinking_needs(family, planner, lm_folder):
    tokenizer, before = planner.tokenizer, len(own_tokenizer(lm_folder(family) / "again", bos=False))
    assert len(tokenizer) == before + 4, "three latent tokens and a pad token"
    assert planner.model.get_input_embeddings().num_embeddings == len(tokenizer)
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)
    assert tokenizer.tokenize("7<|start-latent|>") == ["7", "<|start-latent|>"]
    question = planner.collate.encode(PROBLEMS)[0].question
    opens = family in ("llama", "llama-untied", "gemma", "gemma2")
    assert (question[0] == tokenizer.bos_token_id) is opens
    assert question[-1] == planner.model.config.start_id


def test_a_latent_has_the_size_of_an_embedding_where_it_is_read(planner):
    model = planner.model
    with torch.no_grad():
        embeddings = model.embed(torch.arange(300)).square().mean().sqrt().item()
    assert model.config.latent_scale == pytest.approx(embeddings, rel=0.1)
    fed = []
    handle = model.backbone.base_model.register_forward_pre_hook(
        lambda _, args, kwargs: fed.append(kwargs["inputs_embeds"]), with_kwargs=True
    )
    trace = planner.think(PROBLEMS, lengths=torch.tensor([2, 2, 2]))
    handle.remove()
    assert torch.allclose(fed[1][:, 0], trace.latents[:, 0] * model.config.latent_scale)


def test_batched_is_one_at_a_time(planner):
    together = planner.reason(PROBLEMS)
    assert len({int(mask.sum()) for mask in together.question_mask}) > 1, "questions of different lengths"
    for i, problem in enumerate(PROBLEMS):
        alone = planner.reason([problem])
        count = int(alone.n_latents[0])
        assert count == int(together.n_latents[i])
        assert torch.allclose(alone.latents[0], together.latents[i, :count], atol=1e-4)
        assert alone.answers == [together.answers[i]] and alone.steps == [together.steps[i]]


@pytest.mark.parametrize("family", ["mistral", "gemma2"])
def test_a_window_that_holes_would_narrow_is_refused(family, planner):
    planner.model.backbone.config.sliding_window = 40
    assert planner.reason(PROBLEMS[1:2]).answers, "alone it has no holes"
    with pytest.raises(ValueError, match=r"a padded batch of \d+ positions does not fit into the window of 40"):
        planner.reason(PROBLEMS)


def test_what_is_saved_is_what_is_loaded(planner, tmp_path):
    planner.save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.bin")), "safetensors only"
    again = Planner.from_pretrained(tmp_path)
    assert isinstance(AutoModel.from_pretrained(tmp_path), LatentReasoner)
    before, after = planner.model.state_dict(), again.model.state_dict()
    assert set(before) == set(after) and all(torch.equal(before[name], after[name]) for name in before)
    one, two = planner.reason(PROBLEMS), again.reason(PROBLEMS)
    assert torch.allclose(one.latents, two.latents, atol=1e-6), "weights mapped from a file lie elsewhere in memory"
    assert (one.answers, one.steps) == (two.answers, two.steps)


def test_replay_is_the_recurrence(planner):
    trace = planner.reason(PROBLEMS, sample=True, group_size=2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        replay = planner.model.replay(trace)
    real = trace.latent_mask
    assert torch.allclose(replay.mu[real], trace.mu[real], atol=1e-4)
    assert torch.allclose(replay.distribution.stddev[real], trace.sigma[real], atol=1e-4)


def test_the_four_losses_reach_every_part(planner):
    batch = planner.collate(PROBLEMS, stage=1)
    planner.model.train()
    losses = planner.model.sft_losses(batch, generator=torch.Generator().manual_seed(0))
    total_loss(losses, 1e-3).backward()
    assert list(losses) == ["enc", "dec", "stop", "kl"] and all(v.isfinite() and v > 0 for v in losses.values())
    for part in (planner.model.backbone, planner.model.decoder, planner.model.latent_head, planner.model.stop_head):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


# --- LoRA ---


def trained_a_little(planner: Planner) -> None:
    """Three steps, so that the matrices B are no longer 0."""
    model = planner.model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(3):
        losses = model.sft_losses(planner.collate(PROBLEMS, 1), generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        total_loss(losses, 1e-3).backward()
        optimizer.step()
    model.eval()


def test_merged_lora_answers_as_lora_did(planner, tmp_path):
    model = planner.model
    untouched = planner.reason(PROBLEMS)
    frozen = {name: value.clone() for name, value in model.state_dict().items() if name.startswith("backbone.")}
    add_lora(model, LoRASettings(rank=3))
    assert has_lora(model)
    assert torch.allclose(planner.reason(PROBLEMS).latents, untouched.latents, atol=1e-6), "B = 0: nothing changes"
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    kinds = ("lora_", "latent_head", "stop_head", ".values", "bridge")
    assert learning and all(any(kind in name for kind in kinds) for name in learning)
    trained_a_little(planner)
    with_lora = planner.reason(PROBLEMS)
    with torch.no_grad():
        planner.model.get_input_embeddings().values.mul_(3.0)  # far from the rows that they began as
        with_lora = planner.reason(PROBLEMS)
        logits = planner.model.replay(with_lora).answer_logits
    assert (with_lora.latents[:, 0] - untouched.latents[:, 0]).abs().max() > 1e-3, "it has learned something"
    state = merged_state(model)
    merge_lora(model)
    assert not has_lora(model)
    merged = planner.reason(PROBLEMS)
    assert torch.allclose(merged.latents, with_lora.latents, atol=1e-4)
    with torch.no_grad():
        same = planner.model.replay(with_lora).answer_logits
    assert torch.allclose(same, logits, atol=1e-3), "tied or not, every token is scored as it was"
    assert (merged.answers, merged.steps) == (with_lora.answers, with_lora.steps)
    own = model.state_dict()
    assert set(state) == set(own) == set(model.state_dict())
    assert all(torch.allclose(state[name], own[name], atol=1e-5) for name in own)
    head = model.backbone.get_output_embeddings().weight
    changed = {name for name, old in frozen.items() if not torch.equal(old, own[name])}
    assert changed, "the linear layers have taken the matrices in"
    start, other = model.config.start_id, 40
    table = model.get_input_embeddings().weight
    name = next(name for name, p in model.named_parameters() if p is table)
    assert not torch.equal(table[start], frozen[name][start]) and torch.equal(table[other], frozen[name][other])
    assert head.shape[0] == len(planner.tokenizer)
    planner.save_pretrained(tmp_path)
    again = Planner.from_pretrained(tmp_path).reason(PROBLEMS)
    assert torch.allclose(again.latents, merged.latents, atol=1e-6)


def test_a_planner_with_lora_is_saved_merged_and_goes_on_unmerged(lm_folder, tmp_path):
    planner = Planner.from_backbone(lm_folder("llama"), SETTINGS)
    add_lora(planner.model, LoRASettings(rank=2))
    trained_a_little(planner)
    before = planner.reason(PROBLEMS)
    planner.save_pretrained(tmp_path)
    assert has_lora(planner.model) and torch.equal(planner.reason(PROBLEMS).latents, before.latents)
    again = Planner.from_pretrained(tmp_path)
    assert not has_lora(again.model)
    assert torch.allclose(again.reason(PROBLEMS).latents, before.latents, atol=1e-5)


def test_what_cannot_be_given_to_lora(lm_folder):
    model = from_backbone(lm_folder("llama"), SETTINGS)
    with pytest.raises(ValueError, match="rank is 0: choose 1 or more"):
        add_lora(model, LoRASettings(rank=0))
    with pytest.raises(ValueError, match="targets .'nothing'.: none is in llama; it has down_proj, gate_proj"):
        add_lora(model, LoRASettings(targets=("nothing",)))
    add_lora(model, LoRASettings(targets=("q_proj",), decoder=False))
    assert all(p.requires_grad for p in model.decoder.parameters()), "trained fully"
    with pytest.raises(ValueError, match="has LoRA matrices already"):
        add_lora(model, LoRASettings())


# --- settings, tried on one family ---


def test_decoders_and_what_they_hold(lm_folder):
    folder, numbers = lm_folder("llama"), {}
    for kind in ("copy", "layers", "small", "none"):
        model = from_backbone(folder, replace(SETTINGS, decoder=kind, decoder_layers=1))
        lm = None if model.decoder is None else model.decoder.lm
        numbers[kind] = 0 if lm is None else sum(p.numel() for p in lm.parameters())
        if kind == "copy":
            own, copied = model.backbone.state_dict(), lm.state_dict()
            assert set(own) == set(copied) and all(torch.equal(own[n], copied[n]) for n in own)
            assert own["model.embed_tokens.weight"].data_ptr() != copied["model.embed_tokens.weight"].data_ptr()
        if kind == "layers":
            assert len(lm.model.layers) == 1
            first = model.backbone.model.layers[0].mlp.up_proj.weight
            assert torch.equal(lm.model.layers[0].mlp.up_proj.weight, first)
        if kind == "small":
            assert isinstance(model.decoder.bridge, torch.nn.Identity) == (lm.config.hidden_size == 32)
    assert numbers["copy"] > numbers["layers"] > numbers["none"] == 0
    with pytest.raises(ValueError, match="decoder_layers is 9: choose 1 to 4"):
        from_backbone(folder, replace(SETTINGS, decoder="layers", decoder_layers=9))


def test_the_same_seed_gives_the_same_new_weights(lm_folder):
    one, two, other = (from_backbone(lm_folder("llama"), replace(SETTINGS, seed=s)) for s in (0, 0, 1))
    assert torch.equal(one.latent_head.mean.weight, two.latent_head.mean.weight)
    assert not torch.equal(one.latent_head.mean.weight, other.latent_head.mean.weight)


def test_only_the_architecture(lm_folder):
    folder = lm_folder("qwen3")
    model = from_backbone(folder, replace(SETTINGS, random_weights=True))
    own = AutoModelForCausalLM.from_pretrained(folder).state_dict()["model.layers.0.mlp.up_proj.weight"]
    assert model.backbone.state_dict()["model.layers.0.mlp.up_proj.weight"].shape == own.shape
    assert not torch.equal(model.backbone.state_dict()["model.layers.0.mlp.up_proj.weight"], own)


def test_bfloat16_weights_think_too(lm_folder):
    planner = Planner.from_backbone(lm_folder("llama"), replace(SETTINGS, dtype="bfloat16"))
    assert {p.dtype for p in planner.model.parameters()} == {torch.bfloat16}
    assert planner.reason(PROBLEMS).latents.dtype == torch.bfloat16


@pytest.mark.parametrize("decoder", ["layers", "small"])
def test_positions_stay_exact_where_weights_are_bfloat16(decoder, lm_folder, tmp_path):
    planner = Planner.from_backbone(lm_folder("llama"), replace(SETTINGS, dtype="bfloat16", decoder=decoder))
    planner.save_pretrained(tmp_path)
    saved = dict(Planner.from_pretrained(tmp_path).model.named_buffers())
    for name, value in planner.model.named_buffers():
        assert value.dtype == torch.float32 and torch.equal(value, saved[name]), name


@pytest.mark.parametrize("name", METHODS)
def test_every_method_starts_from_bfloat16_weights(name, lm_folder):
    base = Planner.from_backbone(lm_folder("llama"), replace(SETTINGS, dtype="bfloat16"))
    method = METHODS[name]
    stage = 0 if method.stages == "words" else 2
    planner = method.start(base, stage, 6)
    assert {p.dtype for p in planner.model.parameters()} == {torch.bfloat16}
    rows = planner.collate.encode(PROBLEMS)
    terms = method.losses(planner, rows, stage, True, torch.Generator().manual_seed(0))
    assert all(term.isfinite() for term in terms.values()) and terms["enc"].dtype == torch.float32
    method.total(terms, 1e-3).backward()
    assert planner.reason(PROBLEMS).answers


def test_a_model_that_cannot_be_had_is_one_line_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # the environment was read at the import
    with pytest.raises(OSError, match="nobody/nothing cannot be loaded: no folder here is called so") as caught:
        Planner.from_backbone("nobody/nothing")
    assert "\n" not in str(caught.value) and "hf download nobody/nothing" in str(caught.value)
    with pytest.raises(OSError, match="holds no causal LM that can be loaded"):
        Planner.from_backbone(tmp_path)


def drop_norm(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def fill_norm(folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"].fill_(float("inf"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def configured(**values):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))

    return change


@pytest.mark.parametrize(
    "change",
    [
        drop_norm,
        fill_norm,
        configured(num_hidden_layers=5),
        configured(vocab_size=3),
        configured(hidden_size=-1),
        configured(model_type="own", auto_map={"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}),
        lambda folder: (folder / "config.json").write_text("[]"),
        lambda folder: (folder / "model.safetensors").write_bytes(b"cut"),
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
        lambda folder: (folder / "tokenizer_config.json").write_text("[]"),
    ],
)
def test_a_broken_backbone_is_refused_in_one_line(change, lm_folder, tmp_path):
    folder = tmp_path / "lm"
    shutil.copytree(lm_folder("llama"), folder)
    change(folder)
    with pytest.raises((OSError, ValueError)) as caught:
        Planner.from_backbone(folder, SETTINGS)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_a_tokenizer_that_was_extended_stays_as_it_is(lm_folder, tmp_path):
    once = latent_tokenizer(lm_folder("llama"))
    once.save_pretrained(tmp_path)
    assert latent_tokenizer(tmp_path).get_vocab() == once.get_vocab()
