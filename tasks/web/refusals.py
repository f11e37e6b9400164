"""Why a URL gave no page or no image: every reason there is, with its sentence."""

from typing import Literal

Reason = Literal[
    "bad_url",
    "private_host",
    "opt_out_list",
    "robots_disallowed",
    "robots_unavailable",
    "opted_out",
    "unknown_host",
    "unreachable",
    "timeout",
    "interrupted",
    "server_error",
    "host_given_up",
    "http_404",
    "http_error",
    "too_many_redirects",
    "too_large",
    "too_few_bytes",
    "animated",
    "no_image",
    "truncated",
    "not_an_image",
    "unsupported_format",
    "undecodable",
    "elsewhere",
    "not_reached",
]

MEANINGS: dict[Reason, str] = {
    "bad_url": "The address, or one that it redirects to, is no web address that can be asked.",
    "private_host": "The host has an address of a private network.",
    "opt_out_list": "The address, its domain or one above it stands on the list fetch.opt_out_list.",
    "robots_disallowed": "The host's robots.txt disallows the address.",
    "robots_unavailable": "The host's robots.txt could not be had, which disallows everything (RFC 9309, 2.3.1.4).",
    "opted_out": "The page, the answer's headers or the host's tdmrep.json reserve the image, as noai does.",
    "unknown_host": "The host's name has no address.",
    "unreachable": "No connection came about, or not a secure one.",
    "timeout": "The host was silent, or not done at the deadline.",
    "interrupted": "The connection ended before the file did.",
    "server_error": "The host failed or asked for a pause: status 429, 500, 502, 503 or 504.",
    "host_given_up": "The host was not asked: it wants a longer pause than the deadline, or failed again and again.",
    "http_404": "There is nothing at the address: status 404 or 410.",
    "http_error": "The host answered with another status than 200, such as 403.",
    "too_many_redirects": "The address redirects more than five times, or in a circle.",
    "too_large": "The file has more bytes or the image more pixels than are allowed.",
    "too_few_bytes": "The file has fewer bytes than fetch.min_bytes.",
    "animated": "The image is an animation, and fetch.keep_animated is off.",
    "no_image": "The row of a file that holds pictures has none.",
    "truncated": "The file itself lacks its end, or cannot be decompressed.",
    "not_an_image": "The file is no image, such as a page that says that the image is gone.",
    "unsupported_format": "The file is an image of a format that is not read.",
    "undecodable": "The image is damaged.",
    "elsewhere": "A page of the site redirects to another host.",
    "not_reached": "The time for the crawl was over before this page.",
}

# Reasons that may pass, so that another attempt can succeed where this one did not.
PASSING: frozenset[str] = frozenset[Reason]({
    "robots_unavailable", "unreachable", "timeout", "interrupted", "server_error", "host_given_up",
})  # fmt: skip


class RefusedError(Exception):
    """A download that did not happen. `detail` is the value that decided.

    Attributes:
        pause_s: the host is busy and is not to be asked again for so long; 0 if it does not say for how long, None if
            it is not busy.
    """

    def __init__(self, reason: Reason, detail: str = "", pause_s: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.pause_s = pause_s
