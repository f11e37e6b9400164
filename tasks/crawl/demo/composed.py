"""The demo site's pictures of things on grounds, in pairs, sizes and counts: the corpus of compositions."""

from collections.abc import Iterator
from pathlib import Path

from tasks.compositions.config import CompositionsConfig
from tasks.compositions.corpus import Composition, Corpus
from tasks.compositions.scene import Scene
from tasks.crawl.demo.captions import choose
from tasks.crawl.demo.dirt import Item, Original, Resource


def composed(archive: Path, config: CompositionsConfig) -> tuple[dict[str, list[Item]], list[Original]]:
    """The items of each section by title, and the clean pictures, of which copies may be made.

    A picture with several captions is in as many sections, under the same address: as on the web, where a picture on
    several pages has other alt texts.
    """
    sections: dict[str, list[Item]] = {}
    originals: list[Original] = []
    corpus = Corpus(config, archive)
    for composition in corpus.compositions:
        body = corpus.picture(composition)
        for title, item in _items(composition, body):
            sections.setdefault(title, []).append(item)
        captions = composition.captions
        originals.append(Original(body, captions[0], captions[-1], composition.split))
    return dict(sorted(sections.items())), originals


def _items(composition: Composition, body: bytes) -> Iterator[tuple[str, Item]]:
    src = f"/images/{composition.name}.jpg"
    for number, caption in enumerate(composition.captions):
        resource = None if number else Resource(body, "image/jpeg")
        title = _title(composition.scene) + (f" {number + 1}" if number else "")
        yield title, Item(src, _damaged(f"{src} {caption}", caption), resource, composition.split)


def _title(scene: Scene) -> str:
    if scene.relation is not None:
        return "Side by side" if scene.relation == "left of" else "One above the other"
    if scene.count > 1:
        return "Two and three"
    if scene.size is not None:
        return "Small and large"
    return "One thing" if scene.pattern == "plain" else "On patterns"


def _damaged(key: str, caption: str) -> str:
    """The caption, one in 25 with a space damaged by a wrong decoding or by double escaping, which can be repaired."""
    damage = choose(f"wear {key}", range(50))
    spaces = {0: "\u00a0".encode().decode("cp1252"), 1: "&amp;nbsp;"}
    return caption.replace(" ", spaces.get(damage, " "), 1)
