"""The same artifacts on S3, against moto's server in a process of its own."""

import bz2
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.archives import members, page
from support.packed import packed_pairs
from support.s3 import moto_bucket
from support.tables import artifact, rows
from support.tars import samples, tar
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers
from support.web import picture

from tasks.crawl.config import Config
from tasks.crawl.sources.webdataset import WebDatasetSource
from tasks.crawl.stage import crawl
from tasks.dedup.config import Config as DedupConfig
from tasks.dedup.stage import dedup
from tasks.engine import conditional, storage
from tasks.engine.lock import only_writer
from tasks.errors import ConfigError, PipelineError, StageBusyError, StorageError
from tasks.export import folder
from tasks.export.folder import export_pairs
from tasks.export.shards import ExportFormat
from tasks.fetch.config import Config as FetchConfig
from tasks.fetch.fetched import fetch_rows
from tasks.pack import Config as PackConfig
from tasks.pack import pack
from tasks.settings import Settings
from tasks.takedown.holdings import table_hits
from tasks.takedown.record import add_to_record, read_record
from tasks.takedown.stage import Config as TakedownConfig
from tasks.takedown.stage import match_takedowns
from tasks.takedown.stored import stored_artifacts
from tasks.takedown.takedowns import takedown_of

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def bucket():
    with moto_bucket() as url:
        yield url


@pytest.fixture
def on_s3(bucket, tmp_path):
    return Settings(root=f"{bucket}/{tmp_path.name}", work_dir=str(tmp_path / "work"), dask_workers=0)


def account(artifact):
    return artifact.manifest().model_dump(exclude={"run"})


def test_a_stage_writes_the_same_manifest_to_s3_and_to_disk(on_s3, settings):
    on_disk = keep_even(KeepEvenConfig(), settings, rows=numbers(NumbersConfig(), settings).artifact).artifact
    in_bucket = keep_even(KeepEvenConfig(), on_s3, rows=numbers(NumbersConfig(), on_s3).artifact).artifact
    assert account(in_bucket) == account(on_disk)
    assert in_bucket.is_finished()
    assert in_bucket.damage() == []


def test_damage_on_s3_is_noticed(on_s3):
    rows = numbers(NumbersConfig(), on_s3).artifact
    data = storage.read_bytes(rows.files("numbers")[0])
    storage.write_bytes(rows.files("numbers")[0], data[:-1] + bytes([data[-1] ^ 1]))
    assert len(rows.damage()) == 1


def test_only_one_process_writes_to_s3(on_s3):
    artifact = numbers.artifact(NumbersConfig(), on_s3)
    with only_writer(f"{artifact.uri}.lock"), pytest.raises(StageBusyError, match="is writing"):
        numbers(NumbersConfig(), on_s3)
    assert numbers(NumbersConfig(), on_s3).artifact.is_finished()


def test_a_file_too_large_for_one_request_is_stored_whole(on_s3, tmp_path):
    (tmp_path / "large").write_bytes(random.Random(0).randbytes(12_000_000))
    storage.write_file(f"{on_s3.root}/large", tmp_path / "large")
    assert storage.sha256_of_file(f"{on_s3.root}/large") == storage.sha256_of_file(str(tmp_path / "large"))


def test_what_workers_hand_to_each_other_on_s3_gives_the_same_artifact_and_is_removed(on_s3, settings, monkeypatch):
    """In many parts, some of them empty."""
    monkeypatch.setattr("tasks.dedup.exchanges.ROWS_PER_PART", 3)
    images = [{"url": f"https://example.com/{n}", "image": picture(n % 4, (80 + n, 80))} for n in range(7)]
    found = [
        dedup(DedupConfig(), where, images=artifact("images", where, images[:4], images[4:])).artifact
        for where in (settings, on_s3)
    ]
    assert account(found[0]) == account(found[1])
    assert account(found[1])["counts"]["rejected"] == {"near_duplicate": 3}
    assert storage.names(f"{found[1].uri}/exchange") == []


def test_a_missing_bucket_is_one_sentence(bucket, on_s3):
    nowhere = on_s3.model_copy(update={"root": "s3://no-such-bucket/runs"})
    with pytest.raises(StorageError, match="no-such-bucket"):
        numbers(NumbersConfig(), nowhere)


