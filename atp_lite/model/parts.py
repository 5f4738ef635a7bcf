"""The parts of a reasoner that are chosen by name: made from its configuration, and held to what such a part must do.

What each kind must do stands at its registry: `LATENT_HEADS`, `DECODERS`, `STEP_ENCODERS`. Common to all of them:

- All tensors are parameters or persistent buffers. A model that is loaded, or only counted, is built without numbers
  (on the device `meta`), and gets from the file what a state dict holds, nothing else.
- `__init__` computes with Python numbers, not with values of tensors, for the same reason.
- Weights begin as `__init__` left them. Only the linear layers and embeddings of the package's own parts are drawn
  anew, with mean 0 and standard deviation `initializer_range`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from atp_lite.model.decoders import DECODERS, Decoder
from atp_lite.model.distributions import Distribution
from atp_lite.model.heads import LATENT_HEADS
from atp_lite.model.step_encoder import STEP_ENCODERS, StepEncoder
from atp_lite.registry import Registry

Part = TypeVar("Part", bound=nn.Module)
STEPS, TOKENS = 2, 3
"""Of the tiny batch that a part is tried on."""


def new_latent_head(config: Any, size: int) -> nn.Module:
    """The head of `ReasonerConfig.latent_head`, for latents of width `size`.

    Raises ValueError, as the other two: it cannot be made, or is not what such a part must be.
    """
    head = _made(LATENT_HEADS, config.latent_head, size, **(config.latent_head_options or {}))

    def tried(hidden: Tensor) -> None:
        _check_distribution(head(hidden), hidden.shape)

    _check("latent head", config.latent_head, head, lambda: tried(torch.zeros(STEPS, TOKENS, size)))
    return head


def new_decoder(config: Any, size: int) -> Decoder | None:
    """The decoder of `ReasonerConfig.decoder_type`; None where the configuration has none."""
    if config.decoder is None:
        return None
    c = config.latents_per_step
    decoder = _made(DECODERS, config.decoder_type, config.decoder, size, c, config.latent_scale)

    def tried() -> None:
        latents, mask = torch.zeros(1, STEPS * c, size), torch.ones(1, STEPS, TOKENS, dtype=torch.long)
        _check_shape("log_prob", decoder.log_prob(latents, torch.zeros_like(mask), mask), (1, STEPS))
        tokens, scores = decoder.decode(latents, mask[..., 0], TOKENS, 0, 0)
        _check_shape("the tokens of decode", tokens, (1, STEPS, tokens.shape[-1]))
        _check_shape("the log-probabilities of decode", scores, tokens.shape)

    _check("decoder", config.decoder_type, decoder, tried)
    return decoder


def new_step_encoder(config: Any, size: int) -> StepEncoder | None:
    """The step encoder of `ReasonerConfig.step_encoder_type`; None where the configuration has none."""
    if config.step_encoder is None:
        return None
    c = config.latents_per_step
    registry: Registry[Any] = STEP_ENCODERS
    encoder: StepEncoder = _made(
        registry, config.step_encoder_type, size, c, config.latent_scale, **config.step_encoder
    )

    def tried() -> None:
        said = encoder(torch.zeros(1, STEPS, TOKENS, size), torch.ones(1, STEPS, TOKENS, dtype=torch.long))
        _check_distribution(said, (1, STEPS * c, size))

    _check("step encoder", config.step_encoder_type, encoder, tried)
    return encoder


def has_own_init(part: nn.Module | None) -> TypeGuard[nn.Module]:
    """Whether a part's weights stay as its `__init__` left them: those of a class from outside this package."""
    return part is not None and not type(part).__module__.startswith("atp_lite.")


def _made(registry: Registry[type[Part]], name: str, *arguments: Any, **options: Any) -> Part:
    try:
        return registry[name](*arguments, **options)
    except TypeError as error:
        raise ValueError(f"{registry.kind} {name!r} cannot be made with the options {options}: {error}") from error


def _check(kind: str, name: str, part: nn.Module, tried: Callable[[], None]) -> None:
    """Raise ValueError in one line where a part from outside the package breaks the contract."""
    if not has_own_init(part):
        return
    for module in _own_modules(part):
        loose = [key for key, value in vars(module).items() if isinstance(value, Tensor)]
        if loose := [*loose, *module._non_persistent_buffers_set]:
            raise ValueError(
                f"{kind} {name!r} keeps {', '.join(sorted(loose))} as a tensor that no checkpoint holds: make it a "
                "parameter, a persistent buffer (register_buffer) or a Python number"
            )
    if torch.empty(0).is_meta or any(value.is_meta for value in part.state_dict().values()):
        return
    learning = part.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            part.eval()
            tried()
    except Exception as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{kind} {name!r} breaks its contract ({type(part).__name__}): {line}") from error
    finally:
        part.train(learning)


def _own_modules(part: nn.Module) -> list[nn.Module]:
    """It and the modules in it, but for language models, which know how to fill their own buffers."""
    if isinstance(part, PreTrainedModel):
        return []
    return [part, *(module for child in part.children() for module in _own_modules(child))]


def _check_distribution(said: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(said, Distribution):
        raise ValueError(f"it gave {type(said).__name__}, where a Distribution is needed")
    if loose := [field.name for field in fields(said) if not isinstance(getattr(said, field.name), Tensor)]:
        raise ValueError(
            f"{loose[0]} of its distribution is no tensor: rows are taken of every field, so give (..., d)"
        )
    _check_shape("the mode of its distribution", said.mode, shape)
    if not said.has_spread:
        return
    first, second = (said.draw(torch.Generator(said.mode.device).manual_seed(0)) for _ in range(2))
    if not torch.equal(first, second):
        raise ValueError("its distribution draws with other noise than it is given: take those of model/noise.py")
    blank = said.map(torch.zeros_like)
    valid = bool((blank.stddev > 0).all()) and bool(blank.log_prob(blank.mode).isfinite().all())
    if not valid:
        raise ValueError(
            "its distribution has no finite log_prob where its tensors are 0, as they are where nothing is thought: "
            "store log sigma, not sigma"
        )


def _check_shape(what: str, value: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(value.shape) != tuple(shape):
        raise ValueError(f"{what} is {tuple(value.shape)}, where {tuple(shape)} is needed")
