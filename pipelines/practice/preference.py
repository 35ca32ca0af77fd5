"""What the simulated reviewer finds best of the pictures that are good."""

from pipelines.world.reading import Reading


def preference(reading: Reading | None) -> tuple[float, float]:
    """The least damaged first; of those where that cannot be told (full figures), the most alike."""
    if reading is None:
        return -255.0, -1.0
    return -(reading.face_distance or 0.0), reading.identity if reading.identity is not None else -1.0
