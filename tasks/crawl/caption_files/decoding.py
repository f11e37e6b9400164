"""Text of a file whose encoding is not known: by its byte order mark, as declared, as UTF-8, or as it looks."""

import codecs
import re

UNDECODABLE = "\udcff"  # stands for bytes that the encoding does not have; no text file can hold it

# UTF-32 before UTF-16: the mark of UTF-32-LE begins with that of UTF-16-LE.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ZERO_SHARE = 0.3  # UTF-16 without a mark: at least this share of every second byte is zero in Latin text
LATIN_SHARE = 0.3  # texts in Latin letters have fewer letters beyond ASCII than this
MULTI_BYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf](?![\x80-\xbf])|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# Quotation marks, dashes, signs of currency and copyright, fractions, and the like, as bytes of cp1252.
TYPOGRAPHY = frozenset(
    bytes.fromhex("808284859192939495969799a0a1a3a5a7a9aaabadaeb0b2b3b4b7babbbcbdbebfd7").decode("cp1252")
)

codecs.register_error("mark_undecodable", lambda error: (UNDECODABLE, getattr(error, "end", 0)))


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text and the encoding it was read in. Bytes that this encoding does not have become UNDECODABLE.

    Args:
        declared: the encoding to read files without a byte order mark in.
    """
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), None) or declared or _encoding_of(data)
    return data.decode(encoding, "mark_undecodable"), encoding


def is_damaged(text: str) -> bool:
    """Whether the text holds UNDECODABLE, another half of a surrogate pair, or a zero character."""
    return any("\ud800" <= character <= "\udfff" or character == "\0" for character in text)


def _encoding_of(data: bytes) -> str:
    zeros = [data[start::2].count(0) for start in (0, 1)]
    if max(zeros) > ZERO_SHARE * len(data) / 2 and min(zeros) < max(zeros) / 4:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    if _decodes(data, "utf-8"):
        return "utf-8"
    beyond_ascii = [byte for byte in data if byte >= 0x80]
    in_utf8 = sum(len(match) for match in MULTI_BYTE.findall(data))
    if 2 * in_utf8 > len(beyond_ascii):  # UTF-8 with a few broken places
        return "utf-8"
    if _is_western(bytes(beyond_ascii), len(data)):
        # Without the detector, which takes a few accented letters for anything: "a café" in cp1252 for UTF-16.
        return "cp1252"
    return _detected(data) or "utf-8"


def _is_western(beyond_ascii: bytes, length: int) -> bool:
    """Whether bytes of a text of that length are the accented letters and typographic signs of cp1252."""
    if not _decodes(beyond_ascii, "cp1252"):
        return False
    letters = [character for character in beyond_ascii.decode("cp1252") if character not in TYPOGRAPHY]
    return len(letters) < LATIN_SHARE * length and all(map(str.isalpha, letters))


def _detected(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return best.encoding if best is not None and _decodes(data, best.encoding) else None


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def printable(text: str) -> str:
    """The text with what is no Unicode, as file names and JSON can hold it, replaced by question marks."""
    return text.encode(errors="replace").decode()
