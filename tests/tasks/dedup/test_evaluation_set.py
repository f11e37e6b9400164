"""No image that stands in an evaluation set is left to training, and the reject names which it is."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError
from support.tables import artifact, reasons, rows
from support.web import picture

from tasks.dedup.config import Config
from tasks.dedup.stage import dedup
from tasks.errors import SourceError
from tasks.settings import Settings


def row(name: str, image: bytes, caption: str = "a picture of some things", split: str | None = None) -> dict:
    width, height = Image.open(io.BytesIO(image)).size
    url = f"https://example.com/{name}"
    return {"url": url, "caption": caption, "image": image, "width": width, "height": height, "split": split}


@pytest.fixture
def folder(tmp_path):
    """Apart from the artifacts of the test, which hold images as well."""
    (tmp_path / "evaluation").mkdir()
    return tmp_path / "evaluation"


def evaluation_folder(folder, **images: bytes):
    for name, image in images.items():
        path = folder / name.replace("_in_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".png").write_bytes(image)
    return folder


def unique_of(settings, place, *shards, **config):
    return dedup(Config(evaluation_set=str(place), **config), settings, images=artifact("images", settings, *shards))


def details(unique) -> dict[str, str]:
    return {reject["url"].rsplit("/", 1)[-1]: reject["detail"] for reject in rows(unique.artifact, "rejects")}


@pytest.mark.parametrize("split", ["train", "validation", None])
def test_what_matches_the_evaluation_set_is_rejected_with_the_name_of_the_match(settings, folder, split):
    evaluation_folder(folder, test_in_dog=picture(1), cat=picture(2), owl=picture(3))
    first = [row("same", picture(1), "a dog", split), row("same", picture(1), "one dog", split), row("b", picture(4))]
    second = [row("small", picture(2, (64, 64), "JPEG"), split=split), row("large", picture(2, (300, 300)))]
    unique = unique_of(settings, folder, first, second)
    assert [kept["url"] for kept in rows(unique.artifact, "images")] == ["https://example.com/b"]
    assert set(reasons(unique.artifact).values()) == {"in_evaluation_set"}
    cat = "matches cat.png"
    assert details(unique) == {"same": "matches test_in_dog.png".replace("_in_", "/"), "small": cat, "large": cat}
    manifest = unique.artifact.manifest()
    assert manifest.counts.rejected == {"in_evaluation_set": 4}
    assert manifest.metrics["evaluation_images"] == 3


@pytest.mark.parametrize("as_struct", [False, True])
@pytest.mark.parametrize("whole_folder", [False, True])
def test_an_evaluation_set_may_be_parquet_with_a_column_of_images(settings, folder, as_struct, whole_folder):
    """Also with a struct of bytes and path, as the datasets library writes it."""
    images = [picture(5), picture(1)]
    column = [{"bytes": image, "path": None} for image in images] if as_struct else images
    pq.write_table(pa.table({"label": [0, 1], "image": column}), folder / "part.parquet")
    place = folder if whole_folder else folder / "part.parquet"
    unique = unique_of(settings, place, [row("a", picture(1, image_format="JPEG")), row("b", picture(2))])
    assert details(unique) == {"a": "matches part.parquet#2"}


def test_the_evaluation_set_counts_by_its_content_and_not_by_its_place(settings, tmp_path):
    def fingerprint(place) -> str:
        return dedup.artifact(Config(evaluation_set=str(place)), settings).fingerprint

    first = evaluation_folder(tmp_path / "first", dog=picture(1))
    second = evaluation_folder(tmp_path / "second", dog=picture(1))
    (second / "notes.txt").write_text("of no matter")
    assert fingerprint(first) == fingerprint(second)
    evaluation_folder(second, dog=picture(2))
    assert fingerprint(first) != fingerprint(second)
    evaluation_folder(first, cat=picture(2))
    assert len({fingerprint(first), fingerprint(second), dedup.artifact(Config(), settings).fingerprint}) == 3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "does not exist: check dedup.evaluation_set"),
        (lambda folder: folder.mkdir(), "holds no images and no Parquet files: check dedup.evaluation_set"),
        (lambda folder: folder.write_text("x"), "is neither a folder nor a Parquet file: check dedup.evaluation_set"),
    ],
)
def test_an_evaluation_set_that_is_not_there_is_an_error_before_anything_runs(settings, tmp_path, make, said):
    make(tmp_path / "place")
    with pytest.raises(SourceError, match=said):
        dedup.artifact(Config(evaluation_set=str(tmp_path / "place")), settings)


def write_table(path, **columns) -> None:
    pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: (folder / "a.jpg").write_bytes(b"no image"), "a.jpg in dedup.evaluation_set cannot be read"),
        (lambda folder: (folder / "a.parquet").write_bytes(b"no table"), "a.parquet .* is no Parquet file"),
        (lambda folder: write_table(folder / "a.parquet", picture=[b"x"]), "a.parquet .* has no column 'image'"),
        (lambda folder: write_table(folder / "a.parquet", image=["a.png"]), "a.parquet#1 .* holds no encoded image"),
    ],
)
def test_what_cannot_be_read_of_an_evaluation_set_is_an_error_and_not_left_out(settings, folder, make, said):
    make(folder)
    with pytest.raises(SourceError, match=said):
        unique_of(settings, folder, [row("a", picture(1))])


def test_artifacts_of_this_pipeline_in_the_folder_are_no_part_of_the_evaluation_set(tmp_path):
    """A folder that the runs lie in too would reject every image as one of its own, and change while they run."""
    settings = Settings(root=str(tmp_path / "project/runs"), work_dir=str(tmp_path / "work"), dask_workers=0)
    images = artifact("images", settings, [row("a", picture(1)), row("b", picture(2))])
    evaluation_folder(tmp_path / "project/held_out", cat=picture(2))
    config = Config(evaluation_set=str(tmp_path / "project"))
    unique = dedup(config, settings, images=images)
    assert details(unique) == {"b": "matches held_out/cat.png"}
    assert unique.artifact.manifest().metrics["evaluation_images"] == 1
    # One that another run is still writing has no manifest yet.
    unfinished = tmp_path / "project/runs/fetch/0123456789abcdef"
    (unfinished / "shards").mkdir(parents=True)
    write_table(unfinished / "images-00000.parquet", image=[picture(1)])
    assert dedup(config, settings, images=images).reused


def test_a_folder_of_artifacts_alone_is_no_evaluation_set_but_one_artifact_is(settings):
    held_out = artifact("images", settings, [row("a", picture(1))])
    with pytest.raises(SourceError, match=r"holds no images and no Parquet files: check dedup\.evaluation_set"):
        dedup.artifact(Config(evaluation_set=settings.root), settings)
    unique = unique_of(settings, held_out.uri, [row("b", picture(1)), row("c", picture(2))])
    assert details(unique) == {"b": "matches images-00000.parquet#1"}


def test_the_place_is_made_absolute_and_may_not_be_empty(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Config(evaluation_set="coco/val").evaluation_set == str(tmp_path / "coco/val")
    with pytest.raises(ValidationError, match=r"leave dedup\.evaluation_set out"):
        Config(evaluation_set=" ")
