"""What every test stands on: no network, no home directory, a workspace of its own."""

import gc
import inspect
import os
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    GRADIO_ANALYTICS_ENABLED="False",
    TRANSFORMERS_VERBOSITY="error",
    # small models on a shared machine: a second thread waits more than it works
    OMP_NUM_THREADS="1",
)
# containers often set it: then every worker process of a test compiles torch and what stands on it anew, 23 s for 10
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest

sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a run that a script put in the background ignores Ctrl+C, and so would every studio that it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from pipelines.storage.workspace import Workspace

HERE = Path(__file__).parent
SLOW_TIMEOUT = 900  # seconds
SLOW_COSTS, PAGE_COSTS, COSTS = 10, 4, 0.4
"""About how many seconds a test takes on two cores: a slow one that does not say, one that loads the page, another."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--kills``: how many the campaign of kills has (``tests/faults/test_kill_campaign.py``)."""
    parser.addoption("--kills", type=int, default=20, help="kills at random moments, the whole campaign has 300")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """How many processes ``-n auto`` (pyproject.toml) means: for the whole run one more than there are cores, two more
    without the slow tests, because a third of a test's time is waiting for a page or a worker; none beside this one for
    files that were named, which would wait ten seconds for the others to start."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    more = 2 if config.option.markexpr == "not slow" else 1
    return (os.cpu_count() or 1) + more if whole else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is dear takes minutes on two cores that others use as well: it is given up later. And the files that take
    longest come first, so that at the end of a whole run no process waits for another's last file."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))
    dear: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        dear[item.path] += costs(item)
    items.sort(key=lambda item: (-dear[item.path], item.path))


def costs(item: pytest.Item) -> float:
    """About how many seconds a test takes; it need be right only as far as to begin with what takes longest."""
    slow = item.get_closest_marker("slow")
    if slow:
        return slow.kwargs.get("seconds", SLOW_COSTS)
    return PAGE_COSTS if "page" in getattr(item, "fixturenames", ()) else COSTS


def pytest_collection_finish() -> None:
    """What the modules of all tests hold (torch, transformers, Gradio) is there to stay: it is not looked through each
    time that memory is tidied up, which was half of what the tests of a whole run took. What is made anew for each
    test, Gradio's page above all, is looked through less often: that was an eighth of what was left."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def away_from_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """HOME and every cache point into a temporary folder, so that a test can neither read nor change the user's."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "TORCH_HOME", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, str(home / name.lower()))
    for name in list(os.environ):
        if name.startswith("FLENWHEEL_"):
            monkeypatch.delenv(name)
    yield


@pytest.fixture(scope="session", autouse=True)
def workers_by_fork() -> Iterator[None]:
    """A worker needn't import torch again that a process beside the tests has imported; see ``warm_workers``."""
    if sys.platform != "linux":
        yield
        return
    from warm_workers import Nursery

    nursery = Nursery()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.queue.worker_process.subprocess", nursery)
        yield
    nursery.close()


@pytest.fixture(scope="session")
def changed_alone() -> Iterator[list[str]]:
    """Where a record was changed while another thread could change it, too; the list is to stay empty. A job belongs to
    the queue's own thread."""
    from pipelines.domain.records import Job, Record
    from pipelines.storage.store import Store

    put, alone, found, here = Store.put, Store.alone, list[str](), threading.local()

    @contextmanager
    def within(self: Store) -> Iterator[None]:
        here.depth = getattr(here, "depth", 0) + 1
        try:
            with alone(self):
                yield
        finally:
            here.depth -= 1

    def watched(self: Store, *records: Record, **more: Any) -> None:
        frame = inspect.currentframe()
        caller = frame and frame.f_back
        ours = caller and caller.f_globals["__name__"].split(".")[0] in ("pipelines", "studio")
        if caller and ours and not getattr(here, "depth", 0):
            for record in records:
                if not isinstance(record, Job) and self.get(type(record), record.id) not in (None, record):
                    found.append(f"{caller.f_code.co_filename}:{caller.f_lineno} {type(record).__name__}")
        put(self, *records, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "put", watched)
        patch.setattr(Store, "alone", within)
        yield found


@pytest.fixture(autouse=True)
def nothing_changed_is_lost(changed_alone: list[str]) -> Iterator[None]:
    """What is written from what was read is read and written within ``Store.alone``."""
    yield
    found, changed_alone[:] = [*changed_alone], []
    assert not found, f"not within Store.alone(): {found}"


@pytest.fixture
def workspace_root(tmp_path: Path) -> Path:
    """An empty folder to open a workspace in."""
    return tmp_path / "workspace"


@pytest.fixture
def workspace(workspace_root: Path) -> "Workspace":
    """A new workspace with its folders."""
    from pipelines.storage.workspace import Workspace

    made = Workspace(workspace_root)
    made.create()
    return made


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """The one Chromium of a test run: two at a time cannot be driven from one thread."""
    from browser_helpers import chromium

    with chromium() as opened:
        yield opened
