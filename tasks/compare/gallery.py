"""The pictures that a comparison shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks import schemas
from tasks.compare.comparison import Prompts
from tasks.compare.values import GROUPS
from tasks.engine.artifact import Artifact


@dataclass(frozen=True)
class ShownPrompt:
    """A prompt with the picture of each side that ranks best."""

    prompt: str
    group: str
    pictures: tuple[bytes, ...]


def shown_prompts(sides: Sequence[Artifact], prompts: Sequence[Prompts], count: int) -> list[ShownPrompt]:
    """So many of the prompts that all sides have, evenly spaced, with the pictures that rank best."""
    shared = sorted((key for key in prompts[0] if all(key in own for own in prompts)), key=lambda key: (key[0], key[1]))
    chosen = [shared[i * len(shared) // count] for i in range(count)] if count < len(shared) else shared
    pictures = [
        _best_pictures(side, {own[key].best["prompt_id"] for key in chosen})
        for side, own in zip(sides, prompts, strict=True)
    ]
    return [
        ShownPrompt(
            prompt=key[1],
            group=GROUPS.get(key[0], f"suite {key[0]}"),
            pictures=tuple(found[own[key].best["prompt_id"]] for own, found in zip(prompts, pictures, strict=True)),
        )
        for key in chosen
    ]


def _best_pictures(side: Artifact, prompt_ids: set[int]) -> dict[int, bytes]:
    """By prompt, the picture that ranks best."""
    found: dict[int, bytes] = {}
    for uri in side.inputs()["scores"].files("scores"):
        places = schemas.read_table(uri, ["prompt_id", "rank"]).to_pylist()
        wanted = {
            i: row["prompt_id"] for i, row in enumerate(places) if row["rank"] == 0 and row["prompt_id"] in prompt_ids
        }
        if wanted:
            images = schemas.read_table(uri, ["image"])["image"]
            found |= {prompt_id: images[i].as_py() for i, prompt_id in wanted.items()}
    return found
