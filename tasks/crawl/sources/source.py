"""What every kind of source has in common. A new kind is a module here and a line in tasks.crawl.config's union."""

from typing import Any, ClassVar

from pydantic import Field

from models.config import Frozen
from tasks.engine.output import Shard
from tasks.settings import Settings


class SourceConfig(Frozen):
    """Base of every kind of source: its settings, what it consists of, and how a part of it is read.

    Attributes:
        kind: names the kind in a config.
        is_live: whether it may hold other pairs tomorrow although the config is the same.
    """

    is_live: ClassVar[bool] = False

    kind: str
    licence: str | None = Field(None, description="Licence of the images where the source does not state one.")

    weight: float = Field(
        1.0, gt=0, le=1, description="Share of its images that are taken, by a hash of their URLs; 1: all."
    )

    def require(self) -> None:
        """The source is there and can be read, as far as a moment's look can tell.

        Raises:
            SourceError: it is not.
        """

    def fingerprinted(self) -> dict[str, Any]:
        """The fields as they enter the fingerprint of the crawl; a weight only where one is given, as it came later."""
        fields = self.model_dump(mode="json")
        return fields if self.weight < 1 else {name: value for name, value in fields.items() if name != "weight"}

    def outside_state(self) -> str:
        """Digest of the content of the source; empty if it is live.

        Raises:
            SourceError: as `require`.
        """
        return ""

    def parts(self) -> list[str]:
        """Addresses of what is read one by one, perhaps on different machines: a shard each.

        Raises:
            SourceError: as `require`.
        """
        raise NotImplementedError

    def read(self, name: str, part: str, settings: Settings) -> Shard:
        """The candidates and rejects of a part.

        Args:
            name: value of the column `source`.

        Raises:
            SourceError: nothing in it can be used.
        """
        raise NotImplementedError

    def without_image(self, part: str, shard: Shard) -> str:
        """The sentence about the only part of a crawl, if its shard has no row."""
        return f"{part} holds no image: check source.sources."
