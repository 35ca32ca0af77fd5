"""One file from the model hub or from an address: what it is called, how large it is, and its download, which goes on
where it was interrupted. Imports no torch."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipelines.engine.download_meter import Meter, OnProgress
from pipelines.storage.atomic import file_hash, growing, make_folder, remove, replace, write_durably, write_sparse
from pipelines.storage.safetensors_header import PICKLE

if TYPE_CHECKING:
    import httpx

TOLD = 2**20
"""Bytes between two tellings of the progress."""
TRIES = 5
"""How often a line that breaks is taken up again before it is told; what has arrived is never asked for twice."""
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_SHORT_HOST = "hf.co"
_PLACE = re.compile(r"[/\\~.]|[A-Za-z]:[/\\](?!/)")


class CannotFetch(ValueError):
    """A file cannot be had: the address says nothing, nobody answers, or access is refused. In words."""


@dataclass(frozen=True)
class Address:
    """Where a file is: ``file`` of a repository (empty: its only one) at a ``revision``, or at a ``url``."""

    repo: str = ""
    file: str = ""
    revision: str = "main"
    url: str = ""

    @property
    def words(self) -> str:
        """What a list calls it: the file's own name, else that of its repository."""
        return PurePosixPath(unquote(urlsplit(self.url).path) or self.file).name or self.repo or self.url


@dataclass(frozen=True)
class Remote:
    """A file that can be fetched: ``bytes`` of 0, and an empty ``sha256`` or ``licence``, are not told beforehand."""

    url: str
    name: str
    bytes: int = 0
    sha256: str = ""
    licence: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def parse(said: str) -> Address:
    """What a person may write for a file: ``owner/name``, ``owner/name/folder/file.safetensors``, the address of either
    as the hub's pages have it, or another address of a file. Raises CannotFetch."""
    text = said.strip().strip("\"'<>")
    if not text:
        raise CannotFetch("Say where the file is: a repository such as owner/name, or an address.")
    if _PLACE.match(text):
        raise CannotFetch(f"{text!r} is a place on this machine: bring the file in instead (flenwheel import).")
    return _of_address(text) if "://" in text else _of_names(text.removeprefix("hf:"), text)


