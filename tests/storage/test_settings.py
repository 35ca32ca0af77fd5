import threading
import tomllib
from pathlib import Path

import pytest
from own_presets import own_flux

from pipelines.storage import settings
from pipelines.storage.presets import shipped
from pipelines.storage.settings import BadSettings, Settings
from pipelines.workflow.opening import open_session


def write(root: Path, text: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "settings.toml").write_text(text, encoding="utf-8")


def test_defaults_file_environment_and_given_values_in_that_order(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.load(workspace_root) == Settings()
    assert settings.load(workspace_root).theme == "dark"
    write(workspace_root, 'theme = "light"\nthreads = 2\nmemory_budget_gib = 12')
    assert settings.load(workspace_root).theme == "light"
    monkeypatch.setenv("FLENWHEEL_THEME", "system")
    monkeypatch.setenv("FLENWHEEL_MODELS_DIR", "/srv/models")
    loaded = settings.load(workspace_root, threads=3, device=None)
    assert (loaded.theme, loaded.threads, loaded.memory_budget_gib, loaded.device) == ("system", 3, 12, "auto")
    assert loaded.models_dir == Path("/srv/models")
    assert settings.load(workspace_root, theme="dark").theme == "dark"


def test_settings_cross_to_another_process_as_they_are(workspace_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = settings.load(workspace_root, models_dir="/m", threads=4, character="ada")
    monkeypatch.setenv("FLENWHEEL_THREADS", "7")
    assert Settings(**here.model_dump(mode="json")) == here


def test_one_workspace_does_not_see_the_file_of_another(workspace_root: Path, tmp_path: Path) -> None:
    write(workspace_root, 'theme = "light"')
    assert settings.load(workspace_root).theme == "light"
    assert settings.load(tmp_path / "other").theme == "dark"
    assert Settings().theme == "dark"


def test_what_cannot_be_used_of_the_file_is_left_out_and_all_of_it_told_at_once(workspace_root: Path) -> None:
    content = 'theme = "pink"\nthread = 2\nmemory_budget_gib = -1\ngenerator = "sdxl"\neditor = "mini-flux"\n'
    content += "threads = 3"
    write(workspace_root, content)
    loaded = settings.load(workspace_root)
    assert loaded.model_dump() == Settings(threads=3).model_dump()
    (told,) = loaded.problems
    known = shipped().models
    for word in ("theme", "thread", "memory_budget_gib", "no generator 'sdxl'", "no editor 'mini-flux'", *known):
        assert word in told
    assert "settings.toml" in told and (workspace_root / "settings.toml").read_text() == content
    with open_session(workspace_root) as session:
        assert told in session.store.repairs


def test_what_another_version_can_use_stays_in_the_file(workspace_root: Path) -> None:
    write(workspace_root, 'surprise = [1]\nthreads = "many"\ntheme = "light"')
    settings.save(workspace_root, {"device": "cpu"})
    kept = tomllib.loads((workspace_root / "settings.toml").read_text())
    assert kept == {"surprise": [1], "threads": "many", "theme": "light", "device": "cpu"}
    settings.save(workspace_root, {"threads": 2, "surprise": None})
    kept = tomllib.loads((workspace_root / "settings.toml").read_text())
    assert kept == {"threads": 2, "theme": "light", "device": "cpu"}
    assert settings.load(workspace_root).problems == ()


@pytest.mark.parametrize("broken", ["theme = ", "\ufeff\0", "theme = 'a", "a = " + "[" * 5000])
def test_a_file_that_is_not_toml_is_named_and_left(workspace_root: Path, broken: str) -> None:
    write(workspace_root, broken)
    loaded = settings.load(workspace_root)
    assert loaded.model_dump() == Settings().model_dump() and "settings.toml" in loaded.problems[0]
    with pytest.raises(BadSettings, match=r"settings\.toml"):
        settings.save(workspace_root, {"threads": 1})
    assert (workspace_root / "settings.toml").read_text() == broken


def test_a_bad_environment_variable_is_told(workspace_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLENWHEEL_THREADS", "many")
    with pytest.raises(BadSettings, match="threads"):
        settings.load(workspace_root)


def test_saving_keeps_what_was_there_and_none_removes(workspace_root: Path) -> None:
    settings.save(workspace_root, {"theme": "light", "insightface_root": Path("/packs"), "character": "ada"})
    settings.save(workspace_root, {"threads": 2, "character": None, "models_dir": ""})
    loaded = settings.load(workspace_root)
    assert (loaded.theme, loaded.threads, loaded.character) == ("light", 2, "")
    assert (loaded.insightface_root, loaded.models_dir) == (Path("/packs"), None)
    text = (workspace_root / "settings.toml").read_text()
    assert tomllib.loads(text) == {"theme": "light", "insightface_root": "/packs", "threads": 2}


def test_what_two_save_at_once_is_both_kept(workspace_root: Path) -> None:
    lost: list[str] = []

    def save(name: str) -> None:
        for number in range(1, 9):
            settings.save(workspace_root, {name: number})
            if getattr(settings.load(workspace_root), name) != number:
                lost.append(name)

    workspace_root.mkdir()
    threads = [threading.Thread(target=save, args=(name,)) for name in ("threads", "memory_budget_gib")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lost


def test_saving_a_bad_value_changes_nothing(workspace_root: Path) -> None:
    settings.save(workspace_root, {"theme": "light"})
    before = (workspace_root / "settings.toml").read_bytes()
    for bad in ({"theme": "pink"}, {"surprise": 1}, {"threads": -1}, {"editor": "nobody"}):
        with pytest.raises(BadSettings, match=next(iter(bad))):
            settings.save(workspace_root, {"threads": 1, **bad})
    assert (workspace_root / "settings.toml").read_bytes() == before


def test_the_environment_is_not_written_into_the_file(workspace_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLENWHEEL_THREADS", "5")
    settings.save(workspace_root, {"theme": "light"})
    assert tomllib.loads((workspace_root / "settings.toml").read_text()) == {"theme": "light"}


def test_every_setting_can_be_shown(workspace_root: Path) -> None:
    schema = Settings.model_json_schema()["properties"]
    assert set(schema) == set(Settings.model_fields)
    for name, field in schema.items():
        assert field.get("description"), name
    able = {role: [n for n, m in shipped().models.items() if role in m.roles] for role in ("generator", "editor")}
    assert schema["generator"]["enum"] == able["generator"] and schema["editor"]["enum"] == able["editor"]
    assert schema["theme"]["enum"] == ["dark", "light", "system"]


def test_a_model_of_the_users_own_can_be_chosen_and_its_loss_does_not_shut_the_workspace(workspace_root: Path) -> None:
    with pytest.raises(BadSettings, match="generator"):
        settings.save(workspace_root, {"generator": "mine"})
    file = own_flux(workspace_root)
    settings.save(workspace_root, {"generator": "mine"})
    assert settings.load(workspace_root).generator == "mine"
    file.write_text("name = ")
    assert settings.load(workspace_root).generator == "mine"
    settings.save(workspace_root, {"theme": "light"})  # what is not changed need not be known
    with pytest.raises(BadSettings, match="editor"):
        settings.save(workspace_root, {"editor": "nobody"})
    settings.save(workspace_root, {"generator": "mini-flux"})
    with pytest.raises(BadSettings, match="generator"):
        settings.save(workspace_root, {"generator": "mine"})
