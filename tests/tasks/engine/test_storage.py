"""Files are found whatever their names hold."""

from pathlib import Path

from support.toy import KeepEvenConfig, NumbersConfig, keep_even, numbers

from tasks.engine import storage
from tasks.settings import Settings


def test_a_local_name_may_hold_what_fsspec_takes_for_a_chain_of_file_systems(tmp_path: Path) -> None:
    for name in ("a::b", "zip::c.zip", "d::file::e"):
        uri = str(tmp_path / name / "f::g.json")
        storage.write_json(uri, name)
        assert Path(uri).is_file()
        assert (storage.read_json(uri), storage.names(str(tmp_path / name))) == (name, ["f::g.json"])
        assert storage.read_json(Path(uri).as_uri().replace("%3A", ":")) == name


def test_artifacts_may_lie_in_such_a_folder(settings: Settings, tmp_path: Path) -> None:
    there = settings.model_copy(update={"root": str(tmp_path / "runs::2"), "work_dir": str(tmp_path / "work::2")})
    rows = numbers(NumbersConfig(), there).artifact
    assert keep_even(KeepEvenConfig(), there, rows=rows).artifact.damage() == []
    assert keep_even(KeepEvenConfig(), there, rows=rows).reused
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs::2"]


def test_a_name_on_s3_may_hold_it_too() -> None:
    assert storage.filesystem("s3://bucket/a::b/c.json")[1] == "bucket/a::b/c.json"
