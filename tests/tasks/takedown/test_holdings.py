"""Whatever holds a picture is found: shards, token rows, models, what was made from them, folders of models."""

import hashlib
import json
from collections.abc import Callable

import pytest
from support.finished_run import FinishedRun, emoji_pairs, finished_run, table
from support.tables import rows

from models.folder import ModelManifest
from tasks import schemas
from tasks.engine import storage
from tasks.engine.output import Shard
from tasks.settings import Settings
from tasks.takedown.descent import MADE, TRAINED, UNKNOWN, VALIDATED, commands, made_hits
from tasks.takedown.holdings import TableHit, table_hits
from tasks.takedown.stored import stored_artifacts
from tasks.takedown.takedowns import takedown_of
from tasks.train.finished import TRAINED_ON, training_set


@pytest.fixture
def run(settings: Settings) -> FinishedRun:
    pairs = [{**pair, "url": f"https://a{n}.example/{n}.png"} for n, pair in enumerate(emoji_pairs(12))]
    return finished_run(settings, rejects=False, packed=(pairs[:9], pairs[9:]), train_prompts=4)


def listed(run: FinishedRun, *named: str, folders: dict[str, ModelManifest] | None = None, tell: Callable = len):
    """Rows by stage and file, and how each other stage or folder was made from it."""
    known = {stored.address: stored for stored in stored_artifacts(run.settings.root)}
    hits = table_hits([takedown_of(each) for each in named], known, tell)
    made = list(made_hits(hits, known, folders or {}))
    by_file = {f"{hit.artifact.split('/')[0]}/{hit.file}": hit.rows for hit in hits}
    return by_file, {hit.artifact.split("/")[0]: hit.how for hit in made}


DATA = {
    f"{stage}/{file}-00000.parquet": (3,)
    for stage, file in {
        "crawl": "candidates", "screen_captions": "captions", "fetch": "images", "screen_images": "images",
        "dedup": "images",
    }.items()
}  # fmt: skip


@pytest.mark.parametrize("named", ["https://a3.example/3.png", "a3.example", "image", "original_sha256"])
def test_a_picture_to_train_on_is_found_in_every_table_and_in_what_was_trained(run: FinishedRun, named: str) -> None:
    row = run.train[3]
    digests = {"image": hashlib.sha256(row["image"]).hexdigest(), "original_sha256": row["original_sha256"]}
    tables, made = listed(run, digests.get(named, named))
    drawn = {file: tables.pop(file) for file in ("sample/samples-00000.parquet", "rerank/scores-00000.parquet")}
    assert tables == DATA | {"pack/train-00000.parquet": (3,), "extract/train-00000.parquet": (3,)}
    for file, found in drawn.items():  # drawn for its caption
        stage = run.artifacts[file.split("/")[0]]
        prompts = [row["pair_id"] for row in rows(stage, file.split("/")[1].split("-")[0])]
        assert [prompts[row] for row in found] == [run.train[3]["pair_id"]] * 4
    assert made == dict.fromkeys(["train_bpe", "train_clip", "train_dvae", "train_prior"], TRAINED)


def test_a_held_out_picture_was_validated_with(run: FinishedRun) -> None:
    tables, made = listed(run, "a10.example")
    assert "pack/val-00000.parquet" in tables
    assert "extract/train-00000.parquet" not in tables
    assert made["train_dvae"] == VALIDATED


def test_what_was_made_from_a_model_is_named_where_no_row_of_it_is_left(run: FinishedRun) -> None:
    _, made = listed(run, "a8.example")  # none of the prompts
    assert (made["sample"], made["rerank"], made["train_prior"]) == (MADE, MADE, TRAINED)


def test_what_is_not_there_is_not_found(run: FinishedRun) -> None:
    assert listed(run, "nowhere.example", "ab" * 32) == ({}, {})


def test_an_unfinished_stage_holds_it_too(run: FinishedRun) -> None:
    storage.remove(run.artifacts["fetch"].file("manifest.json"))
    known = {stored.address: stored for stored in stored_artifacts(run.settings.root)}
    hits = table_hits([takedown_of("a3.example")], known, len)
    [hit] = [hit for hit in hits if hit.artifact.startswith("fetch/")]
    assert hit == TableHit(run.artifacts["fetch"].address, "images-00000.parquet", (3,), finished=False)


