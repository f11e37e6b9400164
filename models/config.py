"""The base class of every configuration in the project."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
