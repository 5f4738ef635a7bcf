"""Push planners to the hub of HF_ENDPOINT, bring them back, and print whether they are what they were (JSON)."""

import json

import torch
from huggingface_hub import snapshot_download
from transformers import AutoModel

from atp_lite.domains import read_expression
from atp_lite.engine.lora import LoRASettings, add_lora, has_lora
from atp_lite.planner import Planner

PROBLEMS = [read_expression("(3+4)*(9-2)"), read_expression("7+5-3")]


def latents(planner: Planner) -> torch.Tensor:
    return planner.reason(PROBLEMS).latents


planner = Planner.fresh(seed=1)
planner.model.eval().config.max_latents = 4
url = planner.push_to_hub("me/toy", private=True)
again = Planner.from_pretrained(snapshot_download("me/toy"))
model = AutoModel.from_pretrained("me/toy")
add_lora(planner.model, LoRASettings(rank=2))
with torch.no_grad():
    for name, p in planner.model.named_parameters():
        if "lora_B" in name:
            p.fill_(0.01)
planner.model.push_to_hub("me/lora")
merged = Planner(AutoModel.from_pretrained("me/lora").eval(), planner.tokenizer)
try:
    planner.push_to_hub("me/toy", token="hf_wrong")
    refused = ""
except OSError as error:
    refused = str(error)
planner_lora = latents(planner)
first = Planner.fresh(seed=1)
first.model.eval().config.max_latents = 4
print(
    json.dumps(
        {
            "url": url,
            "same": torch.allclose(latents(again), latents(first), atol=1e-6),
            "found": torch.allclose(latents(Planner(model.eval(), again.tokenizer)), latents(first), atol=1e-6),
            "lora moved it": not torch.allclose(planner_lora[:, 0], latents(first)[:, 0], atol=1e-3),
            "lora came back merged": torch.allclose(latents(merged), planner_lora, atol=1e-4)
            and not has_lora(merged.model),
            "refused": refused,
        }
    )
)
