"""A training that can be stopped at any time: steps in order, checkpoints every few minutes, a curve, progress lines.

What is trained is a :class:`Task`; the loop knows nothing of faces. Same seed, same steps, whether in one go or in ten.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn


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
    ``fall`` of the steps. ``keep`` is the decay of the mean of weights that is exported."""

    steps: int
    rate: float = 2e-3
    decay: float = 0.02
    warmup: int = 100
    fall: float = 0.4
    keep: float = 0.995
    every: int = 50
    save_seconds: float = 120.0


def rate(plan: Plan, step: int) -> float:
    """The learning rate of a step."""
    left = (plan.steps - step) / max(1.0, plan.steps * plan.fall)
    return plan.rate * min(1.0, (step + 1) / plan.warmup, max(left, 0.02))


class Trainer:
    """Trains a task by a plan; its state lies in ``folder``: ``last.pt``, ``curve.jsonl``."""

    def __init__(self, task: Task, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self.task, self.plan, self.folder, self.say = task, plan, folder, say
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mean = {k: v.detach().clone() for k, v in task.net.state_dict().items()}
        grouped = [p for p in task.net.parameters() if p.ndim > 1], [p for p in task.net.parameters() if p.ndim <= 1]
        groups = [{"params": ps, "weight_decay": d} for ps, d in zip(grouped, (plan.decay, 0.0), strict=True)]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.99))
        self.step = 0
        self.seconds = 0.0
        self._resume()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Train until the plan's last step, or until ``until()`` is true; a checkpoint is written in either case."""
        saved = begun = time.monotonic()
        sums: dict[str, float] = {}
        self.task.net.train()
        while self.step < self.plan.steps and not until():
            for name, value in self._one().items():
                sums[name] = sums.get(name, 0.0) + value / self.plan.every
            if self.step % self.plan.every == 0:
                self._tell(sums, self.seconds + time.monotonic() - begun)
                sums = {}
            if time.monotonic() - saved > self.plan.save_seconds:
                self._save(self.seconds + time.monotonic() - begun)
                saved = time.monotonic()
        self.seconds += time.monotonic() - begun
        self._save(self.seconds)

    def _one(self) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.plan, self.step)
        torch.manual_seed(self.step)
        loss, figures = self.task.loss(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.task.net.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        keep = min(self.plan.keep, self.step / (self.step + 10))
        for name, value in self.task.net.state_dict().items():
            held = self.mean[name]
            held.lerp_(value, 1 - keep) if held.dtype.is_floating_point else held.copy_(value)
        return {"loss": float(loss.detach())} | figures

    def _tell(self, means: dict[str, float], seconds: float) -> None:
        figures = " ".join(f"{k} {v:.3f}" for k, v in means.items())
        self.say(f"{self.task.name} {self.step}/{self.plan.steps} {seconds:.0f} s {figures}")
        with (self.folder / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, "seconds": round(seconds, 1)} | means) + "\n")

    def _save(self, seconds: float) -> None:
        state: dict[str, Any] = {"net": self.task.net.state_dict(), "mean": self.mean, "step": self.step}
        state |= {"optimizer": self.optimizer.state_dict(), "seconds": seconds}
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
        self.optimizer.load_state_dict(state["optimizer"])
        self.say(f"{self.task.name}: resumed at step {self.step}")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The mean weights of the last checkpoint in ``folder``. ``FileNotFoundError`` when nothing was trained."""
    return torch.load(folder / "last.pt", weights_only=True)["mean"]
