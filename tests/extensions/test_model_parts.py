"""A head, a decoder, a step encoder, a method and a backbone of one's own: one new file each, chosen by name."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
import gru_encoder  # noqa: E402, F401  (importing registers)
import linear_decoder  # noqa: E402, F401
import small_moves  # noqa: E402, F401
import two_humps  # noqa: E402, F401
from small import PROBLEMS, tiny_planner  # noqa: E402
from small_lms import tiny_lm  # noqa: E402

from atp_lab.memory_plan import sizes_of  # noqa: E402
from atp_lite.cli.command_line import parse  # noqa: E402
from atp_lite.cli.training import SFT as SFT_COMMAND  # noqa: E402
from atp_lite.domains import read_expression  # noqa: E402
from atp_lite.engine.lora import LoRASettings, add_lora, has_lora  # noqa: E402
from atp_lite.engine.pretrained import BackboneSettings  # noqa: E402
from atp_lite.evaluation import EvalSettings, evaluate  # noqa: E402
from atp_lite.methods import METHODS  # noqa: E402
from atp_lite.model import DECODERS, LATENT_HEADS, STEP_ENCODERS, Gaussian, Mixture, Point, gaussian_log_prob  # noqa: E402
from atp_lite.planner import Planner  # noqa: E402
from atp_lite.rl import RLSettings, train_rl  # noqa: E402
from atp_lite.sft import SFTSettings, train_sft  # noqa: E402

VALIDATION = [read_expression("5+6"), read_expression("(1+2)*3")]
SFT = SFTSettings(first_stage=3, stage_steps=(6,), batch_size=4, eval_every=6, lr=1e-2, warmup_steps=1)
RL = RLSettings(iterations=1, questions=2, group_size=4, rewards={"coherence": 1.0, "length": 1.0}, kl_weight=0.1)


def first_and_last_loss(folder: Path) -> tuple[float, float]:
    from atp_lite.engine.log import read_metrics

    losses = [line["loss"] for line in read_metrics(folder / "metrics.jsonl") if "loss" in line]
    return losses[0], losses[-1]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"latent_head": "two-humps", "latent_head_options": {"sigma": 0.2}},
                                     {"latent_head": "mixture", "latent_head_options": {"components": 3}},
                                     {"decoder": "linear"}], ids=["head", "mixture", "decoder"])  # fmt: skip
def test_a_part_chosen_by_name_learns_is_explored_and_saved(changes, tmp_path):
    planner = tiny_planner(**changes)
    before = {name: value.clone() for name, value in planner.model.state_dict().items()}
    train_sft(planner, PROBLEMS[:4], VALIDATION, replace(SFT, log_every=1), tmp_path / "sft")
    first, last = first_and_last_loss(tmp_path / "sft")
    assert last < first
    planner = Planner.from_pretrained(tmp_path / "sft/last")
    part = planner.model.decoder if "decoder" in changes else planner.model.latent_head
    own = "decoder." if "decoder" in changes else "latent_head."
    assert all(not torch.equal(value, before[own + name]) for name, value in part.state_dict().items())
    train_rl(planner, PROBLEMS[:4], VALIDATION, RL, tmp_path / "rl")
    result = evaluate(planner, VALIDATION, EvalSettings(samples=2, batch_size=1))
    assert len(result.outcomes) == 2 and 0 <= result.summary()["coherence"].mean <= 1


def test_the_head_says_what_it_was_told_to():
    planner = tiny_planner(latent_head="two-humps", latent_head_options={"sigma": 0.2})
    thought = planner.think(PROBLEMS[:2])
    assert isinstance(thought.distribution, Mixture)
    apart, real = planner.model.latent_head.apart(thought.hidden), thought.latent_mask
    expected = (apart.square() + 0.04).sqrt()  # by hand, from the two components
    torch.testing.assert_close(thought.sigma[real], expected[real])


@pytest.mark.slow
def test_a_decoder_without_a_language_model_can_be_planned_and_gets_no_lora():
    planner = tiny_planner(decoder="linear")
    sizes = sizes_of(planner.model)
    weights = sum(p.numel() for p in planner.model.decoder.parameters())
    assert sizes.decoder is None and sizes.counts["decoder"] == weights
    add_lora(planner.model, LoRASettings(rank=2))
    assert has_lora(planner.model) and all(p.requires_grad for p in planner.model.decoder.parameters())


@pytest.mark.slow
def test_any_causal_language_model_can_be_the_backbone(tmp_path):
    folder = tiny_lm("gpt2", tmp_path)
    planner = Planner.from_backbone(folder, BackboneSettings(latents_per_step=1, max_latents=3), domain="arithmetic")
    train_sft(planner, PROBLEMS[:4], VALIDATION, replace(SFT, log_every=1), tmp_path / "sft")
    first, last = first_and_last_loss(tmp_path / "sft")
    assert last < first


@pytest.mark.slow
@pytest.mark.parametrize("method", ["small-moves", "atp-step"])
def test_a_method_and_a_step_encoder_learn(method, tmp_path):
    planner = METHODS[method].start(tiny_planner(step_encoder="gru"), last_stage=3)
    before = {name: value.clone() for name, value in planner.model.state_dict().items()}
    train_sft(planner, PROBLEMS[:4], VALIDATION, replace(SFT, method=method, log_every=1), tmp_path)
    first, last = first_and_last_loss(tmp_path)
    assert last < first
    own = [name for name in before if name.startswith("step_encoder.gru.weight")]
    assert bool(own) == (method == "atp-step"), "only a method that has a use for a step encoder is given one"
    now = Planner.from_pretrained(tmp_path / "last").model.state_dict()
    assert not any(torch.equal(before[name], now[name]) for name in own)


def test_the_step_encoder_reads_up_to_the_last_word():
    encoder, words = STEP_ENCODERS["gru"](6, 1, width=5), torch.randn(2, 3, 4, 6)
    mask = torch.tensor([[4, 1, 2], [3, 4, 1]])[..., None] > torch.arange(4)  # (2, 3, 4)
    together = encoder(words, mask).mean  # (2, 3, 6)
    alone = encoder(words[:1, 2:, :2], mask[:1, 2:, :2]).mean  # the step of two words, without its padding
    torch.testing.assert_close(together[0, 2], alone[0, 0])


def test_the_terms_of_the_method_by_hand():
    planner = METHODS["small-moves"].start(tiny_planner(), last_stage=3)
    rows = planner.collate.encode(PROBLEMS[2:4])
    batch = planner.collate(rows, 3)
    latents = planner.model.think(batch.question, batch.question_mask, lengths=batch.n_latents).latents  # (2, 3, d)
    moves = [(row[t + 1] - row[t]).square().mean() for row in latents for t in range(2)]
    found = METHODS["small-moves"].losses(planner, rows, 3, False, torch.Generator())
    torch.testing.assert_close(found["move"], sum(moves) / 4)
    assert METHODS["small-moves"].loss_denominators(planner.collate, rows, 3)["move"] == 4


class OwnStart(nn.Module):
    """l = W h, W a unit matrix to begin with."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(size, size)
        nn.init.eye_(self.layer.weight)

    def forward(self, hidden):
        return Point(self.layer(hidden))


