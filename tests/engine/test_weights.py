"""Where weights are looked for, what counts as complete, and how they are downloaded from a hub."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from engine_helpers import FLUX, QWEN, checkpoint, family

from pipelines.domain.presets import Weights
from pipelines.engine import model_download
from pipelines.engine.memory import predict_render
from pipelines.engine.model_download import obtain
from pipelines.engine.weights import WeightsMissing, check_folder, locate, missing
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace


def test_the_workspace_goes_before_the_models_folder(
    workspace: Workspace, settings: Settings, models_dir: Path
) -> None:
    assert locate(family(FLUX), workspace, settings) == models_dir / FLUX
    own = workspace.path(workspace.model_folder(FLUX, family(FLUX).revision))
    shutil.copytree(models_dir / FLUX, own)
    assert locate(family(FLUX), workspace, settings) == own
    assert missing(family(FLUX), workspace, settings) is None


def test_what_is_missing_is_said_with_size_and_licence(workspace: Workspace) -> None:
    big = missing(family("qwen-image-edit-2509"), workspace, Settings())
    assert big
    assert (big.how, big.gib, big.licence) == ("download", 53.8, "Apache-2.0")
    assert "53.8 GiB" in big.what


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_weights_that_come_with_the_product_need_no_download(name: str, workspace: Workspace) -> None:
    assert locate(family(name), workspace, Settings()) == checkpoint(name)
    assert missing(family(name), workspace, Settings()) is None


def test_damaged_weights_of_the_product_are_told(workspace: Workspace, models_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shipped"
    shutil.copytree(models_dir / FLUX, folder)
    (folder / "tokenizer_2/tokenizer.json").unlink()
    shipped = family(FLUX).model_copy(update={"weights": Weights(folder=str(folder))})
    lacking = missing(shipped, workspace, Settings())
    assert lacking
    assert lacking.how == "reinstall"
    assert "damaged: tokenizer_2/tokenizer.json is missing. Install FLENwheel again" in lacking.what
    with pytest.raises(WeightsMissing, match=r"tokenizer_2/tokenizer\.json is missing"):
        obtain(shipped, workspace, Settings(), lambda share, note: None)


SILENT = [
    (FLUX, "tokenizer/tokenizer.json"),
    (FLUX, "tokenizer_2/tokenizer_config.json"),
    (FLUX, "text_encoder_2/config.json"),
    (FLUX, "transformer/diffusion_pytorch_model.safetensors"),
    (FLUX, "vae/config.json"),
    (FLUX, "scheduler/scheduler_config.json"),
    (QWEN, "text_encoder/config.json"),
    (QWEN, "text_encoder/model.safetensors"),
    (QWEN, "processor/processor_config.json"),
    (QWEN, "tokenizer/tokenizer.json"),
]


@pytest.mark.parametrize(("name", "file"), SILENT)
def test_a_folder_without_one_of_its_files_is_passed_over(
    name: str, file: str, models_dir: Path, tmp_path: Path, workspace: Workspace
) -> None:
    folder = tmp_path / "models" / name
    shutil.copytree(models_dir / name, folder)
    (folder / file).unlink()
    assert [problem for problem in check_folder(folder) if problem.startswith(file.split("/")[0])]
    assert locate(family(name), workspace, Settings(models_dir=tmp_path / "models")) == checkpoint(name)


def test_a_missing_shard_and_pickled_weights_are_noticed(models_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models_dir / FLUX, folder)
    part = folder / "transformer"
    (part / "diffusion_pytorch_model.safetensors").rename(part / "diffusion_pytorch_model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "diffusion_pytorch_model-00001-of-00002.safetensors", "b": "second.safetensors"}}
    (part / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert check_folder(folder) == ["transformer/second.safetensors is missing"]
    (folder / "vae/diffusion_pytorch_model.safetensors").rename(folder / "vae/diffusion_pytorch_model.bin")
    assert "pickled" in " ".join(check_folder(folder))


class Hub(BaseHTTPRequestHandler):
    """As much of a model hub as a download asks for. ``files`` are served, ``asked`` are the contents asked for."""

    files: dict[str, bytes]
    asked: list[str]
    COMMIT = "c" * 40

    def _answer(self, body: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        _, _, file = self.path.partition(f"/resolve/{self.COMMIT}/")
        if file in self.files:
            if self.command == "GET":
                self.asked.append(file)
            body = self.files[file]
            self._answer(body, ETag=f'"{sha256(body).hexdigest()}"', X_Repo_Commit=self.COMMIT)
        elif "/revision/" in self.path:
            listing = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
            info = {"id": "lab/model", "sha": self.COMMIT, "siblings": listing, "private": False}
            self._answer(json.dumps(info).encode(), Content_Type="application/json")
        elif "/tree/" in self.path:
            tree = [{"type": "file", "path": n, "size": len(d), "oid": "0" * 40} for n, d in self.files.items()]
            self._answer(json.dumps(tree).encode(), Content_Type="application/json")
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def hub(models_dir: Path) -> Iterator[tuple[str, type[Hub]]]:
    folder = models_dir / FLUX
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    files["flux1-dev.safetensors"] = b"the same weights once more, for other programs"
    files["text_encoder/pytorch_model.bin"] = b"a pickle"
    handler = type("OneHub", (Hub,), {"files": files, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()


DOWNLOAD = """
import json, sys
from pathlib import Path
from pipelines.domain.cancelled import Cancelled
from pipelines.engine.model_download import obtain
from pipelines.engine.weights import WeightsMissing, locate
from pipelines.domain.presets import Weights
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
family = shipped().models["mini-flux"].model_copy(update={"weights": Weights(hub="lab/model"), "revision": "main"})
workspace, settings = Workspace(sys.argv[1]), Settings(cache_dir=sys.argv[2])
stop, shares, outcome = int(sys.argv[3]), [], ""
try:
    folder = obtain(family, workspace, settings, lambda share, note: shares.append(share), lambda: len(shares) >= stop)
    outcome = "here" if locate(family, workspace, settings) == folder else "lost"
