"""The demo site's content: pages, images and robots.txt, made from the archive, the same every time."""

import csv
import html
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tasks.compositions.config import CompositionsConfig
from tasks.crawl.demo.captions import GROUPS, Emoji, choose, sentence
from tasks.crawl.demo.composed import composed
from tasks.crawl.demo.dirt import Item, Original, Resource, dirt, webp

LICENCE = "https://opensource.org/license/mit"
ITEMS_PER_PAGE = 20  # at least
PAGES = 200  # of items, at most about: a crawl fetches no more than so many pages
FEATURED_EVERY = 12  # one image in 12 also has a page of its own, so that it is found twice

ROBOTS = "User-agent: *\nDisallow: /members/\n"
SPARE_GROUPS = ("People & Body", "Flags", "Symbols")


@cache
def site(archive: Path, compositions: CompositionsConfig | None = None) -> dict[str, Resource]:
    """The response to every path of the site, made from the images of `archive`: of compositions, or the emoji alone.

    Faulty items are made of emoji either way.
    """
    everything = list(_read(archive))
    spare = [(emoji, body) for emoji, body in everything if emoji.group in SPARE_GROUPS]
    spare.sort(key=lambda pair: choose(pair[0].file, range(1 << 30)))
    resources = {"/robots.txt": Resource(ROBOTS.encode(), "text/plain"), "/logo.webp": webp(spare[-1][1])}
    sections, originals = _emoji(everything) if compositions is None else composed(archive, compositions)
    sections["Contributed by visitors"] = sorted(
        dirt(originals, spare[:-1]), key=lambda item: choose(item.src, range(1 << 30))
    )
    per_page = max(ITEMS_PER_PAGE, sum(map(len, sections.values())) // PAGES)
    for title, items in sections.items():
        resources.update(_section(title, items, per_page))
    resources["/"] = _page("Emoji in three dimensions", _list((_slug(title), title) for title in sections) + _ABOUT)
    resources["/members/"] = _page("Members only", _list((f"members/{number}", "member") for number in range(6)))
    return resources


_ABOUT = (
    f"<p>All pictures under the <a rel='license' href='{LICENCE}'>MIT licence</a>. "
    "<a href='/members/'>Members</a> see more. <a href='/gone'>Old gallery</a></p>"
)


def _read(archive: Path) -> Iterator[tuple[Emoji, bytes]]:
    """The images without skin tone, in the order of the archive's table."""
    with zipfile.ZipFile(archive) as content:
        for row in csv.DictReader(io.StringIO(content.read("metadata.csv").decode())):
            if not row["skin_tone"]:
                synonym = row["short_names"].split()[0]
                emoji = Emoji(row["file"], row["name"], row["category"], row["subcategory"], synonym)
                yield emoji, content.read(f"images/{row['file']}")


def _emoji(everything: list[tuple[Emoji, bytes]]) -> tuple[dict[str, list[Item]], list[Original]]:
    """The items of each section by title, and the clean images, of which copies may be made."""
    base = [(emoji, body) for emoji, body in everything if emoji.group in GROUPS]
    sections = {group: [_clean(emoji, body) for emoji, body in base if emoji.group == group] for group in GROUPS}
    return sections, [Original(body, sentence(emoji, "mirror"), sentence(emoji, "copy")) for emoji, body in base]


def _clean(emoji: Emoji, body: bytes) -> Item:
    return Item(f"/images/{emoji.slug}.webp", _damaged(emoji.file, sentence(emoji)), webp(body))


def _damaged(key: str, caption: str) -> str:
    """The caption, one in 25 damaged by a wrong decoding or by double escaping, which the pipeline must repair."""
    damage = choose(f"wear {key}", range(50))
    if damage == 0:
        return f"{caption} — it\u2019s full of detail".encode().decode("cp1252")
    return f"{caption} &amp; nothing else" if damage == 1 else caption


def _section(title: str, items: list[Item], per_page: int) -> Iterator[tuple[str, Resource]]:
    """The pages of one section, the pages of its featured items, and its images."""
    slug = _slug(title)
    starts = range(0, len(items), per_page)
    pager = "".join(f"<a href='{_path(slug, number)}'>{number + 1}</a> " for number in range(len(starts)))
    for number, start in enumerate(starts):
        figures = "".join(map(_figure, items[start : start + per_page]))
        yield _path(slug, number), _page(title, f"{figures}<nav>{pager}</nav>")
    for item in items:
        if item.resource is not None:
            yield item.src, item.resource
            if _is_featured(item):
                yield _item_page(item), _page(item.alt or "", _image(item))


def _path(slug: str, number: int) -> str:
    return f"/{slug}/{number}" if number else f"/{slug}"


def _is_featured(item: Item) -> bool:
    return item.src.startswith("/images/") and choose(item.src, range(FEATURED_EVERY)) == 0


def _item_page(item: Item) -> str:
    return item.src.replace("/images/", "/item/").rpartition(".")[0]


def _figure(item: Item) -> str:
    link = f"<a href='{_item_page(item)}'>more</a>" if _is_featured(item) else ""
    return f"<figure>{_image(item)}{link}</figure>\n"


def _image(item: Item) -> str:
    alt = "" if item.alt is None else f' alt="{html.escape(item.alt)}"'
    split = f' data-split="{item.split}"' if item.split else ""
    return f'<img src="{html.escape(item.src)}"{alt}{split} loading="lazy">'


def _slug(title: str) -> str:
    return title.lower().replace(" & ", "-and-").replace(" ", "-")


def _list(links: Iterator[tuple[str, str]]) -> str:
    return "<ul>" + "".join(f"<li><a href='/{path}'>{html.escape(text)}</a>" for path, text in links) + "</ul>"


def _page(title: str, content: str) -> Resource:
    text = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<link rel='license' href='{LICENCE}'></head><body><a href='/'><img src='/logo.webp' alt=''></a>\n"
        f"<h1>{html.escape(title)}</h1>\n{content}</body></html>\n"
    )
    return Resource(text.encode(), "text/html; charset=utf-8")
