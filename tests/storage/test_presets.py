"""Presets of the user's own over ours: what they change and add, and that nothing broken keeps anything else away."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w

from pipelines.domain.presets import REVISION_MARK, changed_since
from pipelines.storage.preset_files import KINDS, over
from pipelines.storage.presets import PresetFolder, Presets, load_presets, shipped

Write = Callable[[str, str], Path]
OURS = shipped()


@pytest.fixture
def write(workspace_root: Path) -> Write:
    """Write a file of the user's: ``write("models/mine.toml", 'name = "mine"')``."""

    def _write(file: str, text: str) -> Path:
        path = workspace_root / "presets" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def own_model(**more: object) -> str:
    table = {
        "name": "mine", "title": "Mine", "architecture": "flux", "roles": ["generator"], "revision": "1",
        "licence": "my own", "weights": {"folder": "/models/mine"}, "parts": {"transformer": {}},
        "lora_targets": ["attn.to_q"], "defaults": {"width": 64, "height": 64, "steps": 4, "guidance": 1.0},
        "recogniser": "insightface",
    }  # fmt: skip
    return tomli_w.dumps(table | more)


def without_own(presets: Presets) -> dict[str, object]:
    return {name: getattr(presets, name) for name in ("models", *(kind.name for kind in KINDS), "card")}


def test_without_a_folder_ours_stand_as_they_are(workspace_root: Path) -> None:
    assert load_presets(workspace_root) is OURS is load_presets(None)
    (workspace_root / "presets" / "models").mkdir(parents=True)
    found = load_presets(workspace_root)
    assert (without_own(found), found.own, found.problems) == (without_own(OURS), {}, ())


def test_a_known_name_changes_the_fields_it_gives_and_an_unknown_one_is_added_behind(
    write: Write, workspace_root: Path
) -> None:
    write(
        "models/a.toml",
        'name = "flux1-dev"\ntitle = "Our FLUX"\n[defaults]\nsteps = 20\n[parts.transformer]\nplain = 7',
    )
    write("models/b.toml", own_model())
    changed = '[[preset]]\nname = "character-24gb"\n[preset.settings]\nrank = 32\n'
    quick = 'name = "quick"\ntitle = "Quick"\ntarget = "character"\nfamilies = ["mine"]\nsettings = {}'
    write("training/mine.toml", f"{changed}[[preset]]\n{quick}")
    found = load_presets(workspace_root)
    assert found.problems == ()
    before, after = OURS.models["flux1-dev"], found.models["flux1-dev"]
    assert (after.title, after.defaults.steps, after.parts["transformer"].plain) == ("Our FLUX", 20, 7)
    assert after.defaults.width == before.defaults.width and after.parts["vae"] == before.parts["vae"]
    assert after.parts["transformer"].quantize == "nf4" and after.lora_targets == before.lora_targets
    assert list(found.models) == [*OURS.models, "mine"]
    settings = found.trainings["character-24gb"].settings
    assert settings == OURS.trainings["character-24gb"].settings.model_copy(update={"rank": 32})
    assert list(found.trainings) == [*OURS.trainings, "quick"]
    assert found.own == {"models": ("flux1-dev", "mine"), "trainings": ("character-24gb", "quick")}
    assert {k: v for k, v in found.models.items() if k not in found.own["models"]} == {
        k: v for k, v in OURS.models.items() if k != "flux1-dev"
    }


def test_edits_merge_by_value_within_their_axis(write: Write, workspace_root: Path) -> None:
    write("prompts/edits.toml", '[[axis]]\nname = "angle"\n[[axis.edits]]\nvalue = "front"\nprompt = "look here"\n'
          '[[axis.edits]]\nvalue = "up"\ntitle = "Up"\nprompt = "look up"\n'
          '[[axis]]\nname = "hair"\ntitle = "Hair"\n'
          'edits = [{ value = "short", title = "S", prompt = "cut it" }]')  # fmt: skip
    found = load_presets(workspace_root)
    assert found.problems == ()
    before, after = OURS.axes[0], found.axes[0]
    assert [e.value for e in after.edits] == [*(e.value for e in before.edits), "up"]
    changed = {e.value: e for e in after.edits}["front"]
    assert (changed.prompt, changed.title, changed.angle) == ("look here", "Front", "front")
    assert [a.name for a in found.axes] == [*(a.name for a in OURS.axes), "hair"]
    assert found.axes[1:-1] == OURS.axes[1:] and found.survey_prompts == OURS.survey_prompts