def _of_address(text: str) -> Address:
    from huggingface_hub.constants import ENDPOINT

    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise CannotFetch(f"{text!r} is no address: {error}.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise CannotFetch(f"{text!r} is no address that a file can be fetched from: it begins with https://.")
    if parts.username or parts.password:
        raise CannotFetch("An address with a password in it is not taken: it would be kept in the records.")
    hub = urlsplit(ENDPOINT)
    if parts.netloc in (hub.netloc, _SHORT_HOST):
        return _of_names(unquote(parts.path).strip("/"), text)
    _refuse_pickle(PurePosixPath(unquote(parts.path)).name)
    return Address(url=text)


def _of_names(path: str, text: str) -> Address:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    names = [name for name in path.replace("\\", "/").split("/") if name]
    if len(names) < 2 or ".." in names:
        raise CannotFetch(f"{text!r} names no repository: write owner/name, or owner/name/file.safetensors.")
    owner, (name, _, revision) = names[0], names[1].partition("@")
    rest = names[2:]
    if len(rest) > 1 and rest[0] in ("blob", "resolve", "tree", "raw"):
        revision, rest = rest[1], rest[2:]
    file = "/".join(rest)
    try:
        validate_repo_id(f"{owner}/{name}")
    except HFValidationError as error:
        raise CannotFetch(f"{text!r} names no repository: {error}") from None
    _refuse_pickle(file)
    return Address(repo=f"{owner}/{name}", file=file, revision=revision or "main")


def _refuse_pickle(name: str) -> None:
    if name.lower().endswith(_PICKLES):
        raise CannotFetch(f"{name}: {PICKLE}.")


def look_up(address: Address) -> Remote:
    """What lies at an address, without loading it: for the hub its size and hash, for another what its server tells.
    Raises CannotFetch."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise CannotFetch("Downloads are off (HF_HUB_OFFLINE is set).")
    return _at_url(address.url) if address.url else _at_hub(address)


def _at_hub(address: Address) -> Remote:
    from huggingface_hub import HfApi, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers

    try:
        told = HfApi().model_info(address.repo, revision=address.revision, files_metadata=True, timeout=30)
    except (HfHubHTTPError, OSError) as error:
        raise CannotFetch(_hub_words(address.repo, error)) from error
    files = {f.rfilename: f for f in told.siblings or ()}
    chosen = files[_the_file(address, files)]
    lfs: Any = chosen.lfs
    return Remote(
        url=hf_hub_url(address.repo, chosen.rfilename, revision=told.sha or address.revision),
        name=PurePosixPath(chosen.rfilename).name,
        bytes=chosen.size or 0,
        sha256=(lfs.get("sha256", "") if isinstance(lfs, dict) else getattr(lfs, "sha256", "")) or "",
        licence=str((told.card_data or {}).get("license") or ""),
        headers=tuple(build_hf_headers().items()),
    )


def _hub_words(repo: str, error: Exception) -> str:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, GatedRepoError):
        return f"{repo} is behind a licence: accept it on its page, and sign in with 'hf auth login'."
    if isinstance(error, RepositoryNotFoundError):
        return f"There is no repository {repo} at the hub, or it is not open to you ('hf auth login' signs you in)."
    if isinstance(error, RevisionNotFoundError):
        return f"{repo} has no such revision."
    return f"The hub does not answer for {repo}: {error}. Check the connection."


def _the_file(address: Address, files: dict[str, Any]) -> str:
    """The name in the repository. Raises CannotFetch when it is not there, or when it was not said and several are."""
    weights = sorted(name for name in files if name.lower().endswith(".safetensors"))
    if address.file:
        if address.file in files:
            return address.file
        raise CannotFetch(f"{address.repo} has no file {address.file} (it has: {_some(weights)}).")
    if not weights:
        pickled = any(name.lower().endswith(_PICKLES) for name in files)
        raise CannotFetch(
            f"{address.repo} has no .safetensors file" + (f": {PICKLE}." if pickled else ", so no LoRA to take.")
        )
    if len(weights) > 1:
        raise CannotFetch(f"{address.repo} has {len(weights)} files. Say which: {_some(weights, address.repo + '/')}.")
    return weights[0]


def _some(names: list[str], before: str = "") -> str:
    shown = ", ".join(before + name for name in names[:6])
    return f"{shown}, ..." if len(names) > 6 else shown or "none of that kind"


def _at_url(url: str) -> Remote:
    import httpx

    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=30) as answer:
            _refuse_answer(answer, url)
            name = _called(answer) or PurePosixPath(unquote(urlsplit(url).path)).name or "lora.safetensors"
            return Remote(url=url, name=name, bytes=int(answer.headers.get("content-length") or 0))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise CannotFetch(f"{url} cannot be reached: {error}. Check the address and the connection.") from error


def _called(answer: "httpx.Response") -> str:
    """The file's name as its server tells it."""
    from email.message import Message

    told = Message()
    told["content-disposition"] = answer.headers.get("content-disposition", "")
    return PurePosixPath((told.get_filename() or "").replace("\\", "/")).name


def _refuse_answer(answer: "httpx.Response", url: str) -> None:
    if answer.status_code in (401, 403):
        raise CannotFetch(
            f"{url}: access is refused ({answer.status_code}). Its site may want you to sign in: download the file with"
            " your browser, and bring it in."
        )
    if answer.status_code >= 400:
        raise CannotFetch(f"{url}: its server answers {answer.status_code} {answer.reason_phrase}.")
    if answer.headers.get("content-type", "").startswith("text/html"):
        raise CannotFetch(f"{url} is a web page, not a file: copy the address of its download button.")


@dataclass
class Fetch:
    """A download into a ``folder``. ``check(path)`` is asked as soon as the header of the safetensors file is here,
    about a file of that header that is as large as the whole; what it raises ends the download before the rest is
    loaded. ``None``: nothing is asked, as of files of another kind, whose names end in ``ending``."""

    remote: Remote
    folder: Path
    check: Callable[[Path], None] | None
    on_progress: OnProgress
    cancelled: Callable[[], bool]
    ending: str = ".safetensors"

    @property
    def _partial(self) -> Path:
        return self.folder / (hashlib.sha256(self.remote.url.encode()).hexdigest()[:24] + ".partial")

    @property
    def _facts(self) -> Path:
        return self._partial.with_suffix(".json")

    def run(self) -> Path:
        """The file, whole; it is the caller's to move or remove. What has arrived stays when this is cancelled, killed
        or cut off, and the next run goes on there. Raises Cancelled, CannotFetch, OSError, and what ``check``
        raises."""
        import httpx

        make_folder(self.folder)
        tried = 0
        while True:
            before = self._here
            try:
                self._take_up()
                return self._whole()
            except (httpx.TransportError, httpx.StreamError) as error:
                tried = 0 if self._here > before else tried + 1
                if tried >= TRIES:
                    raise CannotFetch(
                        f"{self.remote.name}: the connection broke ({error}). What has arrived stays: try again."
                    ) from error
                time.sleep(min(2.0**tried, 10) / 4)

    @property
    def _here(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _take_up(self) -> None:
        import httpx

        known = self._known()
        start = self._here if known else 0
        if known and known["bytes"] and start == known["bytes"]:
            return
        headers = dict(self.remote.headers) | {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": known["mark"]}
        with httpx.stream("GET", self.remote.url, headers=headers, follow_redirects=True, timeout=60) as answer:
            _refuse_answer(answer, self.remote.url)
            start = start if answer.status_code == 206 else 0
            self._remember(answer, start)
            self._write(answer.iter_bytes(), start)

    def _known(self) -> dict[str, Any]:
        """What an earlier run noted of the same file; nothing when there was none or it does not say what would tell a
        changed file."""
        try:
            facts = json.loads(self._facts.read_text(encoding="utf-8"))
            return facts if facts["mark"] and isinstance(facts["bytes"], int) else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _remember(self, answer: "httpx.Response", start: int) -> None:
        mark = answer.headers.get("etag") or answer.headers.get("last-modified") or ""
        # a weak mark does not do for parts of a file (RFC 9110, 13.1.5)
        mark = "" if mark.startswith("W/") else mark
        facts = {"mark": mark, "bytes": start + int(answer.headers.get("content-length") or 0)}
        write_durably(self._facts, json.dumps(facts).encode(), sync=False)

    def _write(self, chunks: Iterator[bytes], start: int) -> None:
        total = json.loads(self._facts.read_text(encoding="utf-8"))["bytes"]
        checked = start > 0 or self.check is None
        meter = Meter("", total, self.on_progress, self.cancelled, done=start, every=TOLD)
        with growing(self._partial, start) as out:
            for chunk in chunks:
                meter.check()
                out.write(chunk)
                if not checked and total:
                    out.flush()
                    checked = self._look(out.tell(), total)
                meter.add(len(chunk))
        if total and self._here != total:
            import httpx

            raise httpx.ReadError(f"{self._here} of {total} bytes arrived")

    def _look(self, done: int, total: int) -> bool:
        """Show ``check`` the header when it is here; whether it has been."""
        assert self.check is not None
        with self._partial.open("rb") as arrived:
            length = int.from_bytes(arrived.read(8), "little")
            # what does not begin as a safetensors file is told apart by the same check, at once
            wanted = 8 + length if length < total else min(total, 512)
            if done < wanted:
                return False
            arrived.seek(0)
            head = arrived.read(wanted)
        shown = self._partial.with_suffix(".head")
        try:
            write_sparse(shown, head, total)
            self.check(shown)
        finally:
            remove(shown)
        return True

    def _whole(self) -> Path:
        if self.remote.sha256 and file_hash(self._partial) != self.remote.sha256:
            self.discard()
            raise CannotFetch(f"{self.remote.name} arrived damaged (its hash is another): try again.")
        whole = self._partial.with_suffix(self.ending)
        replace(self._partial, whole)
        remove(self._facts)
        return whole

    def discard(self) -> None:
        """Keep nothing of what has arrived."""
        for path in (self._partial, self._facts):
            remove(path)
