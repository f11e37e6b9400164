"""`dalle compose` writes a corpus as a folder that a run can be pointed at."""

from pathlib import Path

from typer.testing import CliRunner, Result

from flows.cli.app import app

SMALL = (
    "things=6",
    "unseen_things=1",
    "colours=4",
    "pairs=8",
    "per_pattern=0",
    "per_size=0",
    "per_count=1",
    "captions=3",
    "seed=4",
)


def compose(folder: Path, *changes: str) -> Result:
    """The verb, with `--set` before each change."""
    return CliRunner().invoke(app, ["compose", str(folder), *(word for each in changes for word in ("--set", each))])


def test_it_says_what_it_wrote_and_how_to_train_on_it(tmp_path: Path) -> None:
    result = compose(tmp_path / "new", *SMALL)
    pictures = len(list((tmp_path / "new" / "images").iterdir()))
    [wrote, how] = result.stdout.strip().splitlines()
    assert f"{tmp_path}/new  {pictures} pictures, " in wrote
    assert wrote.endswith(f" held out; {3 * pictures} captions")
    assert how == f"To train on it: dalle run --set source={tmp_path}/new"
    assert len((tmp_path / "new" / "metadata.csv").read_text().splitlines()) == 1 + 3 * pictures


def test_a_wrong_setting_and_a_folder_that_holds_something_are_answered_in_one_line(tmp_path: Path) -> None:
    assert "source.compositions.colours" in compose(tmp_path / "new", "colors=5").stderr
    (tmp_path / "photo.jpg").touch()
    result = compose(tmp_path, *SMALL)
    assert result.exit_code == 2
    assert f"Error: {tmp_path} already holds something: name a new folder." in result.stderr
