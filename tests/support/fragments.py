"""Pieces of which pages, rules and caption files of strangers are made, whole, broken and nasty."""

URLS = [
    "a.png", "//h/a.png", "http://[", "http://[::1]/a", "//user:p@h/", "http://h:99999/", "http://h:x/",
    "file:///etc/x", "data:image/gif;base64,AA", "javascript:x", "\\\\h\\a", "?", "#", "%", "%zz", "%ff", "\u2100",
    "xn--", "xn--a", "..", "/" * 50, "a" * 5000, "\ud800", "http://h/\udcff", "http:///", "mailto:a@b", "\x85",
    "\u202e", " ", "blank.gif",
]  # fmt: skip
URL_BYTES = [url.encode("utf-8", "surrogatepass") for url in URLS]
TAGS = (
    b"img a area meta base picture source link svg math table tr template noscript iframe script style textarea title "
    b"plaintext select form body html frameset b p li image input object embed video xmp"
).split()
NAMES = (
    b"src href alt srcset data-src data-srcset data-lazy-src rel name content http-equiv charset xmlns xml:base style "
    b"onerror sizes media type data-split"
).split()
VALUES = [
    b"robots", b"dalle-pipeline", b"tdm-reservation", b"noai noimageai", b"license nofollow", b"refresh", b"0;url=/x",
    b"a 1x, b 2x", b"a 1e999w, b nanw,,", b", ,", b"a 1.1.1x", b"text/html; charset=utf-16", b"x" * 12_000, b"",
    "caf\u00e9 \U0001f600 \u0130".encode(), b"&#xD800;&#0;&#x110000;&amp;lt;&nosuch;",
]  # fmt: skip
CHARSETS = [
    "utf-8", "utf-16", "utf-32", "utf-7", "latin-1", "cp1252", "shift_jis", "gb18030", "iso-2022-jp", "big5", "x-none",
    "punycode", "idna", "unicode_escape", "raw_unicode_escape", "hex", "zlib", "undefined", "rot13", "", "utf-8\0",
    "\u0130",
]  # fmt: skip
HTML = [
    *(b"<" + tag + b" " for tag in TAGS), *(b"</" + tag + b">" for tag in TAGS), *(b"<" + tag + b">" for tag in TAGS),
    *(b" " + name + b"=" for name in NAMES), *URL_BYTES, *VALUES,
    *(b"<meta charset=" + name.encode() + b">" for name in CHARSETS), b"'", b'"', b">", b"<", b"/>", b" ", b"=",
    b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?xml version='1.0' encoding='utf-16'?>", b"<!doctype html>",
    b"<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c SYSTEM 'file:///etc/hostname'>]>&a;&c;", b"\0", b"\xff\xfe", b"\xfe\xff",
    b"\xef\xbb\xbf", b"\xff\xfe\0\0", b"<div>" * 300, b"\x1b$B", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
]  # fmt: skip
ROBOTS = [
    b"User-agent: *\n", b"User-agent: dalle-pipeline\n", b"user-agent:dalle-pipeline/0.1\r\n", b"Disallow: ",
    b"Allow: ", b"Disallow:/\n", b"/", b"*", b"**", b"$", b"?", b"%", b"%zz", b"%2F", b"%e9", b"\xef\xbb\xbf",
    b"\xff\xfe", b"\r", b"\n", b":", b"#", b"Crawl-delay: x\n", b"Crawl-delay: 1e999\n", b"Request-rate: 1/0\n",
    b"Request-rate: 9/9s 25:61-99\n", b"Visit-time: 9999-x\n", b"Host: \n", b"Sitemap: http://[\n", b"(", b")+",
    b"[a-", b"\\", b"{9}", b"\0", b"\xed\xa0\x80", b"a" * 3000, b"*a" * 500, b"\xc2\x85", b"\xe2\x80\xa8", *URL_BYTES,
]  # fmt: skip
TDMREP = [
    b'{"location": "', b'"tdm-reservation": 1', b'"tdm-reservation": "1"', b'{"location": 1}', b"[", b"]", b"{", b"}",
    b",", b":", b'"', b"\\ud800", b"\\u0000", b"1e999", b"NaN", b"-0", b"null", b"true", b"9" * 5000, b"[" * 2000,
    b'/*.png$"', b'*"', b"%zz", b'"tdm-reservation": {}}', b"\xef\xbb\xbf", b"\xff",
]  # fmt: skip
SAID = [
    "noai", "noimageai", "dalle-pipeline:", "otherbot:", ",", ":", " ", "max-snippet:-1", "\u0130",
    "unavailable_after: 1",
]  # fmt: skip
CELLS = [
    b"dog.png", b"cat.JPG", b"dog.png#0", b"../dog.png", b"/etc/passwd", b"caf\xc3\xa9.png", b"cafe\xcc\x81.png",
    b"x.heic", b"a dog", b"caf\xe9", b'"a ""dog"""', b'"open', b'"', b"'", b",", b";", b"\t", b"|", b"\n", b"\r",
    b"\r\n", b"\n\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\x80", b"\x85", b"\x1c",
    b"\xe2\x80\xa8", b"file,caption\n", b"File; Caption\n", b"image\ttext\n", b"file,file,caption,caption\n",
    b"x" * 140_000, b".", b"..", b"sub/..", b"a\\dog.png", b"%00", b"", b"split", b"test", b"file,split,text\n",
]  # fmt: skip
JSON = [
    b'{"file_name": "dog.png", "text": "a dog"}\n', b'{"file_name": ', b'"text": ', b'["a", "b"]', b'["a", ["b"]]',
    b'{"a": 1}', b"null", b"NaN", b"9" * 5000, b"1e999", b'"\\ud800"', b'"\\u0000"', b"[" * 3000, b"{", b"}", b",",
    b":", b'"', b"\n", b"true", b'"dog.png"', b'"": ',
    b'"file": "", "image": {"bytes": null, "path": "dog.png"}', b'"split": ',
]  # fmt: skip
TYPED = [
    ["dog.png", "cat.JPG", None, "", "../x"], ["a dog", None, "", "\x00", "b"], [1, None, 3, 4, 5],
    [b"dog.png", b"\xff", None, b"", b"x"], [["a", "b"], None, [], [None], ["c"]],
    [{"path": "dog.png"}, None, {"path": None}, {"path": ""}, {"path": "x"}],
    [1.5, float("nan"), None, float("inf"), 0.0], [10**9, None, 0, -1, 2**62],
]  # fmt: skip
