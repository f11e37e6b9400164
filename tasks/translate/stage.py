"""Image-to-image translation: the top of a picture is kept, the rest drawn anew for a caption, and ranked (3.3)."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from tasks import schemas
from tasks.checkpoints import generator_of, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output, Shard
from tasks.engine.stage import stage
from tasks.image_prompt import image_prompt
from tasks.rerank import rank_within, score_images
from tasks.settings import Settings
from tasks.translate.config import Config
from tasks.translate.given import GivenPicture, given_pictures

GROUP = "image"


@stage(Config, reads={"pairs": {"val": schemas.PAIRS}})
def translate(config: Config, output: Output, pairs: Artifact, generator: Artifact, ranker: Artifact) -> None:
    """N candidates for each given picture and each case, with the ranker's scores.

    They are apart from the samples that are measured: no figure has a part in them, since their upper parts are right
    by construction.

    Raises:
        SourceError: a named file is no picture.
    """
    given = list(enumerate(given_pictures(config, pairs)))
    work = partial(translate_picture, config, output.settings, generator, ranker)
    output.map(work, given, "pictures", release_models)


def translate_picture(
    config: Config, settings: Settings, generator: Artifact, ranker: Artifact, numbered: tuple[int, GivenPicture]
) -> Shard:
    """One picture, as it is shown, and the candidates of all its cases."""
    from models.training.images import encode_png, resize

    picture, given = numbered
    model = generator_of(generator, settings)
    rows: list[dict[str, Any]] = []
    shown = b""
    for number, case in enumerate(config.cases):
        text = case.text(given.caption)
        prompt = image_prompt(given.image, f"The picture '{given.caption}'", case.keep_rows, None)
        drawing = model.draw([text], config.candidates, config.seed, config, prompt)
        images = [encode_png(image) for image in drawing.images[0]]
        shown = shown or encode_png(resize(prompt.image, drawing.images.shape[2]))
        scores = score_images(settings, ranker, images, [text] * len(images))
        ranks = rank_within(np.zeros(len(images), np.int64), scores)
        of_all = {
            "prompt_id": picture * len(config.cases) + number,
            "prompt": text,
            "group": GROUP,
            "pair_id": given.pair_id,
            "seed": config.seed,
            "picture": picture,
            "keep_rows": case.keep_rows,
            "unread": model.unread(text),
        }
        rows += [
            of_all
            | {
                "index": index,
                "codes": None if drawing.codes is None else drawing.codes[0, index].astype("<u2").tobytes(),
                "image": image,
                "score": float(scores[index]),
                "rank": int(ranks[index]),
            }
            for index, image in enumerate(images)
        ]
    own = {"picture": picture, "caption": given.caption, "pair_id": given.pair_id, "image": shown}
    tables = {
        "given": pa.Table.from_pylist([own], schema=schemas.GIVEN),
        "translations": pa.Table.from_pylist(rows, schema=schemas.TRANSLATIONS),
    }
    return Shard(rows_in=1 + len(rows), tables=tables)
