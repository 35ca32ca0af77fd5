"""A practice character whose pictures are put there without a model, and readings of them as the worker would tell."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.domain.intake import Intake
from pipelines.domain.records import Card, Character, ImageRecord, Job, LoraRecord, now
from pipelines.domain.requests import ExamineRequest
from pipelines.domain.shots import ImageRef, Purpose, Shot
from pipelines.session import Session
from pipelines.storage.pictures import save_picture
from pipelines.workflow import characters, datasets
from pipelines.workflow.opening import open_session
from pipelines.world.reading import Reading, Said

NASTY = "<img src=x onerror=window.pwned=1> </style><script>alert(1)</script> Cleo"
Put = Callable[..., ImageRecord]


@pytest.fixture
def session(workspace_root: Path) -> Iterator[Session]:
    with open_session(workspace_root) as opened:
        yield opened


@pytest.fixture
def cleo(session: Session) -> Character:
    return characters.create(session, NASTY, practice=3, may_use=True)


@pytest.fixture
def put(session: Session, cleo: Character) -> Put:
    """``put("enriched", labels={...}, sources=[ref], cell="...", image=pixels)``: a record with its file."""
    made = 0

    def _put(
        kind: str,
        *,
        labels: dict[str, str] | None = None,
        sources: tuple[ImageRef, ...] = (),
        cell: str = "",
        version: str = "v1",
        image: Image.Image | None = None,
    ) -> ImageRecord:
        nonlocal made
        made += 1
        noise = np.random.default_rng(made).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        shot = Shot(
            family="mini-qwen-edit" if sources else "mini-flux", revision="1", prompt=NASTY, sources=sources, seed=made,
            steps=1, guidance=1.0, width=64, height=64,
            purpose=Purpose(step="enrich", cell=cell or str(made), labels=labels or {}),
        )  # fmt: skip
        intake = Intake(filename=f"{NASTY}-{made:02}.png", original="x", original_sha256="0" * 64, format="PNG")
        record = save_picture(
            session.workspace, image or Image.fromarray(noise), character=cleo.id, kind=kind, version=version,
            shot=None if kind == "source" else shot, intake=intake if kind == "source" else None,
        )  # fmt: skip
        session.store.put(record)
        if kind in ("source", "enriched", "synthetic"):
            datasets.include(session, cleo.id, kind, version, [record.id])  # type: ignore[arg-type]
        return record

    return _put


@pytest.fixture
def tell(session: Session, cleo: Character) -> Callable[[dict[str, Reading]], Job]:
    """Record readings as an ended job does."""

    def _tell(found: dict[str, Reading]) -> Job:
        request = ExamineRequest(character=cleo.id, number=3, images=(), size=64, seed=5, error=0.05)
        result: dict[str, Any] = {"readings": {i: r.model_dump(mode="json") for i, r in found.items()}}
        job = Job(
            id=f"look{len(session.store.all(Job))}", kind="examine", title="Look", character=cleo.id, state="done",
            request=request.model_dump(mode="json"), result=result, started=now(), ended=now(),
        )  # fmt: skip
        session.store.put(job)
        return job

    return _tell


@pytest.fixture
def card(session: Session, cleo: Character, put: Put) -> Callable[[str], list[ImageRecord]]:
    """A card with all its pictures, of a LoRA of that version."""

    def _card(version: str) -> list[ImageRecord]:
        from pipelines.storage.presets import shipped

        lora = LoraRecord(
            id=version * 32, name=f"cleo_{version}", path="x", family="flux", rank=4, origin="trained",
            character=cleo.id, version=version, run=version,
        )  # fmt: skip
        session.store.put(
            lora, Card(id=f"{cleo.id}/{version}", character=cleo.id, version=version, lora=lora.id, seed=1)
        )
        asked = {c.name: {"angle": c.angle, "expression": c.expression, "pose": c.pose} for c in shipped().card.cells}
        return [put("card", cell=name, version=version, labels=labels) for name, labels in asked.items()]

    return _card


def reading(**fields: Any) -> Reading:
    """The character, front and smiling, unless said otherwise; words are said surely."""
    said = {k: Said(word=v, sure=0.9) if isinstance(v, str) and k != "angle" else v for k, v in fields.items()}
    plain: dict[str, Any] = {
        "identity": 0.9, "threshold": 0.5, "angle": "front", "expression": Said(word="smiling", sure=0.9),
        "framing": Said(word="portrait", sure=0.9), "pose": Said(word="none", sure=0.9),
        "light": Said(word="front", sure=0.9), "background": Said(word="studio", sure=0.9),
    }  # fmt: skip
    return Reading(**plain | said)


@pytest.fixture(name="reading")
def reading_fixture() -> Callable[..., Reading]:
    return reading
