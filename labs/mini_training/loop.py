"""A training that can be stopped at any time: steps in order, checkpoints every few minutes, a curve, progress lines.

What is trained is a :class:`Task`; the loop knows nothing of faces. Same seed, same steps, whether in one go or in ten.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pipelines.engine.precision import native

Figures = Mapping[str, torch.Tensor | float]


class Task(Protocol):
    """Something to train: ``net`` holds all its parameters; ``loss(step)`` draws the step's batch and returns the loss
    and figures worth a line. The same step always gets the same batch."""

    name: str
    net: nn.Module

    def loss(self, step: int) -> tuple[torch.Tensor, Figures]:
        """Loss to minimise, and figures by name, detached: a card is not waited for until they are told."""
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
        self.momentum = {n: p.new_zeros(len(p), p[0].numel()) for n, p in self.matrices.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradients, which are cleared."""
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        for names in self._alike().values():
            self._turn(names, rate)
        for p in (*self.matrices.values(), *(q for g in self.adam.param_groups for q in g["params"])):
            p.grad = None

    def _alike(self) -> dict[torch.Size, list[str]]:
        """Names of the matrices that have gradients, by their shapes: those of one shape are turned together."""
        out: dict[torch.Size, list[str]] = {}
        for name, p in self.matrices.items():
            if p.grad is not None:
                out.setdefault(self.momentum[name].shape, []).append(name)
        return out

    def _turn(self, names: list[str], rate: float) -> None:
        grads = torch.stack([_grad(self.matrices[name]).flatten(1) for name in names])
        held = torch.stack([self.momentum[name] for name in names]).lerp_(grads, 0.05)
        updates = orthogonal(grads.lerp(held, 0.95)) * (0.2 * max(grads.shape[1:]) ** 0.5)
        for name, momentum, update in zip(names, held, updates, strict=True):
            self.momentum[name].copy_(momentum)
            p = self.matrices[name]
            p.mul_(1 - rate * self.decay).sub_(update.view_as(p), alpha=rate)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"adam": self.adam.state_dict(), "momentum": self.momentum}

    def load(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.adam.load_state_dict(state["adam"])
        self.momentum = state["momentum"]


def _grad(p: torch.Tensor) -> torch.Tensor:
    assert p.grad is not None
    return p.grad


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """About the nearest matrices with orthogonal rows or columns to x (..., rows, columns): five Newton-Schulz steps
    with the constants of Muon, in bf16 as there, where the device has it: the result need not be exact."""
    tall = x.shape[-2] > x.shape[-1]
    x = ((x.mT if tall else x) / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).to(native(x.device.type))
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
        told: list[Figures] = []
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

    def _one(self) -> Figures:
        torch.manual_seed(self.step)
        loss, figures = self.task.loss(self.step)
        loss.backward()
        nn.utils.clip_grad_norm_(self.task.net.parameters(), 5.0)
        self.optimizer.step(rate(self.plan, self.step))
        self.step += 1
        self._follow(min(self.plan.keep, self.step / (self.step + 10)))
        return {"loss": loss.detach(), **figures}

    @torch.no_grad()
    def _follow(self, keep: float) -> None:
        """Move the mean of weights toward the present ones."""
        now = self.task.net.state_dict()
        names = [name for name, held in self.mean.items() if held.dtype.is_floating_point]
        get_ema_multi_avg_fn(keep)([self.mean[name] for name in names], [now[name] for name in names], self.step)
        for name in self.mean.keys() - set(names):
            self.mean[name].copy_(now[name])

    def _tell(self, told: list[Figures], seconds: float) -> None:
        alike = set(told[0]).intersection(*told)  # a task may tell of other figures from some step on
        means = {name: fmean(float(one[name]) for one in told) for name in told[0] if name in alike}
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
        state = torch.load(last, map_location=next(self.task.net.parameters()).device, weights_only=True)
        self.task.net.load_state_dict(state["net"])
        self.mean, self.step, self.seconds = state["mean"], state["step"], state["seconds"]
        self.optimizer.load(state["optimizer"])
        self.say(f"{self.task.name}: resumed at step {self.step}")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The mean weights of the last checkpoint in ``folder``. ``FileNotFoundError`` when nothing was trained."""
    return torch.load(folder / "last.pt", map_location="cpu", weights_only=True)["mean"]
