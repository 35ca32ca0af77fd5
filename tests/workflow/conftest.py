"""A session with a character, and pictures of every kind put there without rendering: the steps only read records."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from pipelines.domain.records import Character, Decision, ImageRecord
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import ImageRef, Purpose, Shot
from pipelines.session import Session
from pipelines.storage.pictures import save_picture
from pipelines.workflow import characters, datasets
from pipelines.workflow.opening import open_session
from studio import __main__ as cli

Put = Callable[..., ImageRecord]


@pytest.fixture(scope="session")
def practised(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> tuple[Path, dict]:
    """A workspace that ``flenwheel practice --start 3`` has made (copy it), and what that told. The first process of a
    run that wants it makes it for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "practised"
    root, told = folder / "workspace", folder / "told.json"
    with FileLock(f"{folder}.lock"):
        if not told.exists():
            said = io.StringIO()
            with redirect_stdout(said):
                assert cli.main(["--workspace", str(root), "--json", "practice", "--start", "3"]) == 0
            told.write_text(said.getvalue())
    return root, json.loads(told.read_text())


@pytest.fixture
def cleo_session(practised: tuple[Path, dict], workspace_root: Path) -> Iterator[Session]:
    """A session with the practice character Cleo and her sources."""
    shutil.copytree(practised[0], workspace_root)
    with open_session(workspace_root) as opened:
        yield opened


@pytest.fixture
def session(workspace_root: Path) -> Iterator[Session]:
    with open_session(workspace_root) as opened:
        yield opened


@pytest.fixture
def ada(session: Session) -> Character:
    return characters.create(session, "Ada", origin="drawn here", may_use=True)


@pytest.fixture
def put(session: Session, ada: Character) -> Put:
    """Put a picture there: ``put("enriched", label="good", who="human", sources=[...], labels={...})``."""
    made = 0

    def _put(
        kind: str,
        *,
        label: str | None = None,
        who: str = "human",
        sources: tuple[ImageRef, ...] = (),
        labels: dict[str, str] | None = None,
        cell: str = "",
        version: str = "v1",
        score: float | None = None,
        verdict: str = "cannot tell",
        faces: int | None = None,
        **fields: object,
    ) -> ImageRecord:
        nonlocal made
        made += 1
        pixels = np.random.default_rng(made).integers(0, 255, (48, 48, 3), dtype=np.uint8)
        shot = None
        if kind != "source":
            shot = Shot(
                family="mini-qwen-edit" if sources else "mini-flux",
                revision="1",
                prompt="turn the head",
                sources=sources,
                seed=made,
                steps=1,
                guidance=1.0,
                width=48,
                height=48,
                purpose=Purpose(
                    step="model_card" if kind == "card" else "enrich", cell=cell or str(made), labels=labels or {}
                ),
            )
        image = save_picture(
            session.workspace,
            Image.fromarray(pixels),
            character=ada.id,
            kind=kind,
            version=version,
            shot=shot,
            **fields,
        )
        if score is not None or faces is not None:
            identity = Identity(recogniser="test", model_hash="0", score=score, n=3, threshold=0.5, verdict=verdict)  # type: ignore[arg-type]
            image = image.model_copy(update={"scores": Scores(identity=identity, faces=faces)})
        session.store.put(image)
        if kind in ("source", "enriched", "synthetic"):
            datasets.include(session, ada.id, kind, version, [image.id])  # type: ignore[arg-type]
        if label is not None:
            session.store.decide(Decision(image=image.id, who=who, action="label", value=label))  # type: ignore[arg-type]
        return image

    return _put
