"""The whole configuration: one section for each stage, each defined beside that stage."""

from math import ceil
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from models.config import Frozen, TokenizerModelConfig
from models.files import TOKENIZER_FOLDER
from models.prior.config import PriorLayout
from models.training.errors import CheckpointError
from tasks.crawl.config import Config as CrawlConfig
from tasks.dedup.config import Config as DedupConfig
from tasks.engine.stage import StageConfig
from tasks.errors import SourceError
from tasks.evaluate.config import Config as EvaluateConfig
from tasks.extract import Config as ExtractConfig
from tasks.fetch.config import Config as FetchConfig
from tasks.funnel.config import Config as FunnelConfig
from tasks.pack import Config as PackConfig
from tasks.report.config import Config as ReportConfig
from tasks.rerank import Config as RerankConfig
from tasks.sample.config import Config as SampleConfig
from tasks.screen_captions.config import Config as ScreenCaptionsConfig
from tasks.screen_images.config import Config as ScreenImagesConfig
from tasks.train.bpe import Config as BPEConfig
from tasks.train.clip import Config as CLIPConfig
from tasks.train.dvae import Config as DVAEConfig
from tasks.train.finished import Config as FinishedConfig
from tasks.train.prior import Config as PriorConfig
from tasks.train.scorer import Config as ScorerConfig
from tasks.train.subset import Config as SubsetConfig
from tasks.train.vqgan import Config as VQGANConfig
from tasks.translate.config import Config as TranslateConfig


class PipelineConfig(Frozen):
    """Everything that decides what a pipeline run produces."""

    model_config = ConfigDict(title="Pipeline")

    source: CrawlConfig = Field(default_factory=CrawlConfig)
    screen_captions: ScreenCaptionsConfig = Field(default_factory=ScreenCaptionsConfig)
    fetch: FetchConfig = Field(default_factory=FetchConfig)
    screen_images: ScreenImagesConfig = Field(default_factory=ScreenImagesConfig)
    dedup: DedupConfig = Field(default_factory=DedupConfig)
    pack: PackConfig = Field(default_factory=PackConfig)
    funnel: FunnelConfig = Field(default_factory=FunnelConfig)
    bpe: BPEConfig = Field(default_factory=BPEConfig)
    tokenizer: Literal["dvae", "vqgan"] = Field("dvae", description="Which image tokenizer is trained.")
    dvae: DVAEConfig = Field(default_factory=DVAEConfig)
    vqgan: VQGANConfig = Field(default_factory=VQGANConfig)
    clip: CLIPConfig = Field(default_factory=CLIPConfig)
    extract: ExtractConfig = Field(default_factory=ExtractConfig)
    subset: SubsetConfig = Field(default_factory=SubsetConfig)
    prior: PriorConfig = Field(default_factory=PriorConfig)
    models: FinishedConfig = Field(default_factory=FinishedConfig)
    sample: SampleConfig = Field(default_factory=SampleConfig)
    rerank: RerankConfig = Field(default_factory=RerankConfig)
    scorer: ScorerConfig = Field(default_factory=ScorerConfig)
    translate: TranslateConfig = Field(default_factory=TranslateConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    report: ReportConfig = Field(default_factory=ReportConfig)

    @property
    def stages(self) -> tuple[StageConfig, ...]:
        """The sections, each of a stage."""
        return tuple(section for _, section in self if isinstance(section, StageConfig))

    @property
    def started(self) -> "PipelineConfig":
        """This config with the shapes and the tokenizers of the model that its training starts from, if there is one.

        Raises:
            CheckpointError: the folder holds no model.
        """
        models = self.models
        if not models.starts:
            return self
        shape, kind = models.shape, models.tokenizer_kind
        layout = {name: getattr(shape, name) for name in PriorLayout.model_fields}
        layout["attention_form"] = self.prior.model.attention_form  # the same up to rounding
        taken = {"pretrained": str(models.folder / TOKENIZER_FOLDER)}
        return self.model_copy(
            update={
                "bpe": BPEConfig(vocab_size=shape.text_vocab, text_length=shape.caption_length),
                "tokenizer": kind,
                kind: getattr(self, kind).model_copy(update=taken),
                "prior": self.prior.model_copy(update={"model": PriorLayout(**layout)}),
            }
        )

    @property
    def largest_crop_px(self) -> int:
        """Side of the largest square that a training cuts out of an image; 0 where none happens."""
        if self.models.pretrained is not None:
            return 0
        clip = 0 if self.clip.pretrained is not None else self.clip.model.crop_size
        return max(self._tokenizer_layout.image_size, clip)

    @property
    def least_stored_px(self) -> int:
        """Short side that images need in store: the paper's random crops shrink them to at most 12/8 (listing 1)."""
        return ceil(self.largest_crop_px * 12 / 8)

    @property
    def _tokenizer_layout(self) -> TokenizerModelConfig:
        chosen = self.dvae if self.tokenizer == "dvae" else self.vqgan
        try:
            config = self.started
            return (config.dvae if config.tokenizer == "dvae" else config.vqgan).layout
        except (SourceError, CheckpointError):  # a folder on the machine that will run the stage, which says so then
            return chosen.model

    @model_validator(mode="after")
    def _the_ranker_does_not_score(self) -> Self:
        if self.scorer.pretrained is not None and self.scorer.pretrained == self.clip.pretrained:
            raise ValueError(
                f"scorer.pretrained is the ranker, {self.clip.pretrained}: reranking and scoring must not use the same "
                f"model, so name another"
            )
        return self

    @model_validator(mode="after")
    def _probes_are_read(self) -> Self:
        if self.sample.probes.text and self.evaluate.ocr is None:
            raise ValueError("sample.probes.text asks for words that nothing reads: set evaluate.ocr=rapidocr too")
        if self.sample.probes.bias and self.scorer.pretrained is None:
            raise ValueError("sample.probes.bias asks for people that nothing sorts: name a CLIP in scorer.pretrained")
        return self

    @model_validator(mode="after")
    def _drawn_training_captions_were_trained_on(self) -> Self:
        if not self.sample.train_from.is_within(self.subset):
            raise ValueError(
                f"sample.train_from is no part of subset (share {self.subset.share:g}, seed {self.subset.seed}): "
                f"captions would count as seen that the prior never had, so give it that share and seed"
            )
        return self

    @model_validator(mode="after")
    def _images_are_large_enough(self) -> Self:
        side, stored = self.largest_crop_px, self.least_stored_px
        if self.fetch.image_size < stored:
            raise ValueError(
                f"fetch.image_size ({self.fetch.image_size}) is below {stored}, 12/8 of the largest square that a "
                f"training cuts: its random crops would find nothing to choose from, so raise it"
            )
        if self.screen_images.min_side_px < side:
            raise ValueError(
                f"screen_images.min_side_px ({self.screen_images.min_side_px}) is below {side}, the largest square "
                f"that a training cuts: smaller images would end it, so raise it to reject them"
            )
        return self
