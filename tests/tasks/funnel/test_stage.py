"""The account of the data part: it adds up, says where rows were lost, and is the same however it is gathered."""

import pytest
from support.finished_run import FinishedRun, accounted, emoji_pairs, finished_run, table
from support.tables import artifact, rows

from tasks import schemas
from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.stage import dedup
from tasks.dedup.twins import kept_instead
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.output import Shard
from tasks.funnel import stage as funnel_stage
from tasks.funnel.figures import FIGURES, Funnel
from tasks.funnel.lists import registered_domain
from tasks.funnel.pictures import small_picture
from tasks.funnel.tally import LANGUAGE
from tasks.screen_captions.language import other_language
from tasks.settings import Settings


def figures_of(artifact: Artifact) -> Funnel:
    return Funnel.model_validate_json(storage.read_bytes(artifact.file(FIGURES)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("run")
    return finished_run(Settings(root=str(folder / "runs"), work_dir=str(folder / "work"), dask_workers=0))


@pytest.fixture(scope="module")
def figures(run: FinishedRun) -> Funnel:
    return figures_of(accounted(run))


def test_every_stage_adds_up_and_begins_with_what_the_one_before_kept(figures: Funnel) -> None:
    assert [step.stage for step in figures.steps][0::5] == ["crawl", "pack"]
    for step in figures.steps:
        assert step.rows_in == step.rows_kept + sum(each.rows for each in step.refused)
    for step, following in zip(figures.steps, figures.steps[1:], strict=False):
        assert following.rows_in == step.rows_kept


def test_failed_downloads_are_counted_by_host_and_reason(figures: Funnel) -> None:
    [host] = figures.hosts
    assert (host.host, host.tried, host.failed, host.reasons) == ("127.0.0.1", 37, 2, {"http_404": 2})


def test_licences_domains_and_languages_are_counted_before_and_after(figures: Funnel) -> None:
    [licence], [domain] = figures.licences, figures.domains
    assert (licence.licence, licence.found, licence.kept) == ("MIT", 44, 30)
    assert (domain.domain, domain.found, domain.kept) == ("127.0.0.1", 44, 30)
    assert figures.languages == {"de": 3}


def test_lengths_and_sizes_are_those_of_all_rows(figures: Funnel) -> None:
    words, sides = figures.distributions.caption_words, figures.distributions.shortest_side
    assert words is not None
    assert sides is not None
    assert {name: sum(counts) for name, counts in words.counts.items()} == {"found": 44, "packed": 30}
    assert {name: sum(counts) for name, counts in sides.counts.items()} == {"fetched": 35, "packed": 30}
    assert sides.edges[1] <= 128 <= sides.edges[-2]


def test_each_reason_has_examples_and_each_stage_that_refuses_some_that_it_kept(run: FinishedRun) -> None:
    shown = rows(accounted(run), "examples")
    groups = {(row["stage"], row["group"]) for row in shown}
    assert {("screen_captions", name) for name in ("kept", "shortest kept", "longest kept", "not_english")} <= groups
    assert {("screen_images", name) for name in ("kept", "smallest kept", "aspect_ratio")} <= groups
    assert not {stage for stage, _ in groups} & {"crawl", "pack"}  # these refused nothing
    assert all(row["picture"] for row in shown if row["stage"] in ("screen_images", "dedup"))


def account_in(run: FinishedRun, shards: int) -> tuple[Funnel, list[dict]]:
    """The figures and examples where dedup and pack wrote so many shards of the same rows."""
    twin = run.train[3] | {"reason": "near_duplicate", "detail": f"same as {run.train[8]['pair_id']}"}
    parts = [run.train[start::shards] for start in range(shards)]
    refused = table([{name: twin.get(name) for name in schemas.REJECTS.names}], schemas.REJECTS)
    unique = [Shard(len(part), {"images": table(part, schemas.IMAGES)}) for part in parts]
    packed = [Shard(len(part), {"train": table(part, schemas.PAIRS)}) for part in parts]
    run.finish("dedup", lambda output: output.map(lambda item: item, [*unique, Shard(1, {}, refused)]))
    run.finish("pack", lambda output: output.map(lambda item: item, packed), "dedup")
    made = accounted(run)
    return figures_of(made), rows(made, "examples")


def test_it_is_the_same_in_few_shards_and_in_many_and_in_few_batches(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_run(settings)
    figures, examples = account_in(run, 1)
    [pair] = figures.duplicates
    assert (pair.pair_id, pair.kept_pair_id) == (run.train[3]["pair_id"], run.train[8]["pair_id"])
    assert account_in(run, 7) == (figures, examples)
    monkeypatch.setattr(funnel_stage, "MOST_BATCHES", 2)
    assert account_in(run, 5) == (figures, examples)


def test_a_reject_that_is_no_picture_is_an_example_without_one(settings: Settings) -> None:
    run = finished_run(settings)
    reject = {"pair_id": "f" * 16, "reason": "undecodable", "detail": "b", "url": "", "caption": "c", "image": b"no"}
    shard = Shard(25, {"images": table(run.train, schemas.IMAGES)}, table([reject], schemas.REJECTS))
    run.finish("screen_images", lambda output: output.map(lambda item: item, [shard]), "fetch")
    run.finish(
        "pack",
        lambda output: output.map(lambda item: item, [Shard(24, {"train": table(run.train, schemas.PAIRS)})]),
        "screen_images",
    )
    [shown] = [row for row in rows(accounted(run), "examples") if row["group"] == "undecodable"]
    assert shown["picture"] is None
    assert small_picture(b"no", 64) is None


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("img.shop.co.uk", "shop.co.uk"),
        ("a.b.example.com", "example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("", "local files"),
    ],
)
def test_hosts_are_put_together_by_registered_domain(host: str, domain: str) -> None:
    assert registered_domain(host) == domain


def test_a_near_duplicate_has_the_distance_that_dedup_compared(settings: Settings) -> None:
    first, second = (small_picture(pair["image"], 64) for pair in emoji_pairs(2))
    assert first is not None
    assert second is not None
    assert first.distance(first) == (0, 0)
    assert min(first.distance(second)) > 12


def test_what_dedup_and_the_language_check_write_is_understood(settings: Settings) -> None:
    image = emoji_pairs(1)[0]["image"]
    same = [{"pair_id": letter * 16, "url": f"http://{letter}", "image": image} for letter in "ab"]
    unique = dedup(DedupConfig(), settings, images=artifact("images", settings, same)).artifact
    [duplicate] = rows(unique, "rejects")
    assert kept_instead(duplicate["detail"]) == "a" * 16
    language = LANGUAGE.match(other_language("ein roter Apfel auf dem Tisch in der Küche", 0.7) or "")
    assert language is not None
    assert language[1] == "de"
