"""What a run is, read from its manifests alone."""

import pytest
from support.finished_run import finished_run

from tasks.errors import DamagedArtifactError
from tasks.report.facts import gather


def test_every_stage_comes_after_those_it_was_made_from(settings):
    facts = gather([finished_run(settings).artifacts["rerank"]])
    order = list(facts.stages)
    assert order[0] == "crawl"
    assert order[-1] == "rerank"
    for name, done in facts.stages.items():
        assert all(
            order.index(made_from.split("/")[0]) < order.index(name) for made_from in done.manifest.inputs.values()
        )


def test_the_data_stages_end_with_the_packed_pairs(settings):
    run = finished_run(settings)
    names = ["crawl", "screen_captions", "fetch", "screen_images", "dedup", "pack"]
    assert list(gather([run.artifacts["rerank"]]).data_stages) == names
    assert list(gather([run.artifacts["dedup"]]).data_stages) == names[:-1]


def test_the_size_of_the_images_is_that_of_the_pictures_drawn(settings):
    run = finished_run(settings)
    assert gather([run.artifacts["sample"]]).image_size == 64
    assert gather([run.artifacts["pack"]]).image_size is None


def test_figures_of_another_version_are_refused_by_name(settings):
    run = finished_run(settings)
    run.finish("evaluate", lambda output: output.write("metrics.json", b'{"train_prompts": {}}'), "rerank")
    with pytest.raises(DamagedArtifactError, match=r"metrics\.json was not written by this version: evaluate again"):
        gather([run.artifacts["evaluate"]])