class Hidden(OwnStart):
    def forward(self, hidden):
        return hidden


class OneTooFew(OwnStart):
    def forward(self, hidden):
        return Point(self.layer(hidden)[..., 1:])


class Loose(OwnStart):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.spread = torch.ones(size)


class Forgets(OwnStart):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.register_buffer("spread", torch.ones(size), persistent=False)


@dataclass(frozen=True)
class Scaled(Gaussian):
    """N(mu, s^2), given by its mean and s itself, which is 0 where nothing is thought."""

    @property
    def stddev(self):
        return self.logvar

    def log_prob(self, latent):
        return gaussian_log_prob(latent, self.mu, self.stddev)


@dataclass(frozen=True)
class Deaf(Gaussian):
    def draw(self, noise=None):
        return torch.distributions.Normal(self.mu, self.stddev).rsample()


@dataclass(frozen=True)
class Numbered(Gaussian):
    nu: float = 4.0


def head_of(distribution):
    """A head of that distribution with a spread of 1 to begin with."""

    class Head(OwnStart):
        def forward(self, hidden):
            mean = self.layer(hidden)
            return distribution(mean, torch.ones_like(mean))

    return Head


class NoSteps(linear_decoder.LinearDecoder):
    def log_prob(self, latents, steps, mask):
        return super().log_prob(latents, steps, mask).sum(-1)


