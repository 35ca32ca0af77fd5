"""Settings: defaults < ``settings.toml`` in the workspace < ``FLENWHEEL_*`` in the environment < given values."""

import os
import re
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import tomli_w
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pipelines.domain.presets import Role
from pipelines.storage.atomic import check_file, write_durably
from pipelines.storage.preset_files import PresetError
from pipelines.storage.presets import FOLDER, Presets, load_presets, shipped
from pipelines.storage.served import address, web_address

FILE = "settings.toml"

# what the file holds of the settings that are being loaded
_saving = threading.Lock()
_kept: ContextVar[dict[str, Any] | None] = ContextVar("_kept", default=None)
# the models that can be chosen there; None: values that another process has checked
_models: ContextVar[Mapping[str, tuple[Role, ...]] | None] = ContextVar("_models", default=None)


class BadSettings(PresetError):
    """Settings that cannot be used. The message names where they come from and every one that is wrong."""


def _able(role: Role, models: Mapping[str, tuple[Role, ...]]) -> list[str]:
    return [name for name, roles in models.items() if role in roles]


def _model_of(role: Role) -> Any:
    """The type of a setting that names a model preset of ``role``."""

    def known(name: str) -> str:
        models = _models.get()
        if models is not None and name not in (able := _able(role, models)):
            raise ValueError(f"there is no {role} {name!r} (known: {', '.join(able)})")
        return name

    def offer(schema: dict[str, Any]) -> None:
        schema["enum"] = _able(role, _models.get() or roles_of(shipped()))

    return Annotated[str, AfterValidator(known), Field(json_schema_extra=offer)]


# a folder or a file; an empty text stands for "not set"
Place = Annotated[Path | None, BeforeValidator(lambda value: value or None)]


def _here(text: str) -> str:
    """An address of this machine alone, or none."""
    if text.strip():
        address(text)
    return text.strip()


TellAddress = Annotated[str, AfterValidator(web_address)]
CaptionerAddress = Annotated[str, AfterValidator(_here)]
if TYPE_CHECKING:
    Generator = Editor = str
else:
    Generator, Editor = _model_of("generator"), _model_of("editor")


