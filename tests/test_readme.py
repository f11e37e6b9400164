"""The figures of the README agree with each other, and what it says to run is understood."""

import re
import shlex
from pathlib import Path
from typing import get_args

import yaml

from flows.changes import assigned, changed
from flows.config import PipelineConfig
from tasks.crawl.config import KINDS
from tasks.sample.config import Suite

README = (Path(__file__).parents[1] / "README.md").read_text()
MADE = re.compile(r"^(\w+) +made +(?:(\d+) min )?([\d.]+) s\b", re.MULTILINE)


def seconds(minutes: str | None, rest: str) -> float:
    return 60 * int(minutes or 0) + float(rest)


def test_the_times_of_the_stages_add_up_to_what_is_said_of_them() -> None:
    stages = {name: seconds(minutes, rest) for name, minutes, rest in MADE.findall(README)}
    said = re.search(r"stages above add up to (?:(\d+) min )?(\d+) s", README)
    assert said is not None
    assert len(stages) == int(re.findall(r"^(\d+) stages made, 0 reused", README, re.MULTILINE)[0])
    assert abs(sum(stages.values()) - seconds(said[1], said[2])) <= 3


def test_what_is_said_of_the_demo_is_what_its_log_says() -> None:
    [unseen] = re.findall(r"^evaluate .*composed_unseen_first ([\d.]+)", README, re.MULTILINE)
    assert re.findall(r"^codes_used .*composed_unseen_first ([\d.]+)", README, re.MULTILINE) == [unseen]
    [said] = re.findall(r"first pictures are right for (\d+) % of \d+ captions", README)
    assert int(said) == round(100 * float(unseen))


def test_what_is_said_of_the_finished_model_is_what_its_card_says() -> None:
    card = (Path(__file__).parents[1] / "data" / "gallery" / "README.md").read_text()
    [(seen, unseen)] = re.findall(r"seen / unseen, first drawn \| (\d+)% / (\d+)%", card)
    assert re.findall(r"(\d+) % of \d+ such captions come out right", README) == [unseen]
    assert re.findall(r"captions from training\s(\d+) %\)", README) == [seen]


def test_its_sources_can_be_copied() -> None:
    """Every kind of list has a line to run, and the others stand in the file it shows."""
    found = set()
    for line in re.findall(r"^\$ \.venv/bin/dalle (run .*source=.*)$", README, re.MULTILINE):
        words = shlex.split(line, comments=True)
        config = assigned(PipelineConfig(), [words[i + 1] for i, word in enumerate(words) if word == "--set"])
        found |= {source.kind for source in config.source.sources}
    for section in re.findall(r"^```yaml\n(source:.*?)```", README, re.MULTILINE | re.DOTALL):
        found |= {source.kind for source in changed(PipelineConfig(), yaml.safe_load(section)).source.sources}
    assert found == set(KINDS)


def test_its_suites_can_be_copied() -> None:
    """Each line sets suites, and every kind is named."""
    lines = re.findall(r"^\$ \.venv/bin/dalle evaluate (.*sample\.suites=.*)$", README, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line, comments=True)
        assert assigned(
            PipelineConfig(), [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        ).sample.suites
    kinds = {kind.model_fields["kind"].default for kind in get_args(get_args(Suite)[0])}
    assert all(f"`{kind}`" in README for kind in kinds)
