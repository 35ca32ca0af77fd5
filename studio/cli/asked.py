"""Options that several commands take."""

import argparse

from pipelines.domain.bounds import Guidance, More, Seed, Steps
from pipelines.workflow.enrich import EnrichOptions
from pipelines.workflow.generate import GenerateOptions
from pipelines.workflow.references import Beside
from pipelines.workflow.survey import SurveyOptions
from studio.cli.values import number

Sampled = type[SurveyOptions] | type[EnrichOptions] | type[GenerateOptions]


def sampling(p: argparse.ArgumentParser, usual: Sampled) -> None:
    """How a picture is drawn; ``usual`` are the values where nothing is said."""
    asked = "(default: what the LoRAs ask for, else the model's)"
    p.add_argument("--seed", type=number(Seed), default=usual.seed)
    p.add_argument("--steps", type=number(Steps), default=usual.steps, help=f"denoising steps {asked}")
    p.add_argument("--guidance", type=number(Guidance), default=usual.guidance, help=f"guidance scale {asked}")


def lora_rows(p: argparse.ArgumentParser) -> None:
    """The stack."""
    p.add_argument("--lora", action="append", default=[], metavar="NAME=WEIGHT", help="add a LoRA to the stack")


def beside(p: argparse.ArgumentParser) -> None:
    """What the editor sees beside a source."""
    p.add_argument(
        "--references", type=number(More), default=Beside.references, metavar="N",
        help="show the editor N more sources beside each (0-2), the nearest to what is asked for",
    )  # fmt: skip
    p.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="IMAGE",
        help="show this source beside each instead",
    )
    p.add_argument(
        "--control", default=Beside.control, metavar="IMAGE",
        help="show the luminance map of a picture, for LoRAs that go by one",
    )  # fmt: skip
