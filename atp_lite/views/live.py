"""Toy checkpoints in pages that think by themselves: `web/` has the engine and the live site, `assets/` what it builds.

The engine reads one position at a time in JavaScript, so it is made for the toys: LLaMA backbones with word-level
tokenizers. Weights travel as 8-bit integers with a scale a row.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedConfig

from atp_lite.domains import Problem, measured
from atp_lite.model import Decoded
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.views.bundled_examples import example_problems
from atp_lite.views.page import asset, write_atomically

BUNDLED = {
    "atp-step": "planner",
    "atp-sft": "imitator",
    "sim-cot": "SIM-CoT",
    "cot": "words",
    "routes-plan": "planner",
    "routes-sft": "imitator",
}
"""The bundled planners of the site and their titles; a page opens with the first that it can show."""
DOMAINS = ("arithmetic", "routes")
"""Whose planners the pages show."""
EXAMPLES = 120
"""About how many test problems of a planner travel with it, with what it thinks about them."""
NEAREST = 12
"""Landmarks that are tried in the place of a thought, to find where a page opens."""

MOST_PARAMETERS = 3_000_000
"""What a page can hold and still think at once: 4 MB in base64."""

_LLAMA = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps")
_PLANNER = (
    *("latent_head", "layout", "latents_per_step", "latent_scale", "max_latents", "max_step_tokens"),
    *("max_answer_tokens", "start_id", "end_id", "eos_id", "pad_id", "domain"),
)
_HEADS = ("gaussian", "mixture", "hidden", "projector", "filler")
_STEP_ENCODERS = ("places", "pooled")


def pack(planner: Planner) -> dict[str, Any]:
    """What `Planner.load` of the engine reads: `Checkpoint` in `web/src/checkpoint.ts`, its `data` as bytes.

    Raises:
        ValueError: the planner is too large for a page, or has a part that the engine does not know.
    """
    config = planner.model.config
    parameters = sum(p.numel() for p in planner.model.parameters())
    if parameters > MOST_PARAMETERS:
        raise ValueError(
            f"this planner has {parameters:,} parameters, a page thinks with {MOST_PARAMETERS:,} at most: "
            "`atp-lite explore` shows larger ones"
        )
    _check("latent head", config.latent_head, _HEADS)
    if config.decoder is not None:
        _check("decoder", config.decoder_type, ("lm",))
    if config.step_encoder is not None:
        _check("step encoder", config.step_encoder_type, _STEP_ENCODERS)
    decoder = planner.model.decoder
    unread = ("step_encoder.log_variance",) if config.max_latents else ("latent_head", "stop_head", "decoder")
    weights = {
        name: tensor.cpu().numpy() for name, tensor in planner.model.state_dict().items() if not name.startswith(unread)
    }
    data = b"".join(_bytes(values) for values in weights.values())
    return {
        "config": {
            **{name: getattr(config, name) for name in _PLANNER},
            "backbone": _llama(planner.model.backbone.config),
            "decoder": None if decoder is None or decoder.lm is None else _llama(decoder.lm.config),
            "step_encoder": None if config.step_encoder is None else config.step_encoder_type,
        },
        "tokenizer": _tokenizer(planner),
        "tensors": [[name, list(values.shape)] for name, values in weights.items()],
        "data": data,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


@torch.no_grad()
def as_packed(planner: Planner) -> Planner:
    """The planner, its weights rounded in place to those that travel: so PyTorch thinks what the page thinks."""
    for parameter in planner.model.parameters():
        if parameter.dim() > 1:
            scales, rows = _rounded(parameter.cpu().numpy())
            parameter.copy_(torch.from_numpy(scales * rows).reshape(parameter.shape))
    planner.model.eval()
    return planner


def _rounded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., w) -> float32 scales (n, 1) and 8-bit integers (n, w) with values ~ scales * integers, row by row."""
    rows = values.reshape(-1, values.shape[-1]).astype(np.float32)
    scales = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    return scales, np.rint(rows / scales).astype(np.int8)


def _bytes(values: np.ndarray) -> bytes:
    """Scales, then integers, of a matrix; float32 of a vector. Little-endian; `unpack` in `web/src/checkpoint.ts`."""
    if values.ndim < 2:
        return values.astype("<f4").tobytes()
    scales, rows = _rounded(values)
    return scales.astype("<f4").tobytes() + rows.tobytes()


