"""Pictures a second of the mini world's renderer: ``python tests/benchmarks/bench_world.py``.

Fresh identities and views at every picture, as training uses them: 80 % portraits, the rest busts and full figures.
Measured in one process with one thread, then in as many processes as there are cores (the machine's figure).
"""

import multiprocessing
import os
import random
import time

import torch

from pipelines.world.renderer import Character, render, sample_view


def measure(job: tuple[int, int, int]) -> tuple[float, float, int]:
    """Seconds by the wall and by the processor for ``count`` pictures of ``size``, after a warm-up."""
    seed, size, count = job
    torch.set_num_threads(1)
    rng = random.Random(seed)
    people, views = (
        [Character.from_seed(rng.randrange(1_000_000)) for _ in range(count)],
        [sample_view(rng) for _ in range(count)],
    )
    render(people[:8], views[:8], size)
    wall, cpu = time.perf_counter(), time.process_time()
    render(people, views, size)
    return time.perf_counter() - wall, time.process_time() - cpu, count


def main() -> None:
    """Print one line a size."""
    cores = os.cpu_count() or 1
    print(f"load {os.getloadavg()[0]:.1f} on {cores} cores before the run")
    for size, count in ((64, 96), (128, 32)):
        wall, cpu, _ = measure((1, size, count))
        with multiprocessing.get_context("spawn").Pool(cores) as pool:
            runs = pool.map(measure, [(i, size, count) for i in range(cores)])
        machine = sum(n / seconds for seconds, _, n in runs)
        print(
            f"{size:4} px: one process {count / wall:6.1f} pictures/s, {count / cpu:6.1f} per processor second;"
            f" {cores} processes {machine:6.1f} pictures/s"
        )


if __name__ == "__main__":
    main()
