"""The dVAE's loss against closed forms and numerical integration."""

import math

import pytest
import torch
from torch.nn import functional as F

from models.dvae.losses import dvae_loss, gumbel_softmax, kl_to_uniform, logit_laplace_nll, phi, phi_inverse


@pytest.mark.parametrize(("mu", "log_scale"), [(0.0, 0.0), (1.5, -1.0), (-2.0, 0.3), (0.4, -2.5)])
def test_the_logit_laplace_density_integrates_to_one(mu: float, log_scale: float) -> None:
    logits = torch.linspace(-30, 30, 600_001, dtype=torch.float64)  # even steps in logit space reach both ends
    x = logits.sigmoid()
    nll = logit_laplace_nll(x, torch.tensor(mu), torch.tensor(log_scale))
    integrand = torch.exp(-nll) * x * (1 - x)  # dx = x (1 - x) dlogit
    assert float(torch.trapezoid(integrand, logits)) == pytest.approx(1.0, abs=1e-4)


def test_the_density_is_that_of_a_laplace_variable_behind_a_sigmoid() -> None:
    x, mu, scale = torch.tensor([0.2, 0.5, 0.85]), torch.tensor(0.3), torch.tensor(0.7)
    laplace = torch.distributions.Laplace(mu, scale)
    behind = torch.distributions.TransformedDistribution(laplace, torch.distributions.SigmoidTransform())
    torch.testing.assert_close(logit_laplace_nll(x, mu, scale.log()), -behind.log_prob(x))


def test_phi_keeps_pixels_away_from_the_poles_and_can_be_inverted() -> None:
    x = torch.linspace(0, 1, 11)
    assert phi(x).min() == pytest.approx(0.1)
    assert phi(x).max() == pytest.approx(0.9)
    torch.testing.assert_close(phi_inverse(phi(x)), x)
    assert phi_inverse(torch.tensor([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_kl_is_zero_for_uniform_and_ln_v_for_certain_codes() -> None:
    uniform = torch.zeros(1, 8192, 1, 1)
    certain = torch.zeros(1, 8192, 1, 1)
    certain[0, 17] = 200.0
    assert float(kl_to_uniform(uniform)) == pytest.approx(0.0, abs=1e-5)
    assert float(kl_to_uniform(certain)) == pytest.approx(9.0109, abs=1e-4)


def test_kl_agrees_with_torch() -> None:
    logits = torch.randn(2, 7, 3, 3)
    uniform = torch.full_like(logits, 1 / 7)
    expected = F.kl_div(uniform.log(), logits.softmax(1), reduction="none").sum(1)
    torch.testing.assert_close(kl_to_uniform(logits), expected)


def test_the_gradient_of_the_kl_is_that_of_its_formula() -> None:
    logits = torch.randn(2, 7, 3, 3).requires_grad_()
    weights = torch.randn(2, 3, 3)
    (kl_to_uniform(logits) * weights).sum().backward()
    found, logits.grad = logits.grad, None
    q = logits.softmax(1)
    ((math.log(7) + (q * q.log()).sum(1)) * weights).sum().backward()
    torch.testing.assert_close(found, logits.grad, atol=1e-5, rtol=1e-5)


def test_the_gradient_of_the_kl_is_finite_for_certain_codes() -> None:
    logits = torch.zeros(1, 50, 1, 1)
    logits[0, 3] = 500.0
    logits.requires_grad_()
    kl_to_uniform(logits).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_the_total_is_the_papers_sum_over_values() -> None:
    nll, kl = torch.rand(2, 3, 256, 256), torch.rand(2, 32, 32)
    per_image = (nll.sum((1, 2, 3)) + 6.6 * kl.sum((1, 2))) / 196_608
    torch.testing.assert_close(dvae_loss(nll, kl, 6.6), per_image.mean())
    only_kl = dvae_loss(torch.zeros_like(nll), torch.ones_like(kl), 6.6)
    assert float(only_kl) == pytest.approx(0.034375)


def test_relaxed_codes_are_weights_that_add_up_to_one() -> None:
    soft = gumbel_softmax(torch.randn(2, 9, 4, 4), 0.7, torch.Generator().manual_seed(0))
    assert soft.shape == (2, 9, 4, 4)
    assert (soft >= 0).all()
    torch.testing.assert_close(soft.sum(1), torch.ones(2, 4, 4))


def test_towards_zero_temperature_codes_are_the_argmax_of_the_noisy_logits() -> None:
    logits = torch.randn(2, 9, 4, 4, generator=torch.Generator().manual_seed(0))
    cold, warm = (gumbel_softmax(logits, tau, torch.Generator().manual_seed(3)) for tau in (1e-5, 1.0))
    torch.testing.assert_close(cold, F.one_hot(warm.argmax(1), 9).permute(0, 3, 1, 2).float(), atol=1e-3, rtol=0)


def test_cold_codes_are_drawn_with_the_softmax_probabilities() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))[None, :, None, None].expand(1, 4, 200, 200)
    drawn = gumbel_softmax(logits, 1e-3, torch.Generator().manual_seed(1)).mean((0, 2, 3))
    torch.testing.assert_close(drawn, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.01, rtol=0)


def test_noise_does_not_change_the_codes_of_very_confident_logits() -> None:
    logits = torch.full((1, 5, 2, 2), -1e4)
    logits[:, 2] = 0
    soft = gumbel_softmax(logits, 1.0, torch.Generator().manual_seed(0))
    assert soft[:, 2].min() == pytest.approx(1.0)


def test_gradients_reach_the_logits_through_the_relaxation() -> None:
    logits = torch.randn(1, 5, 2, 2, requires_grad=True)
    gumbel_softmax(logits, 0.5, torch.Generator().manual_seed(0))[:, 1].sum().backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(1) > 0).all()


def test_the_loss_is_finite_at_the_ends_of_the_pixel_range() -> None:
    ends = phi(torch.tensor([0.0, 1.0]))
    assert torch.isfinite(logit_laplace_nll(ends, torch.zeros(2), torch.full((2,), -8.0))).all()
    assert math.isfinite(float(dvae_loss(torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 1), 0.0)))
