"""The loss of one step, and the same loss at fixed noise, which can be compared from step to step."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from pipelines.models.denoiser import Denoiser, Text
from pipelines.training.dataset import Example
from pipelines.training.flow_matching import draw_sigma, generator, mix, target

FIXED_SIGMAS = (0.25, 0.5, 0.75)
FIXED_EXAMPLES = 4


class Loss:
    """Mean squared error, weighted, between the predicted and the true direction of the flow."""

    def __init__(self, denoiser: Denoiser, device: torch.device, seed: int):
        self.denoiser, self.device, self.seed = denoiser, device, seed

    def draw(self, example: Example, *key: object) -> tuple[Tensor, Tensor]:
        """Sigma (1,) and noise for ``example`` that depend on the seed and ``key`` alone."""
        source = generator(self.seed, *key)
        tokens = self.denoiser.pack(example.latents).shape[1]
        sigma = draw_sigma(self.denoiser.shift(tokens), source)
        return sigma, torch.randn(example.latents.shape, generator=source)

    def of(self, example: Example, sigma: Tensor, noise: Tensor, dropped: bool = False) -> Tensor:
        """The loss of one example, a scalar with gradient."""
        return self.of_batch([(example, sigma, noise, dropped)])

    def of_batch(self, parts: Sequence[tuple[Example, Tensor, Tensor, bool]]) -> Tensor:
        """The loss of examples of one shape, run through the model together: a scalar, the mean over them, in which
        each place of a picture counts as its weights say."""
        texts = [example.empty if dropped else example.text for example, _, _, dropped in parts]
        latents = self._stack(example.latents for example, *_ in parts)
        noise = self._stack(n for _, _, n, _ in parts)
        sigma = self._stack(s for _, s, _, _ in parts)
        slots = zip(*(example.controls for example, *_ in parts), strict=True)
        controls = tuple(self._stack(slot) for slot in slots)
        predicted = self.denoiser.predict(mix(latents, noise, sigma), sigma, controls, self._text(texts))
        off = (predicted.float() - self.denoiser.pack(target(latents, noise))).square()
        return (off * self.denoiser.pack(self._weights([example for example, *_ in parts]))).mean()

    def fixed(self, examples: Sequence[Example]) -> float:
        """The mean loss of the first few examples at fixed sigmas and noise: a curve without the draw's scatter."""
        losses = []
        with torch.no_grad():
            for n, example in enumerate(examples[:FIXED_EXAMPLES]):
                for s in FIXED_SIGMAS:
                    noise = torch.randn(example.latents.shape, generator=generator(self.seed, "fixed", n, s))
                    losses.append(float(self.of(example, torch.tensor([s]), noise)))
        return sum(losses) / len(losses)

    def _weights(self, examples: Sequence[Example]) -> Tensor:
        """Of the shape of the examples' latents."""
        every = (torch.ones(()) if e.weights is None else e.weights for e in examples)
        return self._stack(w.expand(e.latents.shape) for w, e in zip(every, examples, strict=True))

    def _stack(self, tensors: Iterable[Tensor]) -> Tensor:
        return torch.cat([t.to(self.device) for t in tensors])

    def _text(self, texts: Sequence[Text]) -> Text:
        def each(name: str) -> Tensor | None:
            found = [tensor for text in texts if (tensor := getattr(text, name)) is not None]
            return self._stack(found) if found else None

        return Text(self._stack(t.embeds for t in texts), each("pooled"), each("places"))
