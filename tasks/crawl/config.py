"""What to crawl: the pipeline's `source` section."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tasks import REPOSITORY
from tasks.compositions.config import CompositionsConfig
from tasks.crawl.packed.packed_source import PackedSource
from tasks.crawl.sources.coco import COCOSource
from tasks.crawl.sources.common_crawl import WARCSource
from tasks.crawl.sources.conceptual_captions import CC3MSource, CC12MSource
from tasks.crawl.sources.folder import FolderSource
from tasks.crawl.sources.huggingface import HuggingFaceSource
from tasks.crawl.sources.laion import LAIONSource
from tasks.crawl.sources.site import SiteSource
from tasks.crawl.sources.source import SourceConfig
from tasks.crawl.sources.webdataset import WebDatasetSource
from tasks.crawl.sources.wit import WITSource
from tasks.crawl.sources.yfcc import YFCCSource
from tasks.engine import code, storage
from tasks.engine.stage import StageConfig
from tasks.errors import SourceError

DEMO = "demo"

AnySource = (
    FolderSource
    | SiteSource
    | CC3MSource
    | CC12MSource
    | YFCCSource
    | WITSource
    | LAIONSource
    | COCOSource
    | WARCSource
    | WebDatasetSource
    | HuggingFaceSource
)
KINDS: dict[str, type[SourceConfig]] = {kind.model_fields["kind"].default: kind for kind in get_args(AnySource)}


def _long_form(source: Any) -> Any:
    """A source as a mapping: a text is the path of a folder or of tars, or the address of a site.

    Raises:
        ValueError: there is no such kind, or it has no such setting.
    """
    if isinstance(source, str):
        is_address = source.lower().startswith(("http://", "https://"))
        if source.endswith(".tar") and not is_address:
            return {"kind": "webdataset", "path": source}
        return {"kind": "site", "address": source} if is_address else {"kind": "folder", "path": source}
    if isinstance(source, SourceConfig):
        return source
    if not isinstance(source, Mapping) or "kind" not in source:
        raise ValueError(f"a source is a folder, an address, or a mapping with a kind: {', '.join(KINDS)}")
    kind = KINDS.get(str(source["kind"]))
    if kind is None:
        raise ValueError(f"there is no kind of source '{source['kind']}': there are {', '.join(KINDS)}")
    for key in source.keys() - kind.model_fields.keys():
        [nearest] = difflib.get_close_matches(str(key), kind.model_fields, 1, 0.0)
        raise ValueError(f"a source of the kind {source['kind']} has no '{key}': did you mean '{nearest}'?")
    return source


Source = Annotated[Annotated[AnySource, Field(discriminator="kind")], BeforeValidator(_long_form)]


class Config(StageConfig):
    """Where images with captions come from. By default from the demo site, served on this machine."""

    stands_for: ClassVar[str] = "sources"

    sources: tuple[Source, ...] = Field(
        (), description="Folders, sites and so on, each with its kind; a path or an address alone is one too."
    )
    snapshot: str = Field("", description="A free label; change it to crawl the same sites again.")
    port: int = Field(8717, ge=1, le=65535, description="Port of the demo site on 127.0.0.1.")
    archive: str = Field("data/fluent-emoji-3d.zip", description="Zip of captioned images the demo site is made of.")
    corpus: Literal["compositions", "emoji"] = Field(
        "compositions", description="The demo site's pictures: things on grounds, in pairs, sizes and counts; or alone."
    )
    compositions: CompositionsConfig = CompositionsConfig()

    @model_validator(mode="before")
    @classmethod
    def _section_of(cls, section: Any) -> Any:
        """The section may be its sources alone."""
        return {cls.stands_for: section} if isinstance(section, str | list | tuple) else section

    @field_validator("sources", mode="before")
    @classmethod
    def _as_several(cls, sources: Any) -> Any:
        return sources if isinstance(sources, list | tuple) else (sources,)

    @field_validator("sources")
    @classmethod
    def _have_names(cls, sources: tuple[SourceConfig, ...]) -> tuple[SourceConfig, ...]:
        names = list(_names(sources))
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)} is named twice")
        return sources

    @property
    def is_demo(self) -> bool:
        """Whether the source is the demo site: no other is configured."""
        return not self.sources

    @property
    def is_live(self) -> bool:
        """Whether a source may hold other pairs tomorrow although the config is the same."""
        return any(source.is_live for source in self.sources)

    @property
    def archive_path(self) -> Path:
        """The demo's zip; a relative path is relative to the repository."""
        return REPOSITORY / self.archive

    @property
    def composed(self) -> CompositionsConfig | None:
        """What the demo site's compositions are; None where it shows the emoji alone, or is not the source."""
        return self.compositions if self.is_demo and self.corpus == "compositions" else None

    @property
    def named_sources(self) -> dict[str, SourceConfig]:
        """What is crawled, by the value of the column `source`: of a site its address, else the kind, numbered."""
        if self.is_demo:
            return {DEMO: SiteSource(address=f"http://127.0.0.1:{self.port}/", delay_s=0)}
        return dict(zip(_names(self.sources), self.sources, strict=True))

    @property
    def holding(self) -> dict[str, FolderSource | PackedSource]:
        """The sources that hold their pictures themselves, by name."""
        named = self.named_sources.items()
        return {name: source for name, source in named if isinstance(source, FolderSource | PackedSource)}

    def require(self) -> None:
        """The sources, or the demo's zip, are there and can be read.

        Raises:
            SourceError: one is not.
        """
        for source in self.sources:
            source.require()
        if self.is_demo and not self.archive_path.is_file():
            raise SourceError(
                f"The demo's archive {self.archive_path} is not there: get the whole repository, or check "
                "source.archive."
            )

    def fingerprinted(self) -> dict[str, Any]:
        """Of the demo's settings those that are used; of each source what it says itself."""
        fields = super().fingerprinted()
        if not self.is_demo:
            sources = [source.fingerprinted() for source in self.sources]
            return {"snapshot": self.snapshot, "sources": sources}
        if self.composed is None:
            del fields["compositions"]
        return fields

    def outside_state(self) -> str:
        """Digest of the content of the sources, or of all that makes the demo's site; empty for live sites.

        Raises:
            SourceError: as `require`.
        """
        self.require()
        if self.is_demo:
            # The site is made of the zip by code, and making it takes seconds: so not by what it serves itself.
            made_by = code.digest("tasks.crawl.demo.pages")
            return storage.sha256(self.archive_path.read_bytes() + made_by.encode())
        return "\n".join(source.outside_state() for source in self.sources).strip()


def _names(sources: tuple[SourceConfig, ...]) -> Iterator[str]:
    """Of a site its address, which cannot be mistaken for another kind; of others the kind, from the second on with
    its number."""
    kinds: list[str] = []
    for source in sources:
        kinds.append(source.kind)
        count = kinds.count(source.kind)
        if isinstance(source, SiteSource):
            yield source.address
        else:
            yield source.kind if count == 1 else f"{source.kind}-{count}"


def kind_of(name: str) -> str:
    """The kind of a source, by its value of the column `source`; see `Config.named_sources`."""
    if "://" in name:
        return "site"
    kind, _, number = name.rpartition("-")
    return kind if number.isdecimal() else name