def write_site(out: str | os.PathLike[str], checkpoints: Sequence[Path] = (), verify: bool = True) -> Path:
    """Write the live site: one file where `out` ends in .html, else a folder with index.html and a script a planner.

    checkpoints: folders of planners; none takes BUNDLED. Returns the page to open.

    Raises:
        ValueError: a checkpoint that a page cannot think with, by its folder, or two of one name.
    """
    out = Path(out)
    folders = [Path(folder) for folder in checkpoints] or [CHECKPOINTS / name for name in BUNDLED]
    entries, packed = [], {}
    for folder in folders:
        name = _name(folder)
        if name in packed:
            raise ValueError(f"two checkpoints are called {name!r}: rename the folder of {folder}")
        try:
            planner = Planner.from_pretrained(folder, verify=verify)
            entry, found = for_page(planner, name)
            packed[name] = _script(found)
            entries.append(entry | _of_folder(folder))
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error
    whole = out.suffix == ".html"
    inside = [
        f'<script type="application/json" id="planner-{name}">{text}</script>' if whole else ""
        for name, text in packed.items()
    ]
    if not whole:
        for name, text in packed.items():
            script = f"(globalThis.atpLive ??= {{}})[{json.dumps(name)}] = {text};"
            write_atomically(out / "planners" / f"{name}.js", script)
    filled = {
        "style": asset("live.css"),
        "script": asset("live.js"),
        "entries": _script(entries),
        "planners": "\n".join(inside),
    }
    return write_atomically(out if whole else out / "index.html", Template(asset("live.html")).substitute(filled))


