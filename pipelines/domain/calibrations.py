"""The record of a calibration: where the identity threshold of a character lies, and how far it can be trusted."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.records import Record, now
from pipelines.domain.scores import Angle


class RejectRate(Frozen):
    """Of ``total`` right pictures at one angle, how many did not pass the threshold (95 % interval of that rate), and
    how many would be called someone else."""

    angle: Angle
    total: int
    not_passed: int
    failed: int
    low: float
    high: float


class Calibration(Record):
    """Where the identity threshold of a character lies for one recogniser, and why (``pipelines.faces.calibration``).
    ``id`` is ``<character>/<version>/<recogniser>``.

    A score passes from ``threshold`` on and fails below ``floor``. ``tau`` is the threshold by ``impostors`` pictures
    of ``others`` (worth ``effective`` independent ones) at a share ``far`` of false accepts, true for new others within
    ``far_low`` to ``far_high``; ``smallest`` is the smallest leave-one-out score of ``references`` (id, angle): those
    of the sources it has ``seen`` that have a face. ``provisional`` thresholds are not used; ``why`` says why.
    ``report`` is a page, relative to the workspace.
    """

    table: ClassVar[str] = "calibrations"
    character: str
    version: str
    recogniser: str
    model_hash: str
    far: float
    far_low: float
    far_high: float
    tau: float
    smallest: float
    threshold: float
    floor: float
    seen: tuple[str, ...]
    references: tuple[tuple[str, Angle], ...]
    impostors: int
    others: int
    effective: float
    auc: float | None = None
    rejects: tuple[RejectRate, ...] = ()
    provisional: bool = False
    why: str = ""
    report: str = ""
    job: str = ""
    created: datetime = Field(default_factory=now)
