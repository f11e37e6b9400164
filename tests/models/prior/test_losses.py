"""The prior's losses are the cross-entropies of its logits, of which only a part exists at a time."""

import pytest
import torch
from allocations import Allocations
from torch import Tensor, nn
from torch.nn import functional as F

from models.prior.losses import image_loss, prior_loss, text_loss


def _states_and_head(rows: int, length: int, width: int, vocab: int) -> tuple[Tensor, nn.Linear]:
    torch.manual_seed(0)
    return torch.randn(rows, length, width, requires_grad=True), nn.Linear(width, vocab)


def _gradients(loss: Tensor, states: Tensor, head: nn.Linear) -> list[Tensor]:
    return list(torch.autograd.grad(loss * 0.875, [states, head.weight, head.bias]))


def _head_that_gives(logits: Tensor) -> nn.Linear:
    """A head whose logits are the states themselves."""
    head = nn.Linear(logits.shape[-1], logits.shape[-1])
    head.weight.data = torch.eye(logits.shape[-1])
    head.bias.data.zero_()
    return head


def test_the_loss_weighs_text_one_eighth() -> None:
    assert float(prior_loss(torch.tensor(8.0), torch.tensor(16.0), 1 / 8)) == pytest.approx(15.0)


def test_the_image_loss_and_its_gradients_are_those_of_all_logits_at_once() -> None:
    states, head = _states_and_head(3, 200, 16, 50)
    codes = torch.randint(0, 50, (3, 200))
    ours = image_loss(states, head, codes)
    whole = F.cross_entropy(head(states).flatten(0, 1), codes.flatten())
    torch.testing.assert_close(ours, whole)
    torch.testing.assert_close(_gradients(ours, states, head), _gradients(whole, states, head))


@pytest.mark.parametrize("with_padding", [True, False])
def test_the_text_loss_and_its_gradients_are_those_of_all_logits_at_once(with_padding: bool) -> None:
    states, head = _states_and_head(4, 90, 16, 50)
    targets = torch.randint(0, 50, (4, 90))  # ids from 40 on are padding
    ours = text_loss(states, head, targets, 40, with_padding)
    counted = targets if with_padding else targets.masked_fill(targets >= 40, -100)
    whole = F.cross_entropy(head(states).flatten(0, 1), counted.flatten())
    torch.testing.assert_close(ours, whole)
    torch.testing.assert_close(_gradients(ours, states, head), _gradients(whole, states, head))


def test_padding_targets_count_only_when_asked() -> None:
    logits = torch.zeros(1, 3, 10)
    logits[0, 2, 8] = 50.0
    targets = torch.tensor([[1, 2, 8]])  # ids from 7 on are padding
    head = _head_that_gives(logits)
    with_padding, without = (float(text_loss(logits, head, targets, 7, flag).detach()) for flag in (True, False))
    assert without == pytest.approx(2.302585, abs=1e-5)
    assert with_padding == pytest.approx(2.302585 * 2 / 3, abs=1e-5)


def test_captions_of_padding_alone_give_a_loss_of_zero_without_it() -> None:
    logits = torch.zeros(1, 3, 10)
    loss = text_loss(logits, _head_that_gives(logits), torch.full((1, 3), 8), 7, False)
    assert loss.item() == 0.0


def test_the_logits_of_all_positions_never_exist_at_once() -> None:
    states, head = _states_and_head(4, 1024, 16, 4096)
    codes = torch.randint(0, 4096, (4, 1024))
    with Allocations() as allocations:
        image_loss(states, head, codes).backward()
    assert allocations.peak < 4 * codes.numel() * 4096 / 3
