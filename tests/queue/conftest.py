"""A queue with a real worker process whose handlers are scripted."""

from collections.abc import Callable, Iterator

import pytest
from job_helpers import SCRIPTED

from pipelines.queue.job_queue import JobQueue
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    with Store.open(workspace.root) as store:
        yield store


@pytest.fixture
def start(store: Store, workspace: Workspace) -> Iterator[Callable[[], JobQueue]]:
    """Starts a queue on the store; what is still open is closed at the end."""
    queues: list[JobQueue] = []

    def begin() -> JobQueue:
        queues.append(JobQueue(store, workspace, None, handlers=SCRIPTED))
        return queues[-1]

    yield begin
    for queue in queues:
        queue.close()


@pytest.fixture
def jobs(start: Callable[[], JobQueue]) -> JobQueue:
    return start()
