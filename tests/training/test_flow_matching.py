"""Rectified flow: our sigmas are the scheduler's own, and following the target leads from noise to the picture."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from pipelines.models.denoiser import shift_mu
from pipelines.training.flow_matching import draw_sigma, generator, mix, shifted, target

FLUX = {
    "use_dynamic_shifting": True,
    "base_shift": 0.5,
    "max_shift": 1.15,
    "base_image_seq_len": 256,
    "max_image_seq_len": 4096,
}


@pytest.mark.parametrize("tokens", [64, 256, 2304, 4096])
def test_the_shift_is_the_one_used_at_inference(tokens: int) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, **FLUX)
    mu = shift_mu(scheduler.config, tokens)
    assert mu == pytest.approx(calculate_shift(tokens, 256, 4096, 0.5, 1.15))
    u = [0.9, 0.5, 0.1]
    scheduler.set_timesteps(sigmas=u, mu=mu)
    assert torch.allclose(scheduler.sigmas[:3], shifted(torch.tensor(u), mu), atol=1e-6)


def test_a_constant_shift_is_taken_from_the_scheduler() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    u = torch.tensor([0.9, 0.5, 0.1])
    assert torch.allclose(shifted(u, shift_mu(scheduler.config, 999)), 3 * u / (1 + 2 * u), atol=1e-6)


def test_larger_pictures_are_trained_at_higher_noise() -> None:
    def middle(tokens: int) -> float:
        source = generator("sigmas")
        return float(torch.cat([draw_sigma(shift_mu(FLUX, tokens), source) for _ in range(500)]).median())

    # the median of the logit-normal draw is 1/2, so after the shift it is sigmoid(mu)
    assert middle(256) == pytest.approx(float(torch.sigmoid(torch.tensor(0.5))), abs=0.05)
    assert middle(4096) > middle(256) + 0.08


def test_the_target_leads_from_any_point_to_the_picture() -> None:
    z, e = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    sigma = torch.tensor([0.3, 0.8])
    back = mix(z, e, sigma) - sigma.view(2, 1, 1, 1) * target(z, e)
    assert torch.allclose(back, z, atol=1e-6)
    assert torch.equal(mix(z, e, torch.zeros(2)), z) and torch.equal(mix(z, e, torch.ones(2)), e)


def test_draws_depend_on_their_key_alone() -> None:
    def draw(*key: object) -> torch.Tensor:
        return torch.randn(4, generator=generator(*key))

    first = draw(1, 2, 3)
    torch.randn(5)
    assert torch.equal(draw(1, 2, 3), first)
    assert not torch.equal(draw(1, 2, 4), first) and not torch.equal(draw(2, 2, 3), first)