class Settings(BaseSettings):
    """What the user can set. Every field has a description, which the studio shows beside it."""

    model_config = SettingsConfigDict(
        env_prefix="FLENWHEEL_", extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    _problems: tuple[str, ...] = PrivateAttr(())

    character: str = Field("", title="Character", description="The character that is worked on.")
    models_dir: Place = Field(
        None, title="Models folder", description="A folder with models, looked into after the workspace's own."
    )
    cache_dir: Place = Field(
        None, title="Hugging Face cache", description="The Hugging Face cache. Empty: where the environment says."
    )
    shared_folders: str = Field(
        "", title="Folders of other programs",
        description=f"Folders with models of other programs, such as ComfyUI's; several are divided by '{os.pathsep}'. "
        "Nothing is copied.",
    )  # fmt: skip
    keep_copies: bool = Field(
        True, title="Keep quantized copies", description="Keep the 4-bit copy of a model, so that it loads in seconds."
    )
    insightface_root: Place = Field(
        None, title="insightface folder", description="The folder that holds insightface's models/<pack>."
    )
    facenet_weights: Place = Field(
        None, title="facenet weights", description="The weights file of facenet's InceptionResnetV1."
    )
    reader: str = Field(
        "",
        title="Reader",
        description="Who captions and reads pictures, by its preset's name. Empty: who is here.",
    )
    captioner_address: CaptionerAddress = Field(
        "", title="Captioner's address",
        description="A server on this machine that captions by the OpenAI interface, such as http://127.0.0.1:8080/v1.",
    )  # fmt: skip
    tell_address: TellAddress = Field(
        "", title="Tell when a job ends",
        description="A web address (webhook) that gets a line of words when a job ends or fails. Empty: none.",
    )  # fmt: skip
    memory_budget_gib: float = Field(
        0, ge=0, le=10_000, title="GPU memory, GiB", description="GPU memory to use at most, GiB. 0: all of the card's."
    )
    device: Literal["auto", "cuda", "cpu"] = Field("auto", title="Run models on", description="Where models run.")
    card: str = Field(
        "", title="Graphics card", description="The graphics card that models run on, by its UUID. Empty: the first."
    )
    unload_minutes: float = Field(
        30, ge=0, le=10_080, title="Unload after, minutes",
        description="What is loaded gives its memory back when there was nothing to do for so many minutes. 0: never.",
    )  # fmt: skip
    threads: int = Field(
        0, ge=0, le=1024, title="CPU threads", description="CPU threads for models. 0: as torch decides."
    )
    generator: Generator = Field(
        "mini-flux", title="Generator", description="The model that new characters generate with."
    )
    editor: Editor = Field(
        "mini-qwen-edit", title="Editor", description="The model that new characters are edited with."
    )
    seen_hints: str = Field(
        "", title="Closed hints", description="Practice hints that were closed, by name. Empty: all are shown again."
    )
    theme: Literal["dark", "light", "system"] = Field("dark", title="Colours", description="Colours of the studio.")

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the workspace's file could not be used, in words; usually nothing."""
        return self._problems

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First wins."""
        return (init_settings, env_settings, InitSettingsSource(settings_cls, _kept.get() or {}))


def places() -> frozenset[str]:
    """The settings that name a folder or a file, or several."""
    named = (name for name, field in Settings.model_fields.items() if Path in get_args(field.annotation))
    return frozenset((*named, SEVERAL))


def local() -> frozenset[str]:
    """The settings besides places that name what this machine reaches: another machine has no say in them."""
    return frozenset({"captioner_address", "tell_address"})


def several(text: str) -> list[Path]:
    """The places that a setting of several names."""
    return [Path(one.strip()).expanduser() for one in re.split(rf"[\n{os.pathsep}]", text) if one.strip()]


def title_of(name: str) -> str:
    """What people call a setting; its own name when there is no such setting."""
    field = Settings.model_fields.get(name)
    return (field.title if field else None) or name


SEVERAL = "shared_folders"
"""The setting that names several places."""
FILES = ("facenet_weights",)
"""The places that are files; the others are folders."""


def there(changes: Mapping[str, Any]) -> None:
    """Raises BadSettings, by name, for places that are to be set and are not there. Whoever sets one sees it now; one
    that is gone later is no reason to keep a workspace shut."""
    lines = []
    for name in sorted(places() & changes.keys()):
        if changes[name] and not isinstance(changes[name], str | Path):
            continue  # told as what it is
        if name == SEVERAL:
            lost = [place for place in several(str(changes[name] or "")) if not place.exists()]
            lines += [f"  {name}: there is no {place}" for place in lost]
            continue
        place = Path(changes[name]).expanduser() if changes[name] else None
        if place is not None and not (place.is_file() if name in FILES else place.is_dir()):
            kind = "file" if name in FILES else "folder"
            lines.append(f"  {name}: there is no {kind} {place}")
    if lines:
        raise BadSettings("\n".join(["These settings cannot be kept:", *lines]))


def in_titles(words: str) -> str:
    """A refusal with what people call the settings instead of their names in the file."""
    return re.sub(r"(?m)^  (\w+):", lambda line: f"  {title_of(line[1])}:", words)


def load(root: Path, **overrides: Any) -> Settings:
    """The settings of the workspace at ``root``. Overrides of None count as not given.

    What cannot be used of its file is left out and told (``problems``): it keeps nobody from the workspace. Raises
    BadSettings for the environment and for overrides.
    """
    kept, problems = _usable(root)
    token = _kept.set(kept)
    try:
        with choosing(_known_to(root, kept)):
            settings = Settings(**{key: value for key, value in overrides.items() if value is not None})
            settings._problems = problems
            return settings
    except ValidationError as error:
        raise BadSettings(_words("Settings (FLENWHEEL_* or the command line)", error)) from error
    except SettingsError as error:
        raise BadSettings(f"{error}") from error
    finally:
        _kept.reset(token)


@contextmanager
def choosing(models: Mapping[str, tuple[Role, ...]]) -> Iterator[None]:
    """Within, the generator and the editor are chosen among ``models``: names of presets, with their roles."""
    token = _models.set(models)
    try:
        yield
    finally:
        _models.reset(token)


def roles_of(presets: Presets) -> dict[str, tuple[Role, ...]]:
    """The roles of each model."""
    return {name: family.roles for name, family in presets.models.items()}


def _known_to(root: Path, kept: dict[str, Any]) -> dict[str, tuple[Role, ...]]:
    """The models of a workspace. One that was chosen while it was known stays: a preset of the user's that is gone or
    broken must not keep the workspace shut. It is told where that model is used."""
    known = roles_of(load_presets(root))
    if (root / FOLDER).is_dir():
        for role in get_args(Role):
            known.setdefault(str(kept.get(role, "")), (role,))
    return known


def _usable(root: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the file of the workspace holds that can be used, and words about the rest."""
    file = root / FILE
    try:
        kept = _read(file)
    except BadSettings as error:
        return {}, (f"{error} Until then every setting is at its default.",)
    wrong = _wrong_of(root, kept)
    if not wrong:
        return kept, ()
    lines = "; ".join(f"{name}: {words}" for name, words in wrong.items())
    told = f"Some of {file} cannot be used and is left out, it stays in the file ({lines})"
    return {name: value for name, value in kept.items() if name not in wrong}, (told,)


def _wrong_of(root: Path, kept: dict[str, Any]) -> dict[str, str]:
    """The settings of the file that cannot be used, each with why."""
    try:
        with choosing(_known_to(root, kept)):
            Settings(**kept)
    except ValidationError as error:
        told = {str(e["loc"][0]): _wrong(e["type"], e["msg"]) for e in error.errors()}
        return {name: words for name, words in told.items() if name in kept}
    except SettingsError:  # of the environment
        return {}
    return {}


def _read(file: Path) -> dict[str, Any]:
    """What the file holds; nothing if there is none. Raises BadSettings."""
    try:
        if not file.exists():
            return {}
        check_file(file)
        # some editors put a byte order mark before the first line
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadSettings(f"{file} cannot be read: {error.strerror}. Mend that, or move it away.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadSettings(f"{file} is not valid TOML: {error}. Mend it, or move it away to start afresh.") from error


def save(root: Path, changes: dict[str, Any]) -> None:
    """Keep ``changes`` in the workspace's file; None removes a setting from it. What this version cannot use of it
    stays; comments are lost.

    Raises BadSettings, with the file as it was, when a value does not do or the file is broken.
    """
    with _saving:
        _save(root, changes)


def _save(root: Path, changes: dict[str, Any]) -> None:
    file = root / FILE
    kept = _read(file)
    unusable = {name: kept.pop(name) for name in _wrong_of(root, kept)}
    merged = {key: value for key, value in {**kept, **changes}.items() if value is not None}
    # what is kept already need not be known any more; what is changed must
    stays = {name: value for name, value in kept.items() if name not in changes}
    try:
        with choosing(_known_to(root, stays)):
            checked = Settings(**merged)
    except ValidationError as error:
        raise BadSettings(_words("These settings cannot be kept", error)) from error
    values = checked.model_dump(mode="json", include=set(merged), exclude_none=True)
    stays_unused = {name: value for name, value in unusable.items() if name not in changes}
    write_durably(file, tomli_w.dumps(stays_unused | values).encode())


def _words(where: str, error: ValidationError) -> str:
    lines = [f"  {'.'.join(map(str, e['loc']))}: {_wrong(e['type'], e['msg'])}" for e in error.errors()]
    return "\n".join([f"{where}:", *lines])


PLAIN = {
    "float_parsing": "it has to be a number",
    "int_parsing": "it has to be a whole number",
    "int_from_float": "it has to be a whole number",
    "int_type": "it has to be a whole number",
    "float_type": "it has to be a number",
    "finite_number": "it has to be a number",
    "string_type": "it has to be text",
    "path_type": "it has to be a folder or a file",
}


def _wrong(kind: str, message: str) -> str:
    if kind != "extra_forbidden":
        return PLAIN.get(kind, message.removeprefix("Value error, ")).replace("Input should be", "it has to be")
    known = ", ".join(sorted(Settings.model_fields))
    return f"there is no such setting; an older or a newer FLENwheel may have had it. Take it out (known: {known})"
