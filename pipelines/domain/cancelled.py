"""Cancelling is not an error: it has an exception of its own, raised between two steps of denoising or training."""


class Cancelled(Exception):
    """The user asked to stop. What was finished stays; what was borrowed is given back on the way out."""
