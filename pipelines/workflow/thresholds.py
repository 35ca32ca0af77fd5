"""The calibrated thresholds that a character's pictures are judged by."""

from pipelines.domain.calibrations import Calibration
from pipelines.domain.requests import CalibratedThreshold, Reference
from pipelines.session import Session


def newest(session: Session, character_id: str) -> dict[str, Calibration]:
    """The latest calibration of a character by each recogniser, provisional or not."""
    return {c.recogniser: c for c in session.store.all(Calibration, character=character_id)}


def calibrated(
    session: Session, character_id: str, references: tuple[Reference, ...]
) -> tuple[CalibratedThreshold, ...]:
    """The thresholds that hold for exactly these references: one that was calibrated before a source came, went or was
    tagged anew says nothing about the centroid of today."""
    names = ("recogniser", "model_hash", "threshold", "floor", "far")
    return tuple(
        CalibratedThreshold(**c.model_dump(include=set(names)))
        for c in newest(session, character_id).values()
        if not c.provisional and fits(c, references)
    )


def fits(calibration: Calibration, references: tuple[Reference, ...]) -> bool:
    """Whether a calibration saw these references as they are now. It may lack some: those without a face."""
    present = {r.image.id: r.angle for r in references}
    if set(calibration.seen) != set(present):
        return False
    return all(present[i] in ("unsure", angle) for i, angle in calibration.references)