def test_on_s3_a_lease_that_another_owner_has_by_now_is_neither_renewed_nor_removed(on_s3):
    uri = f"{on_s3.root}/toy/0123.lock"
    with only_writer(uri):
        mine = conditional.read(uri)
        assert -5 < mine.age_s < 60
        storage.write_bytes(uri, mine.data.replace(b'"owner": "', b'"owner": "another '))
        assert not conditional.swap(uri, mine.data, b"renewed")
        assert not conditional.swap(uri, None, b"created")
        assert not conditional.swap(uri, mine.data, None)
    assert storage.read_json(uri)["owner"].startswith("another ")


def test_on_s3_a_dead_lease_is_taken_once_and_removed_at_the_end(on_s3):
    uri = f"{on_s3.root}/toy/4567.lock"
    with only_writer(uri):
        dead = storage.read_json(uri) | {"process_started": 1.0}
    assert conditional.read(uri) is None
    storage.write_json(uri, dead)
    with ThreadPoolExecutor(8) as pool:
        found = conditional.read(uri).data
        assert sum(pool.map(lambda n: conditional.swap(uri, found, b"taker %d" % n), range(8))) == 1


def test_a_list_of_images_on_s3_is_read_as_from_the_disk_and_counts_by_its_content(on_s3, settings, tmp_path):
    where = f"{on_s3.root}/lists"
    for number in range(2):
        lines = f"https://example.org/{number}.jpg\tpicture number {number}\n".encode()
        (tmp_path / f"{number}.tsv").write_bytes(lines)
        storage.write_bytes(f"{where}/{number}.tsv", lines)
    there, here = (Config.model_validate([{"kind": "cc12m", "path": path}]) for path in (where, str(tmp_path)))
    before = crawl(there, on_s3).artifact
    assert before.manifest().outputs == crawl(here, settings).artifact.manifest().outputs
    assert crawl(there, on_s3).reused
    storage.write_bytes(f"{where}/1.tsv", lines.replace(b"1", b"2"))
    assert crawl.artifact(there, on_s3) != before


def test_pictures_in_tars_on_s3_are_read_as_from_the_disk(on_s3, settings, tmp_path):
    where = f"{on_s3.root}/tars"
    for split in ("train", "val"):
        path = tar(tmp_path / "tars" / f"{split}-0.tar", *samples(f"a picture of {split}", f"another one of {split}"))
        storage.write_file(f"{where}/{path.name}", path)
    sources = [WebDatasetSource(path=place) for place in (where, f"{where}/*.tar", str(tmp_path / "tars"))]
    found = [crawl(Config(sources=(source,)), on_s3).artifact for source in sources]
    assert len({artifact.manifest().outputs for artifact in found}) == 1
    urls = [row["url"] for row in rows(found[0], "candidates")]
    contents = []
    for number, source in enumerate(sources):
        (tmp_path / str(number)).mkdir()
        located = source.located(urls, tmp_path / str(number), 10**6)
        contents.append({url: Path(address.removeprefix("file://")).read_bytes() for url, address in located.items()})
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == 4


@pytest.mark.parametrize("form", list(ExportFormat))
def test_a_data_set_is_exported_to_s3_and_looks_unfinished_until_it_is(on_s3, settings, tmp_path, monkeypatch, form):
    pairs = packed_pairs(settings, tmp_path, 12)
    out = f"{on_s3.root}/set"

    def ended(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folder, "data_facts", ended)
        with pytest.raises(KeyboardInterrupt):
            export_pairs(pairs, out, form, "", on_s3)
    assert "UNFINISHED" in storage.names(out)
    assert "README.md" not in storage.names(out)
    with pytest.raises(ConfigError, match="holds an export that was not finished: delete it"):
        export_pairs(pairs, out, form, "", on_s3)
    facts = export_pairs(pairs, f"{out}-2", form, "", on_s3)
    assert {"README.md", "croissant.json"} < {*storage.names(f"{out}-2")}
    assert "UNFINISHED" not in storage.names(f"{out}-2")
    assert facts.name == "set-2"
    for shard in facts.shards:
        assert storage.sha256_of_file(f"{out}-2/{shard.path}") == shard.sha256
    with pytest.raises(ConfigError, match="holds something already"):
        export_pairs(pairs, f"{out}-2", form, "", on_s3)


def test_archives_that_a_list_on_s3_names_are_read_from_beside_it_and_count_by_their_content(on_s3):
    where = f"{on_s3.root}/archives"
    storage.write_bytes(f"{where}/warc.paths", b"0.warc.gz\n1.warc.gz\n")
    for number in range(2):
        records = members(*(page(f"http://a.example/{n}", f"<img src={n}.png alt=x>") for n in range(9 + number)))
        records[4] = records[4][:40]
        storage.write_bytes(f"{where}/{number}.warc.gz", b"".join(records))
    config = Config.model_validate([{"kind": "warc", "path": f"{where}/warc.paths"}])
    before = crawl(config, on_s3).artifact
    counts = before.manifest().counts
    assert (counts.rows_in, counts.rows_out, counts.rejected) == (19, 17, {"damaged_record": 2})
    storage.write_bytes(f"{where}/1.warc.gz", b"".join(records[:4]))
    assert crawl.artifact(config, on_s3) != before


