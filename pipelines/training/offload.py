"""Training needs the transformer alone: the other parts of the pipeline wait in main memory meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.models.driver import Driver


class Offload:
    """Keeps text encoders and VAE off a CUDA device while steps run. On a CPU nothing moves.

    A sample picture needs the VAE, and a text encoder only the first time: the driver keeps the embeddings.
    """

    def __init__(self, driver: Driver):
        self.driver = driver

    @contextmanager
    def offloaded(self) -> Iterator[None]:
        """Inside, only the transformer is on the device."""
        driver, stay = self.driver, self.driver.encoders_stay
        driver.encoders_off()
        driver.place("cpu", "vae")
        try:
            yield
        finally:
            driver.encoders_stay = stay
            driver.place(driver.device, "vae", *(driver.encoders if stay else ()))

    @contextmanager
    def fetched(self) -> Iterator[None]:
        """Inside ``offloaded``: the VAE is back for a while, to make a picture."""
        self.driver.place(self.driver.device, "vae")
        try:
            yield
        finally:
            self.driver.place("cpu", "vae")
