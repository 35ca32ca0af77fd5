"""Practice characters: a first turn of the wheel without pictures of one's own."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.domain.records import Job
from pipelines.domain.requests import PracticeRequest
from pipelines.session import NotFound, Session
from pipelines.workflow import characters, practice, sources, training
from pipelines.world.cast import CAST
from studio import __main__ as cli


def drawn(session: Session) -> tuple[Job, PracticeRequest]:
    (job,) = session.store.all(Job, kind="practice")
    return job, PracticeRequest.model_validate(job.request)


@pytest.mark.slow
def test_twelve_sources_as_a_real_bootstrap_would_be(cleo_session: Session, practised: tuple[Path, dict]) -> None:
    session = cleo_session
    job, _ = drawn(session)
    assert (job.state, job.done, job.total) == ("done", 12, 12)
    cleo = session.character("cleo")
    assert (cleo.name, cleo.may_use) == ("Cleo", True)
    assert (cleo.generator, cleo.editor) == ("mini-flux", "mini-qwen-edit")
    assert cleo.origin == "FLENwheel practice character 3, rendered on this machine"
    assert cleo.practice == 3
    found = sources.sources(session, "cleo")
    assert practised[1]["sources"] == [s.id for s in found]
    assert Counter(s.angle for s in found) == {"front": 4, "half-left": 4, "half-right": 4}
    assert Counter(s.expression for s in found) == {"neutral": 6, "smiling": 6}
    assert [s.intake.filename for s in found if s.intake] == [f"cleo-{n:02}.png" for n in range(1, 13)]
    wanted = [sources.scoring_spec(session, "cleo", family).smallest for family in ("mini-flux", "flux1-dev")]
    assert wanted == [64, 512]  # 256 px are plenty for a model that draws 64
    assert {(s.width, s.height) for s in found} == {(256, 256)}
    assert all(session.store.verdict(s.id).label == "good" for s in found)
    assert all(s.scores.quality for s in found)  # they have been looked at
    assert not [words for words in sources.advice(session, "cleo") if "angle" in words or "at least" in words]
    assert training.dataset(session, "cleo").by_angle == Counter(s.angle for s in found)
    assert list(session.workspace.path("cache/practice/cleo").iterdir()) == []


@pytest.mark.slow
def test_being_told_twice_of_the_end_changes_nothing(cleo_session: Session) -> None:
    session = cleo_session
    before = sources.sources(session, "cleo")
    mine = sources.tag(session, before[0].id, angle="profile-left")
    practice.take_in(session, *drawn(session))
    assert [s.id for s in sources.sources(session, "cleo")] == [s.id for s in before]
    assert sources.sources(session, "cleo")[0].angle == mine.angle == "profile-left"


def test_a_kill_between_taking_in_and_tagging_is_made_good(cleo_session: Session) -> None:
    session = cleo_session
    for source in sources.sources(session, "cleo"):
        sources.tag(session, source.id, angle="unsure", expression="unsure")
    practice.take_in(session, *drawn(session))
    assert Counter(s.angle for s in sources.sources(session, "cleo"))["half-left"] == 4


def test_the_portrait_on_the_start_page_shows_who_comes(cleo_session: Session) -> None:
    """Colours of the middle of the first source, among those of all portraits: its own is the nearest."""

    def hues(image: Image.Image) -> np.ndarray:
        small = image.convert("RGB").resize((64, 64), Image.Resampling.BOX).crop((12, 4, 52, 60))
        return np.histogramdd(np.asarray(small).reshape(-1, 3), 6, ((0, 255),) * 3)[0].ravel()

    folder = Path(practice.__file__).parents[2] / "presets" / "mini" / "practice"
    first = sources.sources(cleo_session, "cleo")[0]
    source = hues(Image.open(cleo_session.workspace.path(first.path)))
    near = {who.name: np.abs(hues(Image.open(folder / f"{who.number}.webp")) - source).sum() for who in CAST}
    assert min(near, key=lambda name: near[name]) == "Cleo"


def test_only_who_is_there_and_as_often_as_one_likes(session: Session) -> None:
    with pytest.raises(NotFound, match="no practice character 11: 1 to 10"):
        practice.start(session, 11)
    for name in ("ada", "ada-2"):
        character, job = practice.start(session, 1)
        session.jobs.cancel(job.id)
        assert character.id == name
    assert session.character("ada-2").practice == 1
    for origin in ("photos of practice character 1", session.character("ada").origin):
        mine = characters.create(session, "Ada", origin=origin, may_use=True)
        assert mine.practice is None, "words about pictures are words"


def test_the_list_needs_neither_workspace_nor_torch(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from studio import __main__ as cli;"
        f"sys.exit(cli.main(['--workspace', {str(tmp_path / 'none')!r}, 'practice', '--list', '--json']))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    told = json.loads(done.stdout)
    assert [(w["number"], w["name"], w["seed"]) for w in told["practice"]] == [(w.number, w.name, w.seed) for w in CAST]
    assert len(CAST) >= 8
    assert all(w["looks"] for w in told["practice"])
    assert not (tmp_path / "none").exists()


def test_who_is_not_there_is_refused_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--workspace", str(tmp_path / "there"), "--json", "practice", "--start", "0"]) == 1
    assert "no practice character 0" in json.loads(capsys.readouterr().out)["error"]
