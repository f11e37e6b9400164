"""The whole configuration: one section for each stage, each defined beside that stage."""

from typing import Literal

from pydantic import ConfigDict, Field

from models.config import Frozen
from tasks.crawl.config import Config as CrawlConfig
from tasks.dedup.config import Config as DedupConfig
from tasks.evaluate.config import Config as EvaluateConfig
from tasks.extract import Config as ExtractConfig
from tasks.fetch.config import Config as FetchConfig
from tasks.pack import Config as PackConfig
from tasks.report.config import Config as ReportConfig
from tasks.rerank import Config as RerankConfig
from tasks.sample import Config as SampleConfig
from tasks.screen_captions.config import Config as ScreenCaptionsConfig
from tasks.screen_images import Config as ScreenImagesConfig
from tasks.train.bpe import Config as BPEConfig
from tasks.train.clip import Config as CLIPConfig
from tasks.train.dvae import Config as DVAEConfig
from tasks.train.prior import Config as PriorConfig
from tasks.train.vqgan import Config as VQGANConfig


class PipelineConfig(Frozen):
    """Everything that decides what a pipeline run produces."""

    model_config = ConfigDict(title="Pipeline")

    source: CrawlConfig = Field(default_factory=CrawlConfig)
    screen_captions: ScreenCaptionsConfig = Field(default_factory=ScreenCaptionsConfig)
    fetch: FetchConfig = Field(default_factory=FetchConfig)
    screen_images: ScreenImagesConfig = Field(default_factory=ScreenImagesConfig)
    dedup: DedupConfig = Field(default_factory=DedupConfig)
    pack: PackConfig = Field(default_factory=PackConfig)
    bpe: BPEConfig = Field(default_factory=BPEConfig)
    tokenizer: Literal["dvae", "vqgan"] = Field("dvae", description="Which image tokenizer is trained.")
    dvae: DVAEConfig = Field(default_factory=DVAEConfig)
    vqgan: VQGANConfig = Field(default_factory=VQGANConfig)
    clip: CLIPConfig = Field(default_factory=CLIPConfig)
    extract: ExtractConfig = Field(default_factory=ExtractConfig)
    prior: PriorConfig = Field(default_factory=PriorConfig)
    sample: SampleConfig = Field(default_factory=SampleConfig)
    rerank: RerankConfig = Field(default_factory=RerankConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    report: ReportConfig = Field(default_factory=ReportConfig)