except Cancelled:
    outcome = "cancelled"
except WeightsMissing as error:
    outcome = str(error)
print(json.dumps([outcome, shares]))
"""


def download(endpoint: str, workspace: Workspace, cache: Path, stop: int = 10**9) -> tuple[str, list[float]]:
    """In a process of its own: the hub client reads its address when it is imported."""
    import os

    done = subprocess.run(
        [sys.executable, "-c", DOWNLOAD, str(workspace.root), str(cache), str(stop)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "HF_ENDPOINT": endpoint,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "*",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outcome, shares = json.loads(done.stdout.splitlines()[-1])
    return outcome, shares


@pytest.mark.slow(seconds=3)
def test_a_download_tells_its_progress_takes_only_what_is_needed_and_goes_on_after_a_cancel(
    hub: tuple[str, type[Hub]], workspace: Workspace, tmp_path: Path
) -> None:
    endpoint, handler = hub
    outcome, _ = download(endpoint, workspace, tmp_path / "cache", stop=4)
    assert outcome == "cancelled"
    first = list(handler.asked)
    assert 0 < len(first) < 8
    outcome, shares = download(endpoint, workspace, tmp_path / "cache")
    assert outcome == "here"
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert "flux1-dev.safetensors" not in handler.asked
    assert "text_encoder/pytorch_model.bin" not in handler.asked
    finished_before = first[:-1]
    assert all(handler.asked.count(name) == 1 for name in finished_before)
    handler.asked.clear()
    assert download(endpoint, workspace, tmp_path / "cache")[0] == "here"
    assert handler.asked == []


def test_a_hub_that_cannot_be_reached_is_told_in_words(workspace: Workspace, tmp_path: Path) -> None:
    outcome, _ = download("http://127.0.0.1:9", workspace, tmp_path / "cache")
    assert "could not be downloaded from lab/model" in outcome
    assert "Check the connection" in outcome


def test_patterns_take_all_files_of_the_small_models(models_dir: Path) -> None:
    from fnmatch import fnmatch

    for name in (FLUX, QWEN):
        for path in (models_dir / name).rglob("*"):
            relative = path.relative_to(models_dir / name).as_posix()
            told = path.is_dir() or relative in ("README.md", "curve.svg", "sheet.webp")
            assert told or any(fnmatch(relative, pattern) for pattern in model_download.PATTERNS), relative


def test_weights_that_come_from_nowhere_are_asked_for_by_place(tmp_path: Path) -> None:
    nowhere = family("flux1-dev").model_copy(update={"weights": Weights()})
    lacking = missing(nowhere, Workspace(tmp_path), Settings())
    assert lacking is not None and lacking.how == "reinstall"
    assert "models/flux1-dev-main" in lacking.what and "comes with FLENwheel" not in lacking.what


def damaged(models_dir: Path, tmp_path: Path, content: Callable[[bytes], bytes]) -> Path:
    """A copy of the small FLUX whose transformer's weights file is something else."""
    folder = tmp_path / "models" / FLUX
    shutil.copytree(models_dir / FLUX, folder)
    [file, *_] = sorted((folder / "transformer").glob("*.safetensors"))
    file.write_bytes(content(file.read_bytes()))
    return folder


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda b: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99\n", "git lfs pull"),
        (lambda b: b[: len(b) // 2], "the file is cut off: "),
        (lambda b: b[:-1], "the file is cut off: "),
        (lambda b: b[:100], "cut off within its header: 100 bytes"),
        (lambda b: b"", "empty or cut off"),
        (lambda b: b"<!DOCTYPE html><html>Not found</html>" * 9, "a web page"),
        (lambda b: b[:8] + b"x" * (len(b) - 8), "this is not a safetensors file"),
        (lambda b: (4).to_bytes(8, "little") + b"[42]" + b[8:], "not a safetensors file"),
    ],
)
def test_weights_that_are_not_whole_are_told_before_anything_is_loaded(
    models_dir: Path, tmp_path: Path, content: Callable[[bytes], bytes], said: str
) -> None:
    folder = damaged(models_dir, tmp_path, content)
    [problem] = check_folder(folder)
    assert problem.startswith("transformer/")
    assert said in problem


