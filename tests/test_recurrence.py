"""Weight gradients collected over the loop's steps are those of plain autograd, whatever else is asked of the graph."""

import pytest
import torch
from small import PROBLEMS, tiny_planner
from torch import nn

from atp_lite.model import recurrence
from atp_lite.model.recurrence import one_weight_gradient


def gradients(planner) -> dict[str, torch.Tensor]:
    """Of all four losses, rows of different lengths, latents drawn."""
    planner.model.zero_grad()
    batch = planner.collate(planner.collate.encode(PROBLEMS[:4]), 3)
    losses = planner.model.sft_losses(batch, sample=True, generator=torch.Generator().manual_seed(0))
    losses.total(0.1).backward()
    return {name: p.grad.clone() for name, p in planner.model.named_parameters() if p.grad is not None}


def test_gradients_are_those_of_autograd(monkeypatch):
    planner = tiny_planner()
    sizes = [layer.weight.numel() for layer in planner.model.modules() if isinstance(layer, nn.Linear)]
    assert max(sizes) < recurrence.SMALLEST, "as it stands, this model is left to autograd"
    plain = gradients(planner)
    monkeypatch.setattr(recurrence, "SMALLEST", 0)
    collected = gradients(planner)
    assert plain.keys() == collected.keys()
    for name, value in plain.items():
        torch.testing.assert_close(collected[name], value, atol=1e-6, rtol=1e-4)


@pytest.fixture
def loop(monkeypatch):
    """Three steps through one matrix, and through another that learns nothing."""
    monkeypatch.setattr(recurrence, "SMALLEST", 0)
    torch.manual_seed(0)
    model = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4, bias=False)])
    model[1].requires_grad_(False)
    start = torch.randn(2, 4, requires_grad=True)

    def loss(collect: bool) -> torch.Tensor:
        x = start
        if collect:
            with one_weight_gradient(model):
                for _ in range(3):
                    x = torch.tanh(model[1](model[0](x)))
        else:
            for _ in range(3):
                x = torch.tanh(model[1](model[0](x)))
        return x.square().sum()

    return model, start, loss


def test_asking_for_a_gradient_first_does_not_count_twice(loop):
    model, start, loss = loop
    loss(collect=False).backward()
    expected, of_start = model[0].weight.grad.clone(), start.grad.clone()
    model[0].zero_grad()
    value = loss(collect=True)
    (first,) = torch.autograd.grad(value, start, retain_graph=True)
    torch.testing.assert_close(first, of_start)
    value.backward()
    torch.testing.assert_close(model[0].weight.grad, expected)
    assert model[1].weight.grad is None


def test_layers_are_as_before_outside_and_without_gradients(loop):
    model, start, _ = loop
    with torch.no_grad(), one_weight_gradient(model):
        assert "forward" not in vars(model[0])
    with one_weight_gradient(model):
        assert "forward" in vars(model[0]) and "forward" not in vars(model[1]), "what does not learn is left alone"
    assert "forward" not in vars(model[0])