def test_over_is_per_field_whatever_the_tables_hold() -> None:
    dice = random.Random(17)

    def table(depth: int) -> dict[str, object]:
        names = dice.sample("abcdef", dice.randint(1, 5))
        return {n: table(depth - 1) if depth and dice.random() < 0.4 else dice.randint(0, 9) for n in names}

    def leaf(value: object, path: tuple[str, ...]) -> object:
        for step in path:
            if not isinstance(value, dict) or step not in value:
                return None
            value = value[step]
        return value

    def paths(value: object, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        if not isinstance(value, dict) or not value:
            return [at]
        return [p for key, inner in value.items() for p in paths(inner, (*at, key))]

    for _ in range(200):
        ours, theirs = table(3), table(3)
        kept = repr(ours), repr(theirs)
        merged = over(ours, theirs, {})
        assert (repr(ours), repr(theirs)) == kept
        assert all(leaf(merged, p) == leaf(theirs, p) for p in paths(theirs))
        for path in paths(ours):
            hidden = any(not isinstance(leaf(theirs, path[:n]), dict) and leaf(theirs, path[:n]) is not None
                         for n in range(1, len(path) + 1))  # fmt: skip
            assert hidden or leaf(theirs, path) is not None or leaf(merged, path) == leaf(ours, path)


BROKEN = {
    "models/torn.toml": ("name = ", ["models/torn.toml: is not valid TOML"]),
    "models/binary.toml": ("\udcff", ["models/binary.toml: is not valid TOML"]),
    "models/half.toml": (
        'name = "half"\ncolour = "red"',
        [
            "models/half.toml: model half: colour: there is no such field (known: name, title",
            "models/half.toml: model half: weights: is missing",
            "models/half.toml: model half: licence: is missing",
        ],
    ),
    "models/ours.toml": ('name = "mini-flux"\n[defaults]\nsteps = "many"', ["model mini-flux: defaults.steps: "]),
    "models/nameless.toml": ('title = "x"', ["models/nameless.toml: an entry has no name"]),
    "models/where.toml": (
        own_model(name="where", weights={"folder": "../../etc"}),
        ["weights.folder: '../../etc' is not"],
    ),
    "models/up.toml": (
        own_model(name="up", weights={"folder": "/a/../b"}),
        ["weights.folder: '/a/../b' is not the whole"],
    ),
    "models/name.toml": (own_model(name="a/../b"), ["name: 'a/../b' is no single word"]),
    "models/revision.toml": (own_model(name="r", revision="refs/pr/1"), ["revision: 'refs/pr/1' is not of letters"]),
    "models/kind.toml": (
        own_model(name="k", architecture="evil"),
        ["architecture: FLENwheel cannot drive 'evil'"],
    ),
    "models/gate.toml": (
        own_model(name="g", recogniser="nobody"),
        ["recogniser: there is no recogniser 'nobody' (known: "],
    ),
    "models/hub.toml": (
        own_model(name="h", weights={"hub": "https://x/y"}),
        ["weights.hub: 'https://x/y' is no repository"],
    ),
    "faces/mine.toml": (
        'name = "eyes"\nkind = "insightface"\nfolder = "pack"',
        ["recogniser eyes: folder: 'pack' is not"],
    ),
    "training/a.toml": (
        '[[preset]]\nname = "p"\ntitle = "P"\ntarget = "character"\nfamilies = ["gone"]\nsettings = {}',
        ["training/a.toml: preset p: families: there is no model 'gone'"],
    ),
    "training/b.toml": ("preset = 3", ["training/b.toml: preset: is one table; write [[preset]]"]),
    "prompts/edits.toml": (
        '[[axis]]\nname = "angle"\nedits = [{ value = "up", title = "U", prompt = "u", angle = "high" }]',
        ["prompts/edits.toml: axis angle: edits.up.angle: "],
    ),
    "prompts/survey.toml": (
        '[[axis]]\nname = "a b"\ntitle = "A"\nedits = []',
        ["axis a b: name: 'a b' is no single word"],
    ),
    "prompts/scenarios.toml": (
        '[[scenario]]\nname = "s"\ntitle = "S"\nprompt = "p"\n[[scenario]]\nname = "s"\n[[sceanrio]]',
        ["scenario s: comes twice", "sceanrio: not known here; the file holds [[scenario]] only"],
    ),
    "loras.toml": (
        '[[lora]]\nname = "l"\nrepo = ""\nkind = "k"\nsuits = []\nrelevance = 9\nshipped = "../x.safetensors"',
        ["loras.toml: lora l: relevance: "],
    ),
    "failures.toml": (
        '[[failure]]\nname = "ears"\nkey = "h"\n[[failure]]\nname = "toes"\nkey = "12"',
        ["failures.toml: failure ears: key: 'h' is the letter of 'hands' already", "failure toes: key: "],
    ),
    "model_card.toml": ("seed = 1", ["model_card.toml: is not read: the model card is the same for everybody"]),
    "prompts/more.toml": ("", ["prompts/more.toml: is not read: presets are "]),
}


def test_everything_broken_is_told_at_once_and_left_out(write: Write, workspace_root: Path) -> None:
    for file, (text, _) in BROKEN.items():
        path = write(file, "")
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    write("models/fine.toml", own_model())
    found = load_presets(workspace_root)
    told = "\n".join(found.problems)
    missing = [words for _, wanted in BROKEN.values() for words in wanted if words not in told]
    assert not missing, f"{missing}\n{told}"
    assert found.own == {"models": ("mine",), "scenarios": ("s",)}
    rest = without_own(found) | {"models": {k: v for k, v in found.models.items() if k != "mine"}}
    assert rest == without_own(OURS) | {"scenarios": found.scenarios} and found.scenarios[:-1] == OURS.scenarios


@pytest.mark.parametrize("file", BROKEN)
def test_each_broken_file_alone_is_told_and_nothing_else(file: str, write: Write, workspace_root: Path) -> None:
    text, wanted = BROKEN[file]
    write(file, "").write_bytes(text.encode("utf-8", "surrogateescape"))
    found = load_presets(workspace_root)
    assert all(any(words in problem for problem in found.problems) for words in wanted)
    assert all(problem.startswith(f"{file}: ") for problem in found.problems)


def test_a_lora_of_ones_own_names_no_file_that_comes_with_us(write: Write, workspace_root: Path) -> None:
    fields = 'repo = ""\nkind = "k"\nsuits = []\nrelevance = 1'
    write(
        "loras.toml",
        f'[[lora]]\nname = "l"\n{fields}\nshipped = "../../secret.safetensors"\n[[lora]]\nname = "m"\n{fields}',
    )
    found = load_presets(workspace_root)
    assert [e.name for e in found.catalogue] == [*(e.name for e in OURS.catalogue), "m"]
    assert len(found.problems) == 1 and "lora l: shipped: " in found.problems[0]


def test_a_file_of_comments_and_what_is_no_toml_is_passed_over(write: Write, workspace_root: Path) -> None:
    for file in ("models/example.toml", "loras.toml", "training/x.toml", "failures.toml"):
        write(file, '# name = "x"\n')
    write("README.md", "my presets")
    write("models/mine.toml~", "name =")
    assert load_presets(workspace_root).problems == ()


def test_failures_can_be_renamed_on_screen_moved_to_another_letter_and_added(
    write: Write, workspace_root: Path
) -> None:
    write("failures.toml", '[[failure]]\nname = "hands"\ntitle = "Hands or feet"\nkey = "q"\n'
          '[[failure]]\nname = "hat"\nkey = "h"')  # fmt: skip
    found = load_presets(workspace_root)
    assert found.problems == ()
    assert {f.key: f.words for f in found.failures} == {
        **{f.key: f.words for f in OURS.failures if f.name != "hands"}, "q": "Hands or feet", "h": "hat"
    }  # fmt: skip


def test_what_decides_pictures_marks_the_revision_and_words_do_not(write: Write, workspace_root: Path) -> None:
    file = write(
        "models/a.toml", 'name = "flux1-dev"\ntitle = "T"\nlicence = "L"\nrecogniser = "facenet"\n[defaults]\nsteps = 9'
    )
    ours = OURS.models["flux1-dev"]
    assert load_presets(workspace_root).models["flux1-dev"].revision == ours.revision
    marked = []
    for text in ('[weights]\nhub = "me/flux"', '[parts.vae]\nquantize = "nf4"', 'lora_targets = ["attn.to_q"]'):
        file.write_text(f'name = "flux1-dev"\n{text}')
        family = load_presets(workspace_root).models["flux1-dev"]
        assert family.weights_revision == ours.revision and changed_since(family, ours.revision)
        marked.append(family.revision)
    assert len(set(marked)) == 3 and all(REVISION_MARK in revision for revision in marked)
    file.write_text(own_model())
    mine = load_presets(workspace_root).models["mine"]
    file.write_text(own_model(title="Another title"))
    same = load_presets(workspace_root).models["mine"]
    assert same.title != mine.title and same.revision == mine.revision and not changed_since(same, mine.revision)


def test_files_are_read_again_when_they_change_and_only_then(write: Write, workspace_root: Path) -> None:
    folder = PresetFolder(workspace_root)
    assert folder.current() is OURS
    file = write("models/mine.toml", own_model())
    first = folder.current()
    assert "mine" in first.models and folder.current() is first
    known = file.stat()
    file.write_text(own_model(title="Nime"))
    os.utime(file, ns=(known.st_atime_ns, known.st_mtime_ns))  # as on a clock too coarse to tell
    assert folder.current() is first
    assert folder.reload().models["mine"].title == "Nime"
    file.unlink()
    assert "mine" not in folder.current().models


def test_the_examples_of_the_documentation_are_right(write: Write, workspace_root: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "presets.md"
    blocks = [block.partition("```")[0] for block in page.read_text(encoding="utf-8").split("```toml\n")[1:]]
    for block in blocks:
        file, _, text = block.partition("\n")
        write(file.removeprefix("# presets/"), text)
    found = load_presets(workspace_root)
    assert found.problems == () and found.own.keys() == {kind.name for kind in KINDS} - {"survey_prompts"}
