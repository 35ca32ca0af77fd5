"""Makes processes that open an old workspace for writing, to be killed. Forks one for each line ``<root> <stop>``; it
kills itself at its ``stop``-th file operation. Says how it ended: ``killed`` or ``opened``."""

import os
import sys
from pathlib import Path

from store_nursery import die_at

from pipelines.storage.store import Store


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        root, stop = line.split()
        child = os.fork()
        if child == 0:
            die_at(int(stop))
            Store.open(Path(root))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else f"opened {os.WEXITSTATUS(status)}", flush=True)


if __name__ == "__main__":
    main()
