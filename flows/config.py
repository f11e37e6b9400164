"""The whole configuration: one section for each stage, each defined at the top of that stage's module."""

from pydantic import ConfigDict, Field

from models.config import Frozen
from tasks import crawl, dedup, evaluate, extract, fetch, pack, report, rerank, sample, screen_captions, screen_images
from tasks import train as training


class PipelineConfig(Frozen):
    """Everything that decides what a pipeline run produces."""

    model_config = ConfigDict(title="Pipeline")

    source: crawl.Config = Field(default_factory=crawl.Config)
    screen_captions: screen_captions.Config = Field(default_factory=screen_captions.Config)
    fetch: fetch.Config = Field(default_factory=fetch.Config)
    screen_images: screen_images.Config = Field(default_factory=screen_images.Config)
    dedup: dedup.Config = Field(default_factory=dedup.Config)
    pack: pack.Config = Field(default_factory=pack.Config)
    bpe: training.BPEConfig = Field(default_factory=training.BPEConfig)
    dvae: training.DVAEConfig = Field(default_factory=training.DVAEConfig)
    clip: training.CLIPConfig = Field(default_factory=training.CLIPConfig)
    extract: extract.Config = Field(default_factory=extract.Config)
    prior: training.PriorConfig = Field(default_factory=training.PriorConfig)
    sample: sample.Config = Field(default_factory=sample.Config)
    rerank: rerank.Config = Field(default_factory=rerank.Config)
    evaluate: evaluate.Config = Field(default_factory=evaluate.Config)
    report: report.Config = Field(default_factory=report.Config)
