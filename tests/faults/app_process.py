"""An app without a page: ``python app_process.py ROOT HANDLERS [REQUESTS.json]`` opens store and queue, submits the
requests, and prints a JSON line whenever the status changes, until it is killed or all is done. A test's victim.
"""

import json
import sys
import time
from pathlib import Path

from pipelines.domain.requests import REQUEST
from pipelines.queue.job_queue import JobQueue
from pipelines.storage.settings import load
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


def main(root: str, handlers: str, requests: str = "") -> None:
    workspace = Workspace(Path(root))
    workspace.create()
    queue = JobQueue(Store.open(workspace.root), workspace, load(workspace.root), handlers)
    for request in json.loads(Path(requests).read_text()) if requests else []:
        queue.submit(REQUEST.validate_python(request), "Victim", "ada")
    last = None
    while True:
        status = queue.status()
        done, total = (status.job.done, status.job.total) if status.job else (-1, -1)
        view = {
            "pid": status.worker_pid,
            "done": done,
            "total": total,
            "step": status.step,
            "recent": [j.state for j in status.recent],
        }
        view["torch"] = "torch" in sys.modules
        if view != last:
            print(json.dumps(view), flush=True)
        last = view
        time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
