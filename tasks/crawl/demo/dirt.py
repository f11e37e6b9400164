"""The faults of web pages, for the demo: useless alt texts, and images that are broken, missing or opted out."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tasks.crawl.demo.captions import Emoji, choose, noun_phrase, plain_name, sentence

BAD_ALTS: dict[str, list[str]] = json.loads((Path(__file__).parent / "alts.json").read_text())
STUFFING = "emoji icon sticker 3d cute free best cheap buy online gift love fun happy summer sale top trend "
COPIES = 25  # of each kind, about
PRIVATE_HOSTS = ("10.0.0.8", "192.168.1.1", "169.254.169.254")


@dataclass(frozen=True)
class Resource:
    """The server's response to one path."""

    body: bytes
    content_type: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


@dataclass(frozen=True)
class Item:
    """An `img` element of a page, and the response to its URL if that is on this server."""

    src: str
    alt: str | None
    resource: Resource | None = field(default=None, compare=False)
    split: str | None = None


@dataclass(frozen=True)
class Original:
    """A clean image, of which copies are made: what their alt texts say, and the split they state, if it has one."""

    body: bytes
    mirror_alt: str
    copy_alt: str
    split: str | None = None


def webp(body: bytes) -> Resource:
    """An image as it is in the archive."""
    return Resource(body, "image/webp")


Maker = Callable[[int, Emoji, bytes], Item]


def dirt(base: list[Original], spare: list[tuple[Emoji, bytes]]) -> Iterator[Item]:
    """All faulty items, in the same order every time.

    Args:
        base: the clean images, of some of which duplicates are made.
        spare: other images, to be captioned badly or broken.
    """
    spares = iter(spare)
    for count, make in _MAKERS:
        for number in range(count):
            yield make(number, *next(spares))
    every = max(1, len(base) // COPIES)
    for number, original in enumerate(base[7::every]):
        yield Item(f"/mirror/{number:03}.webp", original.mirror_alt, webp(original.body), original.split)
    for number, original in enumerate(base[3::every]):
        yield _recoded(number, original)


def _captioned(folder: str, alts: list[str]) -> Maker:
    return lambda number, emoji, body: Item(f"/{folder}/{emoji.slug}.webp", alts[number % len(alts)], webp(body))


def _mute(number: int, emoji: Emoji, body: bytes) -> Item:
    return Item(f"/mute/{emoji.slug}.webp", (None, "", "  ")[number % 3], webp(body))


def _stuffed(number: int, emoji: Emoji, body: bytes) -> Item:
    return Item(f"/seo/{emoji.slug}.webp", plain_name(emoji.name) + " " + STUFFING * (20 + number), webp(body))


def _inline(number: int, emoji: Emoji, body: bytes) -> Item:
    return Item(choose(emoji.file, ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "javascript:void(0)", "")), "spacer")


def _private(number: int, emoji: Emoji, body: bytes) -> Item:
    return Item(f"http://{PRIVATE_HOSTS[number % 3]}/{emoji.slug}.png", sentence(emoji))


def _members(number: int, emoji: Emoji, body: bytes) -> Item:
    return Item(f"/members/{emoji.slug}.webp", sentence(emoji), webp(body))


def _missing(number: int, emoji: Emoji, body: bytes) -> Item:
    return Item(f"/old/{emoji.slug}.webp", sentence(emoji))


def _broken_server(number: int, emoji: Emoji, body: bytes) -> Item:
    status = (500, 503, 403)[number % 3]
    return Item(f"/dynamic/{emoji.slug}.webp", sentence(emoji), Resource(b"sorry", "text/plain", status))


def _opted_out(number: int, emoji: Emoji, body: bytes) -> Item:
    header = (("X-Robots-Tag", "noai, noimageai"), ("tdm-reservation", "1"), ("X-Robots-Tag", "noindex"))[number % 3]
    return Item(f"/artists/{emoji.slug}.webp", sentence(emoji), Resource(body, "image/webp", headers=(header,)))


def _no_image(number: int, emoji: Emoji, body: bytes) -> Item:
    page = b"<!doctype html><title>Hotlinking is not allowed</title><p>Please visit our front page."
    text = (page, b"GIF89 would be nice", b"<svg xmlns='http://www.w3.org/2000/svg'/>")[number % 3]
    kind = ("text/html", "image/gif", "image/svg+xml")[number % 3]
    return Item(f"/hotlink/{emoji.slug}.webp", sentence(emoji), Resource(text, kind))


def _truncated(number: int, emoji: Emoji, body: bytes) -> Item:
    whole = body if number % 2 else _encode(_on_white(body), "JPEG")
    return Item(f"/cut/{emoji.slug}.jpg", sentence(emoji), Resource(whole[: len(whole) * 3 // 5], "image/jpeg"))


def _strip(number: int, emoji: Emoji, body: bytes) -> Item:
    image = _on_white(body)
    strip = Image.new("RGB", (image.width * (3 + number % 3), image.height), "white")
    for position in range(0, strip.width, image.width):
        strip.paste(image, (position, 0))
    alt = f"a row of {noun_phrase(plain_name(emoji.name))} after the other, used as a banner of the site"
    return Item(f"/banners/{emoji.slug}.png", alt, Resource(_encode(strip, "PNG"), "image/png"))


def _tiny(number: int, emoji: Emoji, body: bytes) -> Item:
    icon = _on_white(body).resize((16 + number, 16 + number), Image.Resampling.LANCZOS)
    return Item(f"/favicons/{emoji.slug}.png", sentence(emoji), Resource(_encode(icon, "PNG"), "image/png"))


def _bomb(number: int, emoji: Emoji, body: bytes) -> Item:
    picture = Image.new("1", (7_000, 7_000))
    return Item("/huge/poster.png", sentence(emoji), Resource(_encode(picture, "PNG"), "image/png"))


def _slow(number: int, emoji: Emoji, body: bytes) -> Item:
    return Item("/slow/camera.webp", sentence(emoji), Resource(body, "image/webp", delay_s=60))


def _recoded(number: int, original: Original) -> Item:
    """The same picture in another size and format, as copies on the web are."""
    image_format = ("JPEG", "PNG", "WEBP")[number % 3]
    image = _on_white(original.body)
    side = image.width * (10 + number % 7) // 16
    image = image.resize((side, side), Image.Resampling.LANCZOS)
    resource = Resource(_encode(image, image_format), f"image/{image_format.lower()}")
    return Item(f"/copies/{number:03}.{image_format.lower()}", original.copy_alt, resource, original.split)


def _on_white(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def _encode(image: Image.Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, quality=85)
    return buffer.getvalue()


# How many items of each kind. As in real crawls, most are rejected for their alt text.
_MAKERS: tuple[tuple[int, Maker], ...] = (
    (70, _captioned("boilerplate", BAD_ALTS["boilerplate"])),
    (60, _captioned("foreign", BAD_ALTS["not_english"])),
    (40, _captioned("short", BAD_ALTS["too_short"])),
    (5, _stuffed),
    (30, _mute),
    (12, _inline),
    (6, _private),
    (24, _members),
    (26, _missing),
    (9, _broken_server),
    (18, _opted_out),
    (15, _no_image),
    (14, _truncated),
    (14, _strip),
    (12, _tiny),
    (1, _bomb),
    (1, _slow),
)
