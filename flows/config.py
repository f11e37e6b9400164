"""The whole configuration: one section for each stage, each defined at the top of that stage's module."""

from pydantic import ConfigDict, Field

from models.config import Frozen
from tasks.crawl.config import Config as Source
from tasks.dedup.config import Config as Dedup
from tasks.evaluate.config import Config as Evaluate
from tasks.extract import Config as Extract
from tasks.fetch.config import Config as Fetch
from tasks.pack import Config as Pack
from tasks.report.config import Config as Report
from tasks.rerank import Config as Rerank
from tasks.sample import Config as Sample
from tasks.screen_captions.config import Config as ScreenCaptions
from tasks.screen_images import Config as ScreenImages
from tasks.train.bpe import BPEConfig
from tasks.train.clip import CLIPConfig
from tasks.train.dvae import DVAEConfig
from tasks.train.prior import PriorConfig


class PipelineConfig(Frozen):
    """Everything that decides what a pipeline run produces."""

    model_config = ConfigDict(title="Pipeline")

    source: Source = Field(default_factory=Source)
    screen_captions: ScreenCaptions = Field(default_factory=ScreenCaptions)
    fetch: Fetch = Field(default_factory=Fetch)
    screen_images: ScreenImages = Field(default_factory=ScreenImages)
    dedup: Dedup = Field(default_factory=Dedup)
    pack: Pack = Field(default_factory=Pack)
    bpe: BPEConfig = Field(default_factory=BPEConfig)
    dvae: DVAEConfig = Field(default_factory=DVAEConfig)
    clip: CLIPConfig = Field(default_factory=CLIPConfig)
    extract: Extract = Field(default_factory=Extract)
    prior: PriorConfig = Field(default_factory=PriorConfig)
    sample: Sample = Field(default_factory=Sample)
    rerank: Rerank = Field(default_factory=Rerank)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    report: Report = Field(default_factory=Report)
