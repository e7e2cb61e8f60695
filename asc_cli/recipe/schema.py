"""The sections of a recipe: every key with its type, its default and what it means.

Defaults live here, once; YAML only overrides. What features and models take is read from their
own code, and joins these sections in `sections.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from asc_cli.core import plugins
from asc_cli.recipe.section import Section
from asc_cli.recipe.stream import Stream
from asc_cli.recipe.transfer import Distil, FineTune

DEPLOYED_AT = "float32"  # without `deployment_precision`
HEADLINES = ("dataset", *(m.name for m in plugins.metrics() if m.definition))
if TYPE_CHECKING:
    Headline = str
else:
    Headline = Literal[HEADLINES]


class Clips(Section):
    """How a recording is cut into clips."""

    length_s: float = Field(1.0, gt=0, description="Length of a clip in seconds.")
    length_frames: int | None = Field(
        None, ge=1, description="Length of a clip in frames; where given, length_s is not used."
    )
    overlap: float = Field(0.5, ge=0, lt=1, description="Share of a clip that the next repeats.")
    standardise: bool = Field(
        True,
        description="Scale each band by the training fold's mean and deviation; "
        "false: features as they are, for models that need them nonnegative.",
    )
    crops: Literal["grid", "random"] = Field(
        "grid",
        description="Clips of training: those that overlap says; or, anew in each epoch, as many "
        "as a recording has room for side by side, each at a random place.",
    )
    short: Literal["mask", "loop"] = Field(
        "mask",
        description="A recording shorter than a clip: padded and masked, or repeated until the "
        "clip is full.",
    )
    silence: Literal["keep", "drop"] = Field(
        "keep",
        description="Clips of digital silence, whose frames are all the feature's of zeros: like "
        "others, or left out, in training and at test. A recording of nothing else gives one.",
    )
    ADDED = ("crops", "short", "silence")


class Training(Section):
    """How a model is fitted on one fold. Models without gradient descent use the seed alone."""

    epochs: int = Field(
        100, ge=1, description="Passes over the fold; the last one's weights are kept."
    )
    batch_size: int = Field(128, ge=1, description="Clips in a step.")
    optimiser: Literal["adam", "adamw", "rmsprop", "sgd"] = Field(
        "adam", description="Rule of the steps."
    )
    learning_rate: float = Field(1e-3, gt=0, description="The highest of the schedule.")
    l2: float = Field(
        1e-4,
        ge=0,
        description="Weight of the l2 penalty, on weights, not biases; 0 with adamw.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        description="Of adamw: each step takes off rate × weight_decay × weight, apart from the "
        "gradient; of weights, not biases.",
    )
    momentum: float = Field(
        0.0, ge=0, lt=1, description="Of sgd: share of the last step in the next."
    )
    nesterov: bool = Field(False, description="Of sgd: take the gradient where the momentum leads.")
    clip_norm: float | None = Field(
        None, gt=0, description="Largest norm of all gradients together; none: as they are."
    )
    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "constant", description="How the learning rate goes on after it is highest."
    )
    warm_up: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of all steps in which the learning rate rises; 0.3 where schedule is "
        "one_cycle.",
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Exponential moving average of the weights, such as 0.99: average = ema_decay "
        "× average + (1 − ema_decay) × weights after each step. It is validated, tested and saved "
        "in place of the last weights; none: no average.",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of each target that is spread over all scenes."
    )
    balance: Literal["none", "weights", "sampler"] = Field(
        "none",
        description="Scenes with few clips: as they are; weighted in the loss so that each scene "
        "counts the same; or drawn so that each scene is as likely.",
    )
    seed: int = Field(0, ge=0, description="Fold k is seeded with (seed, k).")
    curve_every: int = Field(
        1,
        ge=0,
        description="Draw the test fold's accuracy every so many epochs; 0: never. Only "
        "a curve to look at: nothing is chosen by it.",
    )
    choose_epoch: Literal["last", "validation"] = Field(
        "last",
        description="Which weights are saved: the last epoch's, or those of the smallest log "
        "loss on the validation recordings.",
    )
    ADDED = (
        *("weight_decay", "momentum", "nesterov", "clip_norm", "schedule", "warm_up"),
        *("ema_decay", "label_smoothing", "balance"),
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: Any) -> Any:
        """Fill in the defaults that depend on another key."""
        if not isinstance(values, dict):
            return values
        adamw = {"l2": 0.0} if values.get("optimiser") == "adamw" else {}
        one_cycle = {"warm_up": 0.3} if values.get("schedule") == "one_cycle" else {}
        return {**adamw, **one_cycle, **values}


class Validation(Section):
    """Recordings held out of training, to choose an epoch or to calibrate; never the test fold."""

    fraction: float = Field(0.1, gt=0, lt=1, description="Share of each scene's recordings.")
    by: Literal["group", "recording", "published"] = Field(
        "group",
        description="Unit that is held out: groups (places, sources) or recordings; or the "
        "validation part that the dataset publishes, whatever the fraction.",
    )


class Unknown(Section):
    """When a recording is of none of the scenes: statistics that are stored beside each member."""

    score: Literal["auto", "probability", "energy", "distance"] = Field(
        "auto",
        description="What is compared of the network: the largest probability, the energy of the "
        "raw scores, or the distance of the embedding to the training recordings'; auto: the one "
        "that tells held-out recordings from those of `negatives` best, or probability without "
        "them, or where none does so beyond chance. The sound's own distances count beside it.",
    )
    keep: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="Share of the scenes' own recordings to keep; the threshold is that of the "
        "validation recordings.",
    )
    negatives: str | None = Field(
        None,
        description="A folder with recordings of none of the scenes, for the statistics alone; "
        "relative to the recipe's file. None: only signals that are made up, which are always "
        "among them. Of a run's signature the sounds are a part, not where they are.",
    )


class Evaluation(Section):
    """How clips' scores become a recording's, and which metric heads the report."""

    aggregate: Literal["mean", "vote", "log_sum"] = Field(
        "mean", description="Average probability, majority vote, or sum of log probabilities."
    )
    headline: Headline = Field(
        "dataset", description="The headline metric; dataset: the official one."
    )
    calibrate: Literal["none", "temperature"] = Field(
        "none", description="Scale probabilities by a temperature fitted on validation."
    )
    variants: tuple[Any, ...] = Field(
        (),
        description="Variants of a recording that are scored beside it, at test and in prediction: "
        "a list as the recipe's variants. Their clips count as the recording's own, as aggregate "
        "says.",
    )
    unknown: Unknown | None = Field(
        None, description="Statistics for `--unknown`; needs validation. None by default."
    )
    ADDED = ("variants", "unknown")


class Paper(Section):
    """The published result of this system, printed beside the result of the recipe."""

    error: float | None = Field(None, description="Classification error in percent; of scenes.")
    gap: float | None = Field(None, ge=0, le=1, description="GAP@20; of videos.")
    hit_at_1: float | None = Field(None, ge=0, le=1, description="Hit@1; of videos.")
    epoch: int | None = Field(None, ge=1, description="The epoch that was best; of videos.")
    metric: str = Field(
        "average classification error; whether of scenes or of recordings is not said",
        description="What the figure is, in the publication's words.",
    )
    source: str = Field(
        "Zhang, Zhang, Wu: Multi-modal attention mechanisms in LSTM, Table 1",
        description="Where the figure was printed.",
    )


class Source(Section):
    """Where a system was described, and which settings it does not give."""

    reference: str = Field(description="The publication of the system.")
    stated: tuple[str, ...] = Field((), description="Keys, or sections, that the source gives.")
    ours: tuple[str, ...] = Field(
        (), description="Keys, or sections, that we chose: the source is silent or was not at hand."
    )
    own: tuple[str, ...] = Field(
        (),
        description="Keys, or sections, that this recipe sets otherwise than the one that it "
        "extends, so that neither list holds; asc writes it.",
    )
    note: str = Field("", description="What else to know.")


class Base(Section):
    """All keys of a recipe but features and model, which depend on the installed plug-ins."""

    description: str = Field("", description="One line for `asc recipes list`.")
    dataset: str = Field(description="Name of a dataset, see `asc datasets list`.")
    data: str | None = Field(
        None,
        description="Where the dataset is: its folder or, of `table`, a CSV or a folder; "
        "relative to the recipe's file. --data goes before it. No part of a run's signature.",
    )
    subset: int | None = Field(
        None, description="A published subset of the dataset, in per cent: 5, 10, 25, 50 or 100."
    )
    clips: Clips = Field(Clips(), description="Length and overlap of clips.")
    training: Training = Field(Training(), description="How a model is fitted.")
    variants: tuple[Any, ...] = Field(
        (),
        description="Further copies of the training recordings, each changed as a whole before its "
        "features: a list of variants, each with its name and its parameters. Each clip of an "
        "epoch is of the recording or of one of its variants, each with the same probability.",
    )
    augment: tuple[Any, ...] = Field(
        (),
        description="What is done to the clips of training, one after another: a list of "
        "augmentations, each with its name and its parameters.",
    )
    distil: Distil | None = Field(
        None, description="Registered models to learn from; none by default."
    )
    fine_tune: FineTune | None = Field(
        None, description="A member for each recording device; none by default."
    )
    validation: Validation | None = Field(
        None, description="Recordings to hold out of training; none by default."
    )
    evaluation: Evaluation = Field(Evaluation(), description="How scores become figures.")
    exclude: tuple[str, ...] = Field((), description="Files of the dataset to leave out.")
    paper: Paper | None = Field(None, description="The published figure for this row.")
    stream: Stream | None = Field(None, description="For a dataset of shards: how they are read.")
    source: Source | None = Field(None, description="Where the settings come from.")
    deployment_precision: Literal["float32", "float16", "int8"] | None = Field(
        None,
        description="Precision that trained models are deployed at, at which `asc models show "
        "--limit` decides; none: float32. Training and prediction do not depend on it.",
    )
    licence: str | None = Field(
        None, description="Licence of the trained models, for their cards, such as MIT."
    )
    ADDED = ("variants", "augment", "distil", "fine_tune", "deployment_precision", "licence")
