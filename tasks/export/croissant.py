"""The data set as Croissant, JSON-LD that data set search engines and loaders read.

Croissant 1.1 and its vocabulary for responsible AI 1.0: mlcommons/croissant, docs/croissant-spec-1.1.md and
docs/croissant-rai-spec.md; the context is the specification's appendix 1.
"""

from collections.abc import Sequence
from typing import Any

from tasks.export.columns import ABOUT_IMAGE, COLUMNS, IMAGE, PACKED_COLUMNS, SUFFIXES
from tasks.export.facts import ABOVE, DataFacts
from tasks.export.shards import ExportFormat

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
CROISSANT_TERMS = (
    "annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "excludes", "extract", "field",
    "fileProperty", "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "recordSet", "references", "regex", "readLines", "sdVersion", "separator", "source", "subField",
    "transform", "unArchive", "value",
    "path", "repeated", "replace", "samplingRate",  # which mlcroissant has beside those of the specification
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in CROISSANT_TERMS},
}
TYPES = {"string": "sc:Text", "int32": "cr:Int32"}
SPLIT_TYPES = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "val": "cr:ValidationSplit"}
MAINTENANCE = (
    "Pictures are left out by address, domain or content with `dalle takedown`, here and in every later data set."
)
# How the kinds of sources are collected, in the words that the vocabulary recommends; other kinds are published sets.
COLLECTION = {"site": "Web Scraping", "warc": "Web Scraping", "folder": "Others"}
ABOUT_SPLIT, ABOUT_KEY = "The split: train or held out.", "The name that the files of a pair have in common."
PARQUET, TAR = "application/x-parquet", "application/x-tar"  # as mlcroissant knows them
IMAGE_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


def croissant(facts: DataFacts) -> dict[str, Any]:
    """The content of croissant.json, which lies beside the shards, or beside a report of the same root."""
    is_tar = facts.form is ExportFormat.WEBDATASET
    date = facts.published.date().isoformat()
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": facts.name,
        "description": facts.description,
        "url": "./",  # relative to this file: wherever it is published
        "license": list(facts.licences),
        "creator": {"@type": "Organization", "name": facts.creator},
        "datePublished": date,
        "dateCreated": (facts.collected[0].date().isoformat() if facts.collected else date),
        "version": "1.0.0",
        "identifier": facts.made_from,
        "keywords": ["image-text pairs", "text-to-image"],
        **({"inLanguage": "en"} if facts.is_screened_for_english else {}),
        "isLiveDataset": False,
        "distribution": [*_files(facts), *(_tar_sets(facts) if is_tar else _parquet_set(facts))],
        "recordSet": [_splits(facts), *(_of_tars() if is_tar else _of_parquet(is_packed=facts.form is None))],
        **_responsible(facts),
    }


def _files(facts: DataFacts) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": shard.path.removeprefix(ABOVE),
            "name": shard.path.rsplit("/", 1)[-1],
            "description": f"{shard.rows} pairs for {shard.split}.",
            "contentUrl": shard.path,
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": TAR if facts.form is ExportFormat.WEBDATASET else PARQUET,
            "sha256": shard.sha256,
        }
        for shard in facts.shards
    ]


def _parquet_set(facts: DataFacts) -> list[dict[str, Any]]:
    folders = sorted({shard.path.rpartition("/")[0] for shard in facts.shards})
    return [
        {
            "@type": "cr:FileSet",
            "@id": "shards",
            "name": "shards",
            "encodingFormat": PARQUET,
            "includes": [f"{folder}/*.parquet" for folder in folders],
        }
    ]


def _tar_sets(facts: DataFacts) -> list[dict[str, Any]]:
    inside = [{"@id": shard.path} for shard in facts.shards]
    return [
        {
            "@type": "cr:FileSet",
            "@id": "pictures",
            "name": "pictures",
            "containedIn": inside,
            "encodingFormat": list(IMAGE_TYPES.values()),
            "includes": [f"*.{suffix}" for suffix in SUFFIXES.values()],
        },
        {
            "@type": "cr:FileSet",
            "@id": "records",
            "name": "records",
            "containedIn": inside,
            "encodingFormat": "application/json",
            "includes": "*.json",
        },
    ]


def _splits(facts: DataFacts) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": ["sc:URL", "cr:Split"]},
            {"@type": "cr:Field", "@id": "splits/pairs", "name": "pairs", "dataType": "sc:Integer"},
        ],
        "data": [
            {"splits/name": split, "splits/url": SPLIT_TYPES[split], "splits/pairs": rows}
            for split, rows in facts.pairs.items()
        ],
    }


