"""A training that can be stopped at any time: steps in order, checkpoints every few minutes, a curve, progress lines.

What is trained is a :class:`Task`; the loop knows nothing of faces. Same seed, same steps, whether in one go or in ten.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import torch
from torch import nn

from pipelines.engine.precision import native


class Task(Protocol):
    """Something to train: ``net`` holds all its parameters; ``loss(step)`` draws the step's batch and returns the loss
    and figures worth a line. The same step always gets the same batch."""

    name: str
    net: nn.Module

    def loss(self, step: int) -> tuple[torch.Tensor, dict[str, float]]:
        """Loss to minimise, and figures by name."""
        ...


@dataclass(frozen=True)
class Plan:
    """How long and how fast. The rate warms up over ``warmup`` steps, stays, and falls to zero linearly over the last
    ``fall`` of the steps. ``keep`` is the decay of the mean of weights that is exported.
    ``adam``: matrices whose names hold one of these are AdamW's too (embeddings, modulations)."""

    steps: int
    rate: float = 2e-3
    decay: float = 0.02
    warmup: int = 100
    fall: float = 0.4
    keep: float = 0.995
    every: int = 50
    save_seconds: float = 120.0
    adam: tuple[str, ...] = ()


def rate(plan: Plan, step: int) -> float:
    """The learning rate of a step."""
    left = (plan.steps - step) / max(1.0, plan.steps * plan.fall)
    return plan.rate * min(1.0, (step + 1) / plan.warmup, max(left, 0.02))


class Optimizer:
    """Muon (Jordan et al. 2024) for matrices and filters, its updates as large as AdamW's would be (Liu et al. 2025,
    "Muon is scalable": 0.2 of the root of the longer side), AdamW for all else."""

    def __init__(self, net: nn.Module, decay: float, adam: tuple[str, ...] = ()) -> None:
        large = {n: p for n, p in net.named_parameters() if p.ndim > 1 and min(len(p), p[0].numel()) >= 16}
        self.matrices = {n: p for n, p in large.items() if not any(part in n for part in adam)}
        rest = [p for n, p in net.named_parameters() if n not in self.matrices]
        self.decay = decay
        self.adam = torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.0)
        self.momentum = {n: torch.zeros(len(p), p[0].numel()) for n, p in self.matrices.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradients, which are cleared."""
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        for name, p in self.matrices.items():
            if p.grad is None:
                continue
            grad = p.grad.flatten(1)
            held = self.momentum[name].lerp_(grad, 0.05)
            update = orthogonal(grad.lerp(held, 0.95)) * (0.2 * max(grad.shape) ** 0.5)
            p.mul_(1 - rate * self.decay).sub_(update.view_as(p), alpha=rate)
        for p in (*self.matrices.values(), *(q for g in self.adam.param_groups for q in g["params"])):
            p.grad = None

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"adam": self.adam.state_dict(), "momentum": self.momentum}

    def load(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.adam.load_state_dict(state["adam"])
        self.momentum = state["momentum"]


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """About the nearest matrix with orthogonal rows or columns: five Newton-Schulz steps with the constants of Muon,
    in bf16 as there, where this CPU has it: the result need not be exact."""
    tall = x.shape[0] > x.shape[1]
    x = ((x.mT if tall else x) / (x.norm() + 1e-7)).to(native("cpu"))
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).float()


class Trainer:
    """Trains a task by a plan; its state lies in ``folder``: ``last.pt``, ``curve.jsonl``."""

    def __init__(self, task: Task, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self.task, self.plan, self.folder, self.say = task, plan, folder, say
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mean = {k: v.detach().clone() for k, v in task.net.state_dict().items()}
        self.optimizer = Optimizer(task.net, plan.decay, plan.adam)
        self.step = 0
        self.seconds = 0.0
        self._resume()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Train until the plan's last step, or until ``until()`` is true; a checkpoint is written in either case."""
        saved = begun = time.monotonic()
        told: list[dict[str, float]] = []
        self.task.net.train()
        while self.step < self.plan.steps and not until():
            told.append(self._one())
            if self.step % self.plan.every == 0:
                self._tell(told, self.seconds + time.monotonic() - begun)
                told = []
            if time.monotonic() - saved > self.plan.save_seconds:
                self._save(self.seconds + time.monotonic() - begun)
                saved = time.monotonic()
        self.seconds += time.monotonic() - begun
        self._save(self.seconds)

    def _one(self) -> dict[str, float]:
        torch.manual_seed(self.step)
        loss, figures = self.task.loss(self.step)
        loss.backward()
        nn.utils.clip_grad_norm_(self.task.net.parameters(), 5.0)
        self.optimizer.step(rate(self.plan, self.step))
        self.step += 1
        keep = min(self.plan.keep, self.step / (self.step + 10))
        for name, value in self.task.net.state_dict().items():
            held = self.mean[name]
            held.lerp_(value, 1 - keep) if held.dtype.is_floating_point else held.copy_(value)
        return {"loss": float(loss.detach())} | figures

    def _tell(self, told: list[dict[str, float]], seconds: float) -> None:
        means = {name: fmean(one[name] for one in told) for name in told[0]}  # fewer than ``every`` after a stop
        figures = " ".join(f"{k} {v:.3f}" for k, v in means.items())
        self.say(f"{self.task.name} {self.step}/{self.plan.steps} {seconds:.0f} s {figures}")
        with (self.folder / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, "seconds": round(seconds, 1)} | means) + "\n")

    def _save(self, seconds: float) -> None:
        state: dict[str, Any] = {"net": self.task.net.state_dict(), "mean": self.mean, "step": self.step}
        state |= {"optimizer": self.optimizer.state(), "seconds": seconds}
        part = self.folder / f"last.{os.getpid()}"
        torch.save(state, part)
        part.replace(self.folder / "last.pt")

    def _resume(self) -> None:
        last = self.folder / "last.pt"
        if not last.exists():
            return
        state = torch.load(last, weights_only=True)
        self.task.net.load_state_dict(state["net"])
        self.mean, self.step, self.seconds = state["mean"], state["step"], state["seconds"]
        self.optimizer.load(state["optimizer"])
        self.say(f"{self.task.name}: resumed at step {self.step}")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The mean weights of the last checkpoint in ``folder``. ``FileNotFoundError`` when nothing was trained."""
    return torch.load(folder / "last.pt", weights_only=True)["mean"]