def test_the_record_of_takedowns_is_kept_on_s3_line_by_line_whoever_adds_to_it(on_s3):
    assert read_record(on_s3.root) == []
    named = [takedown_of(f"https://example.org/{number}.jpg") for number in range(6)]
    with ThreadPoolExecutor(3) as pool:
        added = list(pool.map(lambda each: add_to_record(on_s3.root, [named[0], each], "asked"), named))
    assert sum(map(len, added)) == 6
    assert {line.takedown for line in read_record(on_s3.root)} == set(named)
    assert len(storage.read_bytes(f"{on_s3.root}/takedowns.jsonl").splitlines()) == 6


def test_what_is_taken_down_is_found_and_left_out_on_s3_as_on_the_disk(on_s3, settings):
    rows = [
        {"url": f"https://a{n}.example/{n}.png", "image": picture(n, (64, 64)), "caption": str(n)} for n in range(6)
    ]
    config = TakedownConfig(takedowns=(takedown_of("a3.example"),))
    found = []
    for place in (on_s3, settings):
        screened = artifact("images", place, rows)
        unique = dedup(DedupConfig(), place, images=screened).artifact
        takedowns = match_takedowns(config, place, screened=screened, unique=unique).artifact
        packed = pack(PackConfig(), place, images=unique, takedowns=takedowns).artifact
        known = {stored.address: stored for stored in stored_artifacts(place.root)}
        found.append((table_hits(config.takedowns, known, len), account(packed)))
    assert found[0] == found[1]
    assert {hit.artifact.split("/")[0] for hit in found[0][0]} == {"rows_stage", "dedup"}


@pytest.fixture
def anonymous(bucket, monkeypatch, tmp_path):
    """No credentials, as on a machine of someone who has no account; what was written before needs them."""

    def forget():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))

    return forget


def put(uri, data, acl="public-read"):
    import boto3

    name, _, key = uri.removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=name, Key=key, Body=data, ACL=acl)


def test_a_public_bucket_is_read_without_credentials(on_s3, settings, anonymous):
    """Lists and archives, as yfcc and Common Crawl publish them, also a folder of them; images through HTTP."""
    where = f"{on_s3.root}/public"
    row = ["", "", "0123456789abcdef", *[""] * 5, "a+dog", *[""] * 7, "https://example.org/dog.jpg", *[""] * 7, "0"]
    put(f"{where}/yfcc/yfcc100m_dataset-0.bz2", bz2.compress("\t".join(row).encode()))
    put(f"{where}/warc/0.warc.gz", b"".join(members(page("http://a.example/", "<img src=a.png alt=x>"))))
    put(f"{where}/commons/data/images/012/345/0123456789abcdef.jpg", picture(1, image_format="JPEG"))
    commons = f"{os.environ['AWS_ENDPOINT_URL']}/{where.removeprefix('s3://')}/commons"
    anonymous()
    sources = [{"kind": "yfcc", "path": f"{where}/yfcc", "bucket": commons}, {"kind": "warc", "path": f"{where}/warc"}]
    found = rows(crawl(Config.model_validate(sources), settings).artifact, "candidates")
    assert [row["source"] for row in found] == ["yfcc", "warc"]
    scratch = settings.local_work / "fetched"
    scratch.mkdir(parents=True)
    [fetched] = fetch_rows(FetchConfig(allow_private_hosts=True), [found[0]["url"]], set(), str(scratch))
    assert fetched.refusal is None


def test_what_is_not_public_is_one_sentence_without_credentials(on_s3, settings, anonymous):
    put(f"{on_s3.root}/private/0.tsv", b"https://example.org/0.jpg\ta picture\n", acl="private")
    put(f"{on_s3.root}/private/0.warc", b"", acl="private")
    anonymous()
    for kind, name in (("cc12m", "0.tsv"), ("warc", "0.warc")):
        config = Config.model_validate([{"kind": kind, "path": f"{on_s3.root}/private/{name}"}])
        with pytest.raises(PipelineError, match=rf"{name} is not public, and there are no credentials.*AWS_PROFILE"):
            crawl(config, settings)