@pytest.fixture
def registered(monkeypatch):
    for part in (OwnStart, Hidden, OneTooFew, Loose, Forgets):
        monkeypatch.setitem(LATENT_HEADS, part.__name__, part)
    for distribution in (Scaled, Deaf, Numbered):
        monkeypatch.setitem(LATENT_HEADS, distribution.__name__, head_of(distribution))
    monkeypatch.setitem(DECODERS, "NoSteps", NoSteps)


@pytest.mark.slow
def test_a_part_begins_with_the_weights_it_gave_itself(registered, tmp_path):
    planner = tiny_planner(latent_head="OwnStart")
    unit = torch.eye(planner.model.config.hidden_size)
    assert torch.equal(planner.model.latent_head.layer.weight, unit)
    torch.nn.init.constant_(planner.model.latent_head.layer.weight, 2.0)  # and a checkpoint still wins
    planner.save_pretrained(tmp_path / "saved")
    assert (Planner.from_pretrained(tmp_path / "saved").model.latent_head.layer.weight == 2).all()
    settings = BackboneSettings(latent_head="OwnStart", max_latents=2)
    pretrained = Planner.from_backbone(tiny_lm("gpt2", tmp_path), settings).model.latent_head.layer.weight
    assert torch.equal(pretrained, torch.eye(len(pretrained)))


@pytest.mark.parametrize(("changes", "said"), [
    ({"latent_head": "Hidden"}, "latent head 'Hidden' .*gave Tensor, where a Distribution is needed"),
    ({"latent_head": "OneTooFew"}, r"latent head 'OneTooFew' .*\(2, 3, 31\), where \(2, 3, 32\) is needed"),
    ({"latent_head": "Scaled"}, "latent head 'Scaled' .*no finite log_prob where its tensors are 0.*: store log sigma"),
    ({"latent_head": "Deaf"}, "latent head 'Deaf' .*draws with other noise than it is given"),
    ({"latent_head": "Numbered"}, "latent head 'Numbered' .*nu of its distribution is no tensor"),
    ({"latent_head": "Loose"}, "latent head 'Loose' keeps spread as a tensor that no checkpoint holds"),
    ({"latent_head": "Forgets"}, "latent head 'Forgets' keeps spread as a tensor that no checkpoint holds"),
    ({"latent_head": "mixture", "latent_head_options": {"humps": 2}}, "latent head 'mixture' .*'humps': 2"),
    ({"decoder": "NoSteps"}, r"decoder 'NoSteps' .*log_prob is \(1,\), where \(1, 2\) is needed"),
])  # fmt: skip
def test_a_part_that_breaks_its_contract_is_named_in_one_line(registered, changes, said):
    with pytest.raises(ValueError, match=said) as refused:
        tiny_planner(**changes)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_a_pretrained_backbone_gets_the_head_and_the_decoder_that_are_chosen(tmp_path):
    settings = BackboneSettings(
        latents_per_step=1,
        max_latents=3,
        decoder_type="linear",
        latent_head="mixture",
        latent_head_options={"components": 3},
    )
    planner = Planner.from_backbone(tiny_lm("gpt2", tmp_path), settings, domain="arithmetic")
    trace = planner.reason(PROBLEMS[:2])
    assert trace.distribution.components[1].shape[-2] == 3
    assert isinstance(planner.model.decoder, linear_decoder.LinearDecoder)
    planner.save_pretrained(tmp_path / "saved")
    again = Planner.from_pretrained(tmp_path / "saved").reason(PROBLEMS[:2])
    torch.testing.assert_close(again.latents, trace.latents)


@pytest.mark.slow
def test_the_command_line_chooses_parts_of_a_pretrained_backbone(tmp_path):
    words = ["--backbone", str(tiny_lm("gpt2", tmp_path)), "--pretrained.latent-head", "mixture"]
    words += ["--pretrained.latent-head-options.components", "2", "--pretrained.decoder-type", "linear"]
    command = parse(SFT_COMMAND, words, "sft")
    assert (command.pretrained.latent_head, command.pretrained.decoder_type) == ("mixture", "linear")
    assert command.pretrained.latent_head_options == {"components": 2}
