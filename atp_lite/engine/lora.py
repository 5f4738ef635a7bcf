"""LoRA: train small matrices beside the frozen ones of a pretrained LM (Hu et al. 2021, arXiv 2106.09685).

    y = W x + (alpha / r) B A x,   A (r, n), B (m, r), B = 0 at the start

peft adds them to the backbone, and to a decoder that came from it. What is new is trained fully: latent head, stop
head, and the embeddings of `<|start-latent|>` and `<|end-latent|>`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from atp_lite.engine.settings import require_between
from atp_lite.model import LatentReasoner


@dataclass(frozen=True)
class LoRASettings:
    """How much of a pretrained LM learns."""

    rank: int = 16
    """r, the width of the matrices in between; 0 trains every weight."""
    alpha: float = 32.0
    """Their product is multiplied by alpha / r."""
    dropout: float = 0.0
    """Share of their inputs that is left out in training."""
    targets: tuple[str, ...] = ()
    """Names of the linear layers that get them; empty: all but the output layer."""
    decoder: bool = True
    """Add them to the decoder too, where it came from the backbone; False trains the decoder fully."""

    def __post_init__(self) -> None:
        require_between(self, "[0, inf)", "rank")
        require_between(self, "(0, inf)", "alpha")
        require_between(self, "[0, 1)", "dropout")


def add_lora(model: LatentReasoner, settings: LoRASettings, seed: int = 0) -> None:
    """Freeze the pretrained weights and add trainable matrices beside them, in place.

    Raises:
        ValueError: a rank below 1, matrices that are there already, or no linear layer of such a name.
    """
    from peft import LoraConfig, inject_adapter_in_model

    if settings.rank < 1:
        raise ValueError(f"rank is {settings.rank}: choose 1 or more, or train without LoRA")
    if has_lora(model):
        raise ValueError("this model has LoRA matrices already: merge_lora(model) first")
    parts = [model.backbone]
    if settings.decoder and model.decoder is not None and model.decoder.lm is not None:
        parts.append(model.decoder.lm)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for lm in parts:
            targets = settings.targets or _linear_layers(lm)
            config = LoraConfig(
                r=settings.rank,
                lora_alpha=settings.alpha,  # type: ignore[arg-type]  # any number will do
                lora_dropout=settings.dropout,
                target_modules=list(targets),
                fan_in_fan_out=any(type(m).__name__ == "Conv1D" for m in lm.modules()),  # GPT-2 stores W transposed
            )
            try:
                inject_adapter_in_model(config, lm)  # freezes everything else in lm
            except ValueError as error:
                kind, names = lm.config.model_type, ", ".join(sorted(_linear_layers(lm)))
                raise ValueError(f"targets {list(targets)}: none is in {kind}; it has {names}") from error
    rows = [model.config.start_id, model.config.end_id]
    embed, head = model.backbone.get_input_embeddings(), model.backbone.get_output_embeddings()
    trained = TrainedRows(embed, rows)
    model.backbone.set_input_embeddings(trained)
    if head.weight is embed.weight:  # tied: the output layer scores the learned tokens as it will once merged
        trained.hook = head.register_forward_hook(RescoreTrainedRows(trained))
    model.weights_to_save = partial(merged_state, model)  # type: ignore[method-assign]


class TrainedRows(nn.Module):
    """A frozen embedding of which some rows are trained.

    Args:
        base: the embedding. rows: ids of the tokens that are trained.
    """

    def __init__(self, base: nn.Embedding, rows: list[int]) -> None:
        super().__init__()
        self.base, self.ids = base.requires_grad_(False), tuple(rows)
        with torch.no_grad():
            self.values = nn.Parameter(base(torch.tensor(rows, device=base.weight.device)).clone())  # (rows, d)
        self.hook: RemovableHandle | None = None

    @property
    def weight(self) -> Tensor:
        return self.base.weight

    @property
    def num_embeddings(self) -> int:
        return self.base.num_embeddings

    def forward(self, ids: Tensor) -> Tensor:
        """ids (...) -> embeddings (..., d)."""
        embeds: Tensor = self.base(ids)
        for row, value in zip(self.ids, self.values, strict=True):
            embeds = torch.where((ids == row)[..., None], value, embeds)
        return embeds

    def rows(self) -> Tensor:
        """The trained rows as the table holds them (rows, d): some models scale after the look-up."""
        return self.values / getattr(self.base, "embed_scale", 1.0)

    def merged(self) -> Tensor:
        """The table with the trained rows in their places (V, d)."""
        table = self.base.weight.detach().clone()
        table[list(self.ids)] = self.rows().detach()
        return table

    def rescored(self, logits: Tensor, hidden: Tensor) -> Tensor:
        """Logits (..., V) of an output layer that is this table, with those of the trained rows in their places."""
        ids = torch.tensor(self.ids, device=logits.device)
        return logits.index_copy_(-1, ids, nn.functional.linear(hidden, self.rows()).to(logits.dtype))


class RescoreTrainedRows:
    """Forward hook of an output layer that is tied to an embedding with trained rows."""

    def __init__(self, rows: TrainedRows) -> None:
        self.rows = rows

    def __call__(self, head: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor:
        return self.rows.rescored(logits, inputs[0])


def has_lora(model: nn.Module) -> bool:
    """Whether `add_lora` was called on it."""
    return any(True for _ in _layers(model))


def merge_lora(model: LatentReasoner) -> None:
    """Add the matrices to the weights beside them and remove them, in place: W + (alpha / r) B A."""
    for parent, name, layer in list(_layers(model)):
        layer.merge()
        setattr(parent, name, layer.get_base_layer())
    rows = model.backbone.get_input_embeddings()
    rows.base.weight.data.copy_(rows.merged())
    if rows.hook is not None:
        rows.hook.remove()
    model.backbone.set_input_embeddings(rows.base)
    del model.weights_to_save


def merged_state(model: LatentReasoner) -> dict[str, Tensor]:
    """The weights that `merge_lora` would leave, under the names of a model without LoRA; the model stays as it is."""
    state, places = model.state_dict(), {id(layer): name for name, layer in model.named_modules()}
    with torch.no_grad():
        for _, _, layer in _layers(model):
            delta = sum(layer.get_delta_weight(adapter) for adapter in layer.active_adapters)
            state[f"{places[id(layer)]}.base_layer.weight"] = layer.get_base_layer().weight + delta
    rows = model.backbone.get_input_embeddings()
    table, old = rows.merged(), state[f"{places[id(rows)]}.base.weight"].data_ptr()
    state = {name: table if value.data_ptr() == old else value for name, value in state.items()}  # tied ones too
    state.pop(f"{places[id(rows)]}.values")
    renamed = {name.replace(".base_layer.", "."): value for name, value in state.items() if ".lora_" not in name}
    return {name.replace(f"{places[id(rows)]}.base.", f"{places[id(rows)]}."): v for name, v in renamed.items()}


def _layers(model: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """Parent, name in it, and every layer that holds LoRA matrices."""
    if "peft" not in sys.modules:  # nothing was added yet, and importing it takes seconds
        return
    from peft.tuners.tuners_utils import BaseTunerLayer

    for parent in model.modules():
        for name, layer in parent.named_children():
            if isinstance(layer, BaseTunerLayer):
                yield parent, name, layer


def _linear_layers(lm: PreTrainedModel) -> set[str]:
    """Last parts of the names of the linear layers, without that of the output layer."""
    head = lm.get_output_embeddings()
    return {
        name.rsplit(".", 1)[-1]
        for name, layer in lm.named_modules()
        if layer is not head and (isinstance(layer, nn.Linear) or type(layer).__name__ == "Conv1D")
    }
