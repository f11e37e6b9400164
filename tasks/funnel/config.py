"""How much the account of the data part shows."""

from pydantic import Field

from tasks.engine.stage import StageConfig


class Config(StageConfig):
    """How much the account of the data part shows. All examples are drawn by the hashes of their ids."""

    examples: int = Field(4, ge=0, description="Examples of what each stage kept and of each reason for a reject.")
    duplicates: int = Field(32, ge=0, description="Duplicates drawn, to be shown beside the picture kept for them.")
    top: int = Field(15, ge=1, description="Hosts, domains, licences and languages listed, the most frequent.")
    picture_px: int = Field(112, ge=16, description="Longest side of an example's picture.")
