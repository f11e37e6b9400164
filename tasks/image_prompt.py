"""A person's picture as an image prompt: read within bounds, and cut to a square."""

from pathlib import Path

from models.generator import ImagePrompt
from tasks.errors import ConfigError, SourceError

MOST_BYTES = 32 << 20
MOST_PIXELS = 64_000_000
MOST_SIDE = 2048  # of the square; more than any generator sees
KEEP_ROWS = 15 / 32  # the paper's, to draw the lower half anew (2.6)


def require_picture(given: bool, keep_rows: float | None, keep_columns: float | None) -> None:
    """What is kept is kept of a picture.

    Raises:
        ConfigError: shares to keep without a picture.
    """
    if not given and (keep_rows is not None or keep_columns is not None):
        raise ConfigError("There is no picture to keep a part of: name one with --image.")


def read_image_prompt(file: Path, keep_rows: float | None, keep_columns: float | None) -> ImagePrompt:
    """The picture in a file, as a prompt. Arguments as for `image_prompt`.

    Raises:
        SourceError: the file cannot be read, or is no picture.
        ConfigError: as `image_prompt`.
    """
    try:
        with file.open("rb") as opened:
            encoded = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"Cannot read {file} ({error.strerror}): name a picture with --image.") from error
    return image_prompt(encoded, str(file), keep_rows, keep_columns)


def image_prompt(encoded: bytes, name: str, keep_rows: float | None, keep_columns: float | None) -> ImagePrompt:
    """The centred square of a picture, as a prompt.

    Args:
        encoded: the bytes of an image file.
        name: of the picture, for messages.
        keep_rows: share of the height that is kept, from the top; the paper's 15/32 if neither is given.
        keep_columns: share of the width that is kept, from the left, in the rows below; 0 if not given.

    Raises:
        SourceError: the bytes are no picture, not all of one, or too large a one.
        ConfigError: the shares leave nothing to draw, or keep nothing.
    """
    if keep_rows is None:
        keep_rows = KEEP_ROWS if keep_columns is None else 0.0
    kept = (keep_rows, keep_columns or 0.0)
    if not all(0 <= share < 1 for share in kept):
        raise ConfigError("Shares of a picture to keep are at least 0 and below 1: at 1 nothing would be drawn anew.")
    if not any(kept):
        raise ConfigError("Nothing of the picture would be kept: raise --keep-rows or --keep-columns.")
    from models.training.errors import DataError
    from models.training.images import centre_crop, decode
    from tasks.fetch.image_files import is_cut, read_header, unread_format

    if len(encoded) > MOST_BYTES:
        raise SourceError(f"{name} is larger than {MOST_BYTES >> 20} MiB: choose a smaller picture.")
    header = read_header(encoded)
    if header is None:
        kind = unread_format(encoded)
        raise SourceError(
            f"{name} is of the format {kind}, which is not read: save it as JPEG or PNG."
            if kind
            else f"{name} is no picture: name a JPEG, PNG, WebP, GIF, BMP or TIFF file."
        )
    if header.width * header.height > MOST_PIXELS:
        raise SourceError(f"{name} has more than {MOST_PIXELS // 1_000_000} megapixels: choose a smaller picture.")
    if is_cut(encoded):
        raise SourceError(f"{name} is cut off: part of the file is missing.")
    try:
        pixels = decode(encoded, at_least=MOST_SIDE)
    except DataError as error:
        raise SourceError(f"{name} is damaged: it cannot be decoded.") from error
    return ImagePrompt(centre_crop(pixels, min(*pixels.shape[:2], MOST_SIDE)), *kept)