def test_a_file_that_was_mended_is_looked_at_again(models_dir: Path, tmp_path: Path) -> None:
    folder = damaged(models_dir, tmp_path, lambda b: b[:-1])
    assert check_folder(folder)
    [file, *_] = sorted((folder / "transformer").glob("*.safetensors"))
    shutil.copy(models_dir / FLUX / "transformer" / file.name, file)
    assert check_folder(folder) == []


def test_a_clone_without_its_weights_is_named_and_can_be_planned_with(workspace: Workspace, tmp_path: Path) -> None:
    """A user's folder of a published model: pointers of git-lfs where the weights should be."""
    settings, model = Settings(models_dir=tmp_path), family("flux1-dev")
    for part in ("transformer", "text_encoder", "text_encoder_2", "vae"):
        (tmp_path / model.name / part).mkdir(parents=True)
        (tmp_path / model.name / part / "model.safetensors").write_bytes(
            b"version https://git-lfs.github.com/spec/v1\n"
        )
        (tmp_path / model.name / part / "config.json").write_text("{}")
    index = {part: ["diffusers", "Model"] for part in ("transformer", "text_encoder", "text_encoder_2", "vae")}
    (tmp_path / model.name / "model_index.json").write_text(json.dumps(index))
    lacking = missing(model, workspace, settings)
    assert lacking is not None
    assert f"{tmp_path / model.name} is there but not whole: " in lacking.what
    assert "transformer/model.safetensors cannot be used: this is a git-lfs pointer" in lacking.what
    assert predict_render(model, [], workspace, settings).peak_gib > 5