def test_a_picture_that_was_dropped_as_a_copy_is_found_by_the_one_that_was_kept(run: FinishedRun) -> None:
    copy = {**run.train[3], "pair_id": "c" * 16, "url": "https://copies.example/x.png"}
    reject = {**copy, "reason": "near_duplicate", "detail": f"same as {run.train[3]['pair_id']}"}
    pairs = [*run.train, *run.val]
    shard = Shard(13, {"images": table(pairs, schemas.IMAGES)}, table([reject], schemas.REJECTS))
    screened = Shard(13, {"images": table([*pairs, copy], schemas.IMAGES)})
    run.finish("screen_images", lambda output: output.map(lambda item: item, [screened]), "fetch")
    run.finish("dedup", lambda output: output.map(lambda item: item, [shard]), "screen_images")
    tables, made = listed(run, "copies.example")
    assert tables["pack/train-00000.parquet"] == (3,)
    assert tables["extract/train-00000.parquet"] == (3,)
    assert tables["dedup/rejects-00000.parquet"] == (0,)
    assert made["train_prior"] == TRAINED


def test_an_exported_folder_is_known_by_the_pairs_it_was_made_from(run: FinishedRun) -> None:
    pack = run.artifacts["pack"]
    folders = {
        "by-address": ModelManifest(files={}, made_from={"pairs": pack.address}),
        "by-content": ModelManifest(files={}, made_from={"pairs": "pack/0", TRAINED_ON: training_set(pack)}),
        "other": ModelManifest(files={}, made_from={"pairs": "pack/0", TRAINED_ON: "0" * 16}),
        "silent": ModelManifest(files={}),
    }
    _, made = listed(run, "a3.example", folders=folders)
    assert {name: made[name] for name in folders} == {
        "by-address": TRAINED, "by-content": TRAINED, "other": UNKNOWN, "silent": UNKNOWN,
    }  # fmt: skip
    _, made = listed(run, "a10.example", folders=folders)
    assert (made["by-address"], made["by-content"]) == (VALIDATED, VALIDATED)
    _, made = listed(run, "nowhere.example", folders=folders)
    assert made == {"other": UNKNOWN, "silent": UNKNOWN}


def test_a_finished_model_that_a_run_took_is_known_by_what_it_was_trained_on(run: FinishedRun) -> None:
    of_it = training_set(run.artifacts["pack"])
    run.finish("take_generator", lambda output: output.metrics.update({TRAINED_ON: of_it}))
    run.finish("drawn_with_it", lambda output: output.write("one.png", b"drawn"), "take_generator")
    run.finish("take_ranker", lambda output: output.metrics.update({TRAINED_ON: "0" * 16}))
    _, made = listed(run, "a3.example")
    assert (made["take_generator"], made["drawn_with_it"]) == (TRAINED, MADE)
    assert "take_ranker" not in made


def test_images_are_read_once_and_only_for_a_digest(run: FinishedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    read_batches = schemas.read_batches

    def watched(uri: str, columns: list[str], rows: int):
        if "image" in columns:
            read.append(uri.split("/")[-3])
        return read_batches(uri, columns, rows)

    monkeypatch.setattr(schemas, "read_batches", watched)
    listed(run, "a3.example")
    assert read == []
    listed(run, "ab" * 32)
    assert read == ["fetch"]


def test_it_tells_how_far_it_is(run: FinishedRun) -> None:
    told: list[str] = []
    listed(run, "a3.example", tell=told.append)
    assert "0 of 10 tables opened" in told
    assert told[-1].endswith("of 10 tables looked through")


def test_the_commands_of_the_reports_about_it_make_it_anew_or_else_those_of_any(run: FinishedRun) -> None:
    def written(command: str, *inputs: str) -> None:
        data = json.dumps({"command": command}).encode()
        run.finish("report", lambda output: output.write("report.json", data), *inputs)

    def told() -> list[str]:
        known = {stored.address: stored for stored in stored_artifacts(run.settings.root)}
        hits = table_hits([takedown_of("a8.example")], known, len)
        return commands(list(made_hits(hits, known, {})), known)

    assert told() == []
    written("dalle run --recipe other")
    assert told() == ["dalle run --recipe other"]
    for command in ("dalle run --recipe smoke", "dalle run --recipe smoke", "by hand"):
        written(command, "rerank")
    assert told() == ["dalle run --recipe smoke"]
