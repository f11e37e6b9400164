"""Whatever strangers write in pages, rules and caption files, it is read or rejected, and every row is accounted for.

FUZZ_SECONDS=300 gives each reader five minutes.
"""

import io
import json
import random
from email.message import Message
from functools import cache
from types import SimpleNamespace
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.folders import check_rows_or_one_error
from support.fragments import CELLS, CHARSETS, HTML, JSON, ROBOTS, SAID, TDMREP, TYPED, URLS
from support.fuzzing import FUZZ_S, fuzz, pieces, spliced
from support.mutations import mutated

from tasks.crawl.candidates import MAX_ALT_CHARACTERS, MAX_URL_CHARACTERS
from tasks.crawl.config import Config
from tasks.crawl.demo import pages
from tasks.crawl.sources import site, spider
from tasks.web.download import Response
from tasks.web.host_rules import HostRules
from tasks.web.opt_out import directives
from tasks.web.refusals import RefusedError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(FUZZ_S + 120)]


@cache
def real_pages() -> list[bytes]:
    resources = pages.site(Config().archive_path)
    found = [
        resource.body for path, resource in sorted(resources.items()) if resource.content_type.startswith("text/html")
    ]
    return [body for body in found if len(body) < 20_000][:40]


def crawled(example: tuple[bytes, str, list[tuple[str, str]]], patch: pytest.MonkeyPatch) -> None:
    """The whole way of a page: read by the spider, sent as JSON, made a table."""
    body, kind, said = example
    headers = Message()
    headers["Content-Type"] = kind
    for name, value in said:
        headers[name] = value
    url = "http://127.0.0.1:1/a/page.html"
    found = spider.ImageSpider({"start_url": url, "max_s": 60})
    found.parse(SimpleNamespace(meta={"answer": Response(body, headers, url)}))
    assert found.counts["pages_fetched"] + found.counts["pages_failed"] == 1
    for link in found.next_level:
        assert link.startswith("http://127.0.0.1:1/")
        assert len(link) <= MAX_URL_CHARACTERS
    forbidden = spider._forbidden(found.policy.rules, {row["url"] for row in found.found if spider._is_web(row["url"])})
    sent = {"references": found.found, "counts": found.counts, "forbidden": forbidden, "too_deep": found.too_deep}
    sent = json.loads(json.dumps(sent))
    patch.setattr(site, "_run_spider", lambda *_: sent)
    shard = site.crawl_site(site.SiteSource(address=url), "fuzz")
    assert (
        shard.rows_in
        == len(found.found) + len(found.too_deep)
        == shard.tables["candidates"].num_rows + shard.rejects.num_rows
    )
    for row in shard.tables["candidates"].to_pylist():
        assert len(row["url"]) <= MAX_URL_CHARACTERS
        assert len(row["alt"]) <= MAX_ALT_CHARACTERS
        assert "@" not in urlsplit(row["url"]).netloc


def test_any_page_is_read_or_counted_as_failed(monkeypatch):
    monkeypatch.setattr(HostRules, "_file", lambda *_: b"")

    def page(chance: random.Random) -> tuple[bytes, str, list[tuple[str, str]]]:
        whole = (
            spliced(chance, chance.choice(real_pages()), HTML) if chance.random() < 0.3 else pieces(chance, HTML, 60)
        )
        kind = chance.choice(("text/html", "TEXT/HTML;", f"text/html; charset={chance.choice(CHARSETS)}"))
        said = [("X-Robots-Tag", "".join(chance.choices(SAID, k=5)))] if chance.random() < 0.2 else []
        return whole, kind.encode(errors="replace").decode("latin-1").replace("\0", ""), said

    assert fuzz(page, lambda example: crawled(example, monkeypatch)) > 100


def test_any_rules_of_a_host_are_obeyed_or_refuse(monkeypatch):
    files: dict[str, bytes] = {}
    monkeypatch.setattr(HostRules, "_file", lambda _, __, name: files[name])
    reservations = b'[{"location": "/*.png$", "tdm-reservation": 1}, {"location": "/", "tdm-reservation": 0}]'

    def rules(chance: random.Random) -> tuple[bytes, bytes, str, str]:
        robots = spliced(chance, pages.ROBOTS.encode() * 3, ROBOTS) if chance.random() < 0.3 else pieces(chance, ROBOTS)
        tdmrep = chance.choice((reservations, spliced(chance, reservations, TDMREP), pieces(chance, TDMREP)))
        url = "http://example.com/" + "".join(chance.choices(URLS, k=2))
        return robots, tdmrep, url, "".join(chance.choices(SAID, k=8))

    def check(example: tuple[bytes, bytes, str, str]) -> None:
        files["/robots.txt"], files["/.well-known/tdmrep.json"], url, said = example
        try:
            HostRules().check(url)
        except RefusedError as refusal:
            reasons.add(refusal.reason)
        assert isinstance(directives([said]), set)

    reasons: set[str] = set()
    assert fuzz(rules, check) > 100
    assert reasons <= {"robots_disallowed", "robots_unavailable", "opted_out", "bad_url"}
    assert {"robots_disallowed", "opted_out"} <= reasons


def test_any_caption_files_are_rows_or_one_error(tmp_path):
    names = [
        "captions.csv",
        "captions.tsv",
        "metadata.jsonl",
        "metadata.parquet",
        "dog.txt",
        "table.txt",
        "caf\u0065\u0301.txt",
    ]

    def parquet(chance: random.Random) -> bytes:
        columns = {
            chance.choice(("file", "file_name", "image", "caption", "text", "n")): chance.choice(TYPED)
            for _ in range(3)
        }
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        return buffer.getvalue() if chance.random() < 0.5 else mutated(buffer.getvalue(), chance)

    def files(chance: random.Random) -> dict[str, bytes]:
        made = {}
        for name in chance.sample(names, chance.randint(1, 3)):
            start = b"file,caption\ndog.png,a dog\n" * chance.randint(0, 1)
            text = start + pieces(chance, JSON if name.endswith("jsonl") and chance.random() < 0.8 else CELLS, 20)
            if chance.random() < 0.1:
                text = text.decode(errors="replace").encode(
                    chance.choice(("utf-16", "utf-16-le", "utf-32", "cp1252")), "replace"
                )
            made[name] = parquet(chance) if name.endswith("parquet") and chance.random() < 0.8 else text
        return made

    def check(made: dict[str, bytes]) -> None:
        check_rows_or_one_error(tmp_path, made, "dog.png", "cat.JPG", "caf\u00e9.png", "x.heic")

    assert fuzz(files, check) > 100