def _record_set(name: str, means: str, key: str, fields: Sequence[dict[str, Any]]) -> dict[str, Any]:
    about = {"@type": "cr:RecordSet", "@id": name, "name": name, "description": means}
    return about | {"key": {"@id": f"{name}/{key}"}, "field": list(fields)}


def _field(path: str, means: str, kind: str, source: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A field; `path` is the record set and the name."""
    about = {"@type": "cr:Field", "@id": path, "name": path.rpartition("/")[2], "description": means, "dataType": kind}
    return about | {"source": source} | more


def _of_parquet(is_packed: bool) -> list[dict[str, Any]]:
    shards = {"fileSet": {"@id": "shards"}}
    # Also matches what it found before: mlcroissant applies it once to join and once to read.
    split = shards | {"extract": {"fileProperty": "filename"}, "transform": {"regex": "([a-z]+)(?:-.*)?$"}}
    image: dict[str, Any] = shards | {"extract": {"column": IMAGE}}
    image |= {} if is_packed else {"transform": {"jsonPath": "bytes"}}
    fields = [
        _field("pairs/split", ABOUT_SPLIT, "sc:Text", split, references={"field": {"@id": "splits/name"}}),
        _field(f"pairs/{IMAGE}", ABOUT_IMAGE, "sc:ImageObject", image),
    ]
    for column in PACKED_COLUMNS if is_packed else COLUMNS:
        source = shards | {"extract": {"column": column.name}}
        fields.append(_field(f"pairs/{column.name}", column.means, TYPES[column.kind], source))
    return [_record_set("pairs", "A picture with one caption each.", "pair_id", fields)]


def _of_tars() -> list[dict[str, Any]]:
    records, pictures = ({"fileSet": {"@id": name}} for name in ("records", "pictures"))
    name = {"extract": {"fileProperty": "filename"}, "transform": {"regex": r"([0-9]+)(?:\..*)?$"}}
    fields = [
        _field("pairs/key", ABOUT_KEY, "sc:Text", records | {"extract": {"jsonPath": "$.key"}}),
        _field("pairs/split", ABOUT_SPLIT, "sc:Text", records | {"extract": {"jsonPath": "$.split"}}),
    ]
    for column in COLUMNS:
        source = records | {"extract": {"jsonPath": f"$.{column.name}"}}
        fields.append(_field(f"pairs/{column.name}", column.means, TYPES[column.kind], source))
    reference = {"field": {"@id": "pairs/key"}}
    images = [
        _field("images/key", ABOUT_KEY, "sc:Text", pictures | name, references=reference),
        _field(f"images/{IMAGE}", ABOUT_IMAGE, "sc:ImageObject", pictures | {"extract": {"fileProperty": "content"}}),
    ]
    return [
        _record_set("pairs", "What is known of each pair: its caption, and where both come from.", "pair_id", fields),
        _record_set("images", "The pictures of the pairs.", "key", images),
    ]


def _responsible(facts: DataFacts) -> dict[str, Any]:
    """What the vocabulary for responsible AI asks for and is known; nothing that was not measured or configured."""
    published = "Secondary Data analysis"
    known = {
        "rai:dataCollection": f"By dalle-pipeline from these sources: {'; '.join(facts.source_lines)}.",
        "rai:dataCollectionType": sorted({COLLECTION.get(kind.split()[0], published) for kind in facts.kinds.values()}),
        "rai:dataCollectionRawData": "; ".join(facts.source_lines),
        "rai:dataCollectionMissingData": "Rows that were rejected, by stage and reason: " + "; ".join(facts.step_lines),
        "rai:dataPreprocessingProtocol": facts.step_lines,
        "rai:dataAnnotationProtocol": "Captions are texts that stood with the pictures; nobody wrote or rated them for "
        "this set.",
        "rai:dataUseCases": ["Training", "Validation"],
        "rai:dataSocialImpact": " ".join(facts.consent_lines),
        "rai:dataReleaseMaintenancePlan": MAINTENANCE,
        "rai:dataLimitations": facts.limits,
        "rai:personalSensitiveInformation": facts.limits[-1:],
    }
    if facts.collected is not None:
        known["rai:dataCollectionTimeframe"] = [moment.isoformat() for moment in facts.collected]
    return {name: value for name, value in known.items() if value}
