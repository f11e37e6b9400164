"""What every stage guarantees: the same address for the same work, reuse, and an account of every row."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import lineage
from tasks.engine.lock import only_writer
from tasks.errors import DamagedArtifactError, RowsLostError, SchemaError, StageBusyError, StorageError
from tasks.settings import Settings


def modified_ns(folder: str) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(Path(folder).rglob("*"))}


def account(artifact):
    return artifact.manifest().model_dump(exclude={"run"})


def test_the_manifest_accounts_for_every_row(settings):
    kept = keep_even(KeepEvenConfig(), settings, rows=numbers(NumbersConfig(), settings).artifact).artifact
    counts = kept.manifest().counts
    assert (counts.rows_in, counts.rows_out, counts.rejected) == (30, 15, {"odd": 15})


def test_a_stage_that_loses_rows_leaves_no_manifest(settings):
    rows = numbers(NumbersConfig(), settings).artifact
    config = KeepEvenConfig(lose=1)
    with pytest.raises(RowsLostError, match="keep_even: 30 rows in, but 12 out and 15 rejected"):
        keep_even(config, settings, rows=rows)
    assert not keep_even.artifact(config, settings, rows=rows).is_finished()


def test_a_finished_stage_is_reused_without_writing(settings):
    first = numbers(NumbersConfig(), settings).artifact
    before = modified_ns(settings.root)
    assert numbers(NumbersConfig(), settings).artifact == first
    assert modified_ns(settings.root) == before


def test_one_changed_value_changes_the_addresses_of_that_stage_and_those_after_it(settings):
    rows, other = numbers(NumbersConfig(), settings).artifact, numbers(NumbersConfig(shards=2), settings).artifact
    assert rows != other
    assert keep_even.artifact(KeepEvenConfig(), settings, rows=rows) != keep_even.artifact(
        KeepEvenConfig(), settings, rows=other
    )
    assert numbers.artifact(NumbersConfig(), settings) == rows


def test_the_address_does_not_depend_on_where_artifacts_are_kept(settings, tmp_path):
    elsewhere = settings.model_copy(update={"root": str(tmp_path / "elsewhere")})
    assert (
        numbers.artifact(NumbersConfig(), settings).fingerprint
        == numbers.artifact(NumbersConfig(), elsewhere).fingerprint
    )


@pytest.mark.end_to_end
def test_one_and_two_dask_workers_give_the_manifest_of_a_plain_call(settings, tmp_path):
    from tasks.engine.shards import close_cluster

    plain = account(keep_even(KeepEvenConfig(), settings, rows=numbers(NumbersConfig(), settings).artifact).artifact)
    for workers in (1, 2):
        on_dask = Settings(root=str(tmp_path / f"dask{workers}"), work_dir=settings.work_dir, dask_workers=workers)
        assert (
            account(keep_even(KeepEvenConfig(), on_dask, rows=numbers(NumbersConfig(), on_dask).artifact).artifact)
            == plain
        )
        close_cluster()


def test_lineage_walks_back_to_the_source(settings):
    kept = keep_even(KeepEvenConfig(), settings, rows=numbers(NumbersConfig(), settings).artifact).artifact
    assert [artifact.stage for artifact in lineage(kept)] == ["keep_even", "numbers"]


def test_a_flipped_byte_is_noticed(settings):
    rows = numbers(NumbersConfig(), settings).artifact
    assert rows.damage() == []
    shard = Path(rows.files("numbers")[1])
    data = bytearray(shard.read_bytes())
    data[40] ^= 1
    shard.write_bytes(data)
    assert [problem.split(" is ")[0] for problem in rows.damage()] == [f"{rows.address}/numbers-00001.parquet"]


def test_a_deleted_shard_is_made_again_and_nothing_else(settings):
    rows = numbers(NumbersConfig(), settings).artifact
    digests = [record.sha256 for record in rows.manifest().outputs]
    Path(rows.files("numbers")[2]).unlink()
    Path(rows.file("shards/00002.json")).unlink()
    kept = {path: at for path, at in modified_ns(rows.uri).items() if "0000" in path}
    assert [record.sha256 for record in numbers(NumbersConfig(), settings).artifact.manifest().outputs] == digests
    assert kept.items() <= modified_ns(rows.uri).items()


def test_a_shard_with_a_marker_but_without_its_file_is_made_again(settings):
    rows = numbers(NumbersConfig(), settings).artifact
    Path(rows.files("numbers")[0]).unlink()
    numbers(NumbersConfig(), settings)
    assert rows.is_finished()
    assert rows.damage() == []


def test_a_truncated_input_is_named_before_work_starts(settings):
    rows = numbers(NumbersConfig(), settings).artifact
    shard = Path(rows.files("numbers")[1])
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(DamagedArtifactError, match=r"numbers-00001.parquet is missing or damaged: delete .* again"):
        keep_even(KeepEvenConfig(), settings, rows=rows)


def test_an_input_of_another_schema_is_refused(settings):
    rows = numbers(NumbersConfig(), settings).artifact
    pq.write_table(pa.table({"pair_id": ["x"]}), rows.files("numbers")[0])
    with pytest.raises(SchemaError, match="no column 'value'"):
        keep_even(KeepEvenConfig(), settings, rows=rows)


def test_a_second_writer_gets_an_error_that_names_the_first(settings):
    artifact = numbers.artifact(NumbersConfig(), settings)
    with only_writer(f"{artifact.uri}.lock"), pytest.raises(StageBusyError, match=r"Process \d+ on .* is writing"):
        numbers(NumbersConfig(), settings)
    numbers(NumbersConfig(), settings)
    assert artifact.is_finished()


def test_the_lease_of_an_ended_process_is_taken_over(settings):
    artifact = numbers.artifact(NumbersConfig(), settings)
    with only_writer(f"{artifact.uri}.lock"):
        lease = storage.read_json(f"{artifact.uri}.lock")
    storage.write_json(f"{artifact.uri}.lock", {**lease, "process_started": lease["process_started"] - 1})
    assert numbers(NumbersConfig(), settings).artifact.is_finished()


def test_a_folder_that_cannot_be_made_is_one_sentence(settings, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    blocked = settings.model_copy(update={"root": str(tmp_path / "file" / "runs")})
    with pytest.raises(StorageError, match=r"Cannot write .* choose another place with --root"):
        numbers(NumbersConfig(), blocked)


@hypothesis_settings(max_examples=25, deadline=None)
@given(values=st.lists(st.integers(-(2**62), 2**62), max_size=40))
def test_rows_in_are_rows_out_plus_rejects_for_any_input(tmp_path_factory, values):
    from support.toy import NUMBERS, keep_even_shard

    uri = str(tmp_path_factory.mktemp("rows") / "numbers-00000.parquet")
    pq.write_table(pa.table({"pair_id": [str(v) for v in values], "value": values}, schema=NUMBERS), uri)
    shard = keep_even_shard(KeepEvenConfig(), uri)
    assert shard.rows_in == shard.tables["numbers"].num_rows + shard.rejects.num_rows


def test_a_flipped_bit_in_a_shard_is_noticed_by_whoever_reads_it(settings):
    rows = numbers(NumbersConfig(shards=1, rows_per_shard=2_000), settings).artifact
    shard = Path(rows.files("numbers")[0])
    whole, table = shard.read_bytes(), schemas.read_table(str(shard))
    noticed = 0
    for position in range(0, len(whole), max(1, len(whole) // 150)):
        data = bytearray(whole)
        data[position] ^= 1 << position % 8
        shard.write_bytes(data)
        try:
            read = schemas.read_table(str(shard))
        except DamagedArtifactError:
            noticed += 1
        else:
            assert read.equals(table)
    assert noticed > 100


def test_what_a_killed_run_was_writing_is_removed_by_the_next(settings):
    artifact = numbers.artifact(NumbersConfig(), settings)
    folder = Path(artifact.uri)
    half_written = [folder / "shards" / ".00000.json.01234567.tmp", folder.parent / f".{folder.name}.lock.01234567.tmp"]
    other = folder.parent / ".0123456789abcdef.lock.01234567.tmp"  # of an artifact that another run may be writing
    for path in [*half_written, other]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{")
    numbers(NumbersConfig(), settings)
    assert [path for path in [*half_written, other] if path.exists()] == [other]