def for_page(planner: Planner, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """`Entry` and `Packed` in `web/src/planners.ts`: what is known of a planner, and the planner with its landmarks.

    Rounds its weights in place (`as_packed`). Raises ValueError for one that no page can show.
    """
    if planner.domain.name not in DOMAINS:
        known = " and ".join(DOMAINS)
        raise ValueError(f"no page shows planners of the domain {planner.domain.name!r}: give one of {known}")
    checkpoint = pack(planner)
    found = landmarks(as_packed(planner))
    arithmetic = planner.domain.name == "arithmetic"
    decodes = planner.model.decoder is not None and planner.model.config.max_latents > 0
    fits = {
        "move": arithmetic and len(found["landmarks"]["of"]) > 3,
        "route": decodes and not arithmetic,
        "watch": decodes and not arithmetic and name != "routes-plan",  # it is to practise, and has
        "race": arithmetic,
        "how": decodes and arithmetic,
    }
    entry = {
        "name": name,
        "title": name,
        "domain": planner.domain.name,
        "parameters": sum(p.numel() for p in planner.model.parameters()),
        "encodes": planner.model.step_encoder is not None,
        "decodes": decodes,
        "pages": [page for page, does in fits.items() if does],
        "accuracy": None,
        "arrives": None,
    }
    return entry, {"checkpoint": checkpoint, **found}


def _name(folder: Path) -> str:
    """The folder's name; that of the run before it, where it is the run's best or last."""
    parts = folder.resolve().parts
    return re.sub(r"[^\w.-]", "-", "-".join(parts[-2:]) if parts[-1] in ("best", "last") else parts[-1])


def in_base64(data: bytes) -> str:
    """Bytes as text, for `json.dumps`."""
    return base64.b64encode(data).decode()


def _script(value: object) -> str:
    """JSON that can stand in a script element; bytes in base64."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=in_base64)
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _of_folder(folder: Path) -> dict[str, Any]:
    """What a checkpoint's folder says: its title, and how often it is right and arrives where the card says so."""
    card = folder / "card.json"
    values = json.loads(card.read_text(encoding="utf-8")) if card.exists() else {}
    metrics = values.get("evaluation", {}).get("metrics", {})
    bundled = folder.resolve().parent == CHECKPOINTS.resolve()
    return {
        "title": BUNDLED.get(folder.name, folder.name) if bundled else _name(folder),
        **{name: metrics.get(name, {}).get("mean") for name in ("accuracy", "arrives")},
    }


def _examples(planner: Planner) -> list[Problem]:
    """The domain's worked example, and test problems of every number of steps."""
    domain = planner.domain
    if not domain.makes_problems:
        return example_problems(planner)
    lengths = domain.default_counts("test", domain.default_settings())
    return example_problems(planner, dict.fromkeys(lengths, EXAMPLES // len(lengths)))


@torch.no_grad()
def landmarks(planner: Planner) -> dict[str, Any]:
    """Test questions and what the planner thinks about them: `Packed` in `web/src/planners.ts`, without the checkpoint.

    Of thoughts that read the same, in the same place, the first is kept.
    """
    problems = _examples(planner)
    found: dict[tuple[str, int], tuple[int, torch.Tensor]] = {}
    opening = None
    if planner.model.decoder is not None and planner.model.config.latents_per_step == 1:
        trace = planner.reason(problems)
        for row, count in enumerate(trace.n_latents.tolist()):
            for t, text in enumerate(trace.steps[row][:count]):
                found.setdefault((text, t + 1), (row, trace.latents[row, t]))
        opening = _opening(planner, trace, [(*key, latent) for key, (_, latent) in found.items()])
    latents = [latent.cpu().numpy() for _, latent in found.values()]
    return {
        "examples": [problem.question for problem in problems],
        "landmarks": {
            "of": [[text, row, place] for (text, place), (row, _) in found.items()],
            "data": _bytes(np.stack(latents)) if latents else b"",
        },
        "opening": opening,
    }


def _opening(planner: Planner, trace: Decoded, marks: list[tuple[str, int, torch.Tensor]]) -> dict[str, Any] | None:
    """Where the page opens: the question, the thought and the landmarks in whose place the answer is what follows.

    Every thought of every right chain is replaced by its nearest landmarks. The question with the most answers that
    follow is taken, up to five; then the shortest, then that of the nearest landmarks. None where nothing ever follows.
    """
    domain, tries = planner.domain, []
    for row, chain in enumerate(trace.chains):
        verdict = measured(domain.verify, trace.problems[row], chain)
        if verdict is None or not verdict.arrives:
            continue
        own = replace(trace.problems[row], steps=tuple(chain), answer=trace.answers[row])
        for place in range(1, min(int(trace.n_latents[row]), len(chain))):
            here = [(i, text, latent) for i, (text, at, latent) in enumerate(marks) if at == place]
            far = [(latent - trace.latents[row, place - 1]).norm().item() for *_, latent in here]
            nearest = sorted(range(len(here)), key=far.__getitem__)[:NEAREST]
            for distance, (i, text, latent) in ((far[k], here[k]) for k in nearest):
                implied = measured(domain.substitute, own, place - 1, text)
                if implied is not None and implied.answer != own.answer:
                    tries.append((row, place, i, distance, implied, latent))
    found: dict[tuple[int, int], dict[str, tuple[float, int]]] = defaultdict(dict)  # answer -> distance, landmark
    for place in {attempt[1] for attempt in tries}:
        edits = [attempt for attempt in tries if attempt[1] == place]
        put = torch.stack([latent for *_, latent in edits])
        after = planner.finish(planner.think([implied for *_, implied, _ in edits], edits={place: put}))
        for (row, _, i, distance, implied, _), chain, answer in zip(edits, after.chains, after.answers, strict=True):
            if answer == implied.answer and tuple(chain) == implied.steps:
                found[row, place].setdefault(answer, (distance, i))
    if not found:
        return None

    def worth(key: tuple[int, int]) -> tuple[int, int, float]:
        nearest = sorted(found[key].values())[:5]
        return len(nearest), -len(trace.chains[key[0]]), -sum(distance for distance, _ in nearest)

    row, place = max(found, key=worth)
    return {"example": row, "place": place, "landmarks": [i for _, i in sorted(found[row, place].values())]}


def _check(part: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"a page cannot think with the {part} {name!r}: it knows {', '.join(known)}")


def _llama(config: PreTrainedConfig) -> dict[str, Any]:
    """The part of a LLaMA's configuration that the engine reads."""
    _check("backbone", config.model_type, ("llama",))
    _check("activation", config.hidden_act, ("silu",))
    _check("rotary embedding", config.rope_parameters["rope_type"], ("default",))
    if config.attention_bias or config.mlp_bias:
        raise ValueError("a page cannot think with a LLaMA whose linear layers have biases: make one without")
    return {**{name: getattr(config, name) for name in _LLAMA}, "rope_theta": config.rope_parameters["rope_theta"]}


def _tokenizer(planner: Planner) -> dict[str, Any]:
    """Vocabulary, how text is cut and how tokens are joined, of a tokenizer that `tokens._word_level` made."""
    fast = getattr(planner.tokenizer, "backend_tokenizer", None)
    file = json.loads(fast.to_str()) if fast is not None else {"model": {"type": type(planner.tokenizer).__name__}}
    _check("tokenizer", file["model"]["type"], ("WordLevel",))
    glue = [part["pattern"]["Regex"] for part in file["decoder"].get("decoders", []) if part["type"] == "Replace"]
    return {
        "vocabulary": file["model"]["vocab"],
        "pieces": file["pre_tokenizer"]["pretokenizers"][1]["pattern"]["Regex"],
        "glue": glue[0] if glue else None,
    }
