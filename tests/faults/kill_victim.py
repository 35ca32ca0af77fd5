"""A studio without a page that works until it is killed. Imports once, then forks one for each line of standard input:
``ROOT ACKS KIND SEED``; says its process id, and ``dead STATUS`` when it has ended.

``KIND``: ``small`` (pictures come in, decisions, tags, settings, backup and restoring) or ``jobs`` (enrich, train,
generate, card, score, a 4-bit copy of a model, with the real worker). What it was told is done, a victim says by a JSON
line in the file ``ACKS``; what it said must never be lost. It ends by itself after ``LONGEST`` seconds: it has not been
killed then.
"""

import io
import json
import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from pipelines.domain.records import Decision, ImageRecord, Job, LoraRecord
from pipelines.session import Session
from pipelines.storage import backup, restoring
from pipelines.storage.settings import save
from pipelines.workflow import card, enrich, generate, loras, pristine, review, sources, training, weights
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.opening import open_session

LONGEST = 1800.0
ADA, BO = "ada", "bo"
MODEL = "mini-flux"


class Victim:
    """Does one thing after another; every method is a thing that a person asks for."""

    def __init__(self, session: Session, acks: Path, seed: int) -> None:
        self.session, self.dice = session, random.Random(seed)
        self.acks = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(self, what: str, **told: Any) -> None:
        """Acknowledge: one write, whole."""
        os.write(self.acks, (json.dumps({"what": what, **told}) + "\n").encode())

    # ---- small things

    def bring_in(self) -> None:
        pictures = [(f"{self.dice.randrange(10**9)}.png", noise(self.dice)) for _ in range(self.dice.randint(1, 3))]
        for image in sources.add(self.session, BO, pictures).admitted:
            self.say("image", id=image.id)

    def decide(self) -> None:
        image = self.dice.choice(self.session.store.all(ImageRecord))
        label = self.dice.choice(["good", "reject", None])
        made = [Decision(image=image.id, who="human", action="label", value=label),
                Decision(image=image.id, who="human", action="identity", value=self.dice.randint(1, 5))]  # fmt: skip
        review.decide(self.session, made)
        self.say("decisions", ids=[d.id for d in made])

    def tag(self) -> None:
        found = sources.sources(self.session, BO)
        if found:
            image, angle = self.dice.choice(found), self.dice.choice(["front", "half-left", "profile-right"])
            self.say("will tag", id=image.id, value=angle)
            sources.tag(self.session, image.id, angle=angle)
            self.say("angle", id=image.id, value=angle)

    def set(self) -> None:
        theme = self.dice.choice(["light", "dark"])
        self.say("will set", value=theme)
        save(self.session.workspace.root, {"theme": theme})
        self.say("theme", value=theme)

    def back_up(self) -> None:
        target = self.session.workspace.root.parent / "backups" / f"{self.dice.randrange(10**9)}.zip"
        target.parent.mkdir(exist_ok=True)
        made = backup.back_up(self.session.workspace.root, target)
        self.say("backup", path=str(made.path))
        if self.dice.random() < 0.7:
            again = self.session.workspace.root.parent / "restored" / target.stem
            again.parent.mkdir(exist_ok=True)
            restoring.restore(target, again)
            self.say("restored", path=str(again))

    # ---- jobs

    def follow(self, job: Job) -> Job:
        """Wait for a job as the page does: what is seen is acknowledged."""
        seen = {i.id for i in self.session.store.all(ImageRecord)}
        self.say("job", id=job.id, state="queued", title=job.title)
        last: tuple[int, int] | None = None
        while True:
            now = self.session.jobs.job(job.id)
            for image in self.session.store.all(ImageRecord):
                if image.id not in seen:
                    seen.add(image.id)
                    self.say("image", id=image.id)
            status = self.session.jobs.status()
            if status.job and (at := (status.job.done, status.step)) != last:
                last = at
                self.say("at work", done=at[0], step=at[1])
            if now.state not in ("queued", "running"):
                break
            time.sleep(0.03)
        ended = self.session.jobs.wait(job.id)
        self.say("job", id=job.id, state=ended.state, title=ended.title, error=ended.error)
        return ended

    def work(self, submit: Callable[[], Job]) -> None:
        """A job to its end, resumed whenever its worker was killed."""
        try:
            ended = self.follow(submit())
        except NotAllowed as refusal:
            self.say("refused", words=str(refusal))
            return
        while ended.state == "interrupted":
            ended = self.follow(self.session.jobs.resume(ended.id))
        if ended.state == "done" and ended.kind == "train":
            newest = loras.trained(self.session, ADA, "character")[-1]
            self.say("lora", id=newest.id, path=newest.path)

    def enrich(self) -> None:
        def submit() -> Job:
            options = enrich.EnrichOptions(count=3, steps=2, seed=self.dice.randrange(10**6))
            return enrich.submit(self.session, enrich.plan(self.session, ADA, options))

        self.work(submit)
        waiting = review.undecided(self.session, ADA, "enriched")
        made = [Decision(image=i.id, who="human", action="label", value="good") for i in waiting]
        review.decide(self.session, made)
        self.say("decisions", ids=[d.id for d in made])

    def train(self) -> None:
        few = {"steps": 4, "save_every": 2, "sample_every": 2}
        options = training.TrainOptions("character", "character-practice", few)
        self.work(lambda: training.submit(self.session, ADA, options))

    def generate(self) -> None:
        def submit() -> Job:
            lora = self.newest()
            options = generate.GenerateOptions(lora=lora, count=3, steps=2, seed=self.dice.randrange(10**6))
            return generate.submit(self.session, generate.plan(self.session, ADA, options))

        self.work(submit)
        waiting = review.undecided(self.session, ADA, "synthetic")
        made = [Decision(image=i.id, who="human", action="label", value="good") for i in waiting]
        review.decide(self.session, made)
        self.say("decisions", ids=[d.id for d in made])
        if waiting:
            kept = pristine.keep(self.session, ADA, [waiting[0].id])
            self.say("dataset", id=kept.id)

    def card(self) -> None:
        self.work(lambda: card.submit(self.session, ADA, card.CardOptions(lora=self.newest(), seed=1)))

    def score(self) -> None:
        self.work(lambda: sources.measure(self.session, ADA))

    def copy(self) -> None:
        """The copy is made, read whole and removed: the other jobs load what they always load."""
        if weights.standing(self.session, MODEL).copy:
            weights.remove(self.session, MODEL)
        self.work(lambda: weights.make_copy(self.session, MODEL))
        for kept in weights.kept(self.session):
            wrong = [words for _, words in weights.verify(self.session, kept.name) if words]
            self.say("copy", name=kept.name, wrong=wrong or kept.wrong)
            weights.remove(self.session, kept.name)

    def newest(self) -> str:
        found: list[LoraRecord] = loras.trained(self.session, ADA, "character")
        return found[-1].id if found else ""

    def begin(self) -> None:
        """What another victim left half done goes on."""
        ended = [j for j in self.session.store.all(Job) if j.state == "interrupted"]
        resumed = {j.resumes for j in self.session.store.all(Job)}
        for job in ended[-1:]:
            if job.id not in resumed:
                self.work(lambda job=job: self.session.jobs.resume(job.id))


def noise(dice: random.Random) -> bytes:
    """A PNG that no other is like."""
    side = dice.randrange(64, 200)
    buffer = io.BytesIO()
    Image.frombytes("L", (side, side), dice.randbytes(side * side)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


SMALL = (Victim.bring_in, Victim.bring_in, Victim.decide, Victim.decide, Victim.tag, Victim.set, Victim.back_up)
JOBS = (Victim.enrich, Victim.train, Victim.generate, Victim.card, Victim.score, Victim.copy, Victim.decide)


def live(root: str, acks: str, kind: str, seed: str) -> None:
    end = time.monotonic() + LONGEST
    with open_session(Path(root)) as session:
        victim = Victim(session, Path(acks), int(seed))
        victim.say("open", repairs=list(session.store.repairs))
        if kind == "jobs":
            victim.begin()
        while time.monotonic() < end:
            step = victim.dice.choice(SMALL if kind == "small" else JOBS)
            victim.say("begin", step=step.__name__)
            step(victim)


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                live(*line.split())
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print("dead", status, flush=True)


if __name__ == "__main__":
    main()
