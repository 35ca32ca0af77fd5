"""What can be measured of a picture without knowing whom it shows, and what makes a weak source."""

import numpy as np
from PIL import Image

from pipelines.domain.scores import Quality

LOOK_AT = 512
"""Pixels of the longer side at which sharpness is measured; smaller pictures are not enlarged (that blurs them)."""
BLURRED = 60.0
DARK, BRIGHT = 0.2, 0.85
FLAT = 0.08
"""Starting values."""


def measure(image: Image.Image) -> Quality:
    """Sharpness (variance of the 4-neighbour Laplacian of the 8-bit luma), light (mean luma 0-1), contrast (its
    standard deviation), and what is doubtful in words. Source of the blur measure: Pech-Pacheco et al. 2000."""
    luma = np.asarray(_shrunk(image.convert("L")), dtype=np.float64)
    sharpness, light, contrast = _laplacian_variance(luma), float(luma.mean()) / 255, float(luma.std()) / 255
    findings = {
        "blurred": sharpness < BLURRED,
        "dark": light < DARK,
        "overexposed": light > BRIGHT,
        "hardly any contrast": contrast < FLAT,
    }
    issues = tuple(words for words, true in findings.items() if true)
    return Quality(sharpness=round(sharpness, 2), light=round(light, 4), contrast=round(contrast, 4), issues=issues)


def measure_source(image: Image.Image, smallest: int) -> Quality:
    """``measure``, and whether the picture is too small to learn from: shorter side below ``smallest`` pixels."""
    quality = measure(image)
    if min(image.size) >= smallest:
        return quality
    small = f"small ({image.width} x {image.height} px; {smallest} px on the shorter side wanted)"
    return quality.model_copy(update={"issues": (small, *quality.issues)})


def _shrunk(luma: Image.Image) -> Image.Image:
    scale = max(luma.size) / LOOK_AT
    if scale <= 1:
        return luma
    return luma.resize((max(1, round(luma.width / scale)), max(1, round(luma.height / scale))), Image.Resampling.BOX)


def _laplacian_variance(luma: np.ndarray) -> float:
    if min(luma.shape) < 3:
        return 0.0
    middle = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * middle
    return float(laplacian.var())
