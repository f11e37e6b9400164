"""What a composed picture shows, or what a caption says of one."""

from dataclasses import dataclass
from typing import Literal, get_args

Relation = Literal["left of", "above"]
Size = Literal["small", "large"]
Pattern = Literal["plain", "stripes", "dots", "checks"]
Skill = Literal["thing", "two things", "relation", "count", "size", "colour", "pattern"]

PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
SKILLS: tuple[Skill, ...] = get_args(Skill)
MAX_COUNT = 3


@dataclass(frozen=True)
class Scene:
    """What a picture shows, or what a caption says of it; there None stands for what is not said.

    Attributes:
        things: names such as "red apple": one, or two. The order of two counts where there is a relation.
        relation: of the first thing to the second.
        count: copies of a single thing, 1 to 3.
        size: of a single thing; None in a picture is the ordinary size.
        colour: of the ground.
        pattern: of the ground; "plain" has one colour, the others have white in it.

    Raises:
        ValueError: no such scene is drawn.
    """

    things: tuple[str, ...]
    relation: Relation | None = None
    count: int = 1
    size: Size | None = None
    colour: str | None = None
    pattern: Pattern | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.things) <= 2:
            raise ValueError(f"a scene shows one thing or two, not {len(self.things)}")
        if len(set(self.things)) < len(self.things):
            raise ValueError(f"two things are different things; for more of one there is a count: {self.things}")
        if not 1 <= self.count <= MAX_COUNT:
            raise ValueError(f"a scene shows 1 to {MAX_COUNT} copies, not {self.count}")
        if len(self.things) == 2 and (self.count, self.size) != (1, None):
            raise ValueError("two things are drawn once each, in their ordinary size")
        if len(self.things) == 1 and self.relation is not None:
            raise ValueError("a relation needs two things")

    @property
    def skills(self) -> tuple[Skill, ...]:
        """What a caption that says this scene tests, in the order of `SKILLS`."""
        tested: dict[Skill, bool] = {
            "thing": len(self.things) == 1,
            "two things": len(self.things) == 2,
            "relation": self.relation is not None,
            "count": self.count > 1,
            "size": self.size is not None,
            "colour": self.colour is not None,
            "pattern": self.pattern is not None,
        }
        return tuple(skill for skill in SKILLS if tested[skill])

    def compared(self, shown: "Scene") -> dict[Skill, bool]:
        """For each skill that this asked scene tests, whether the shown one has it.

        What is not said is not compared. A thing is right if it is the only one shown, and shown once unless a count
        is asked for; two things are right in any places; a relation is right if the things are.
        """
        right: dict[Skill, bool] = {
            "thing": self.things == shown.things and (self.count > 1 or shown.count == 1),
            "two things": set(self.things) == set(shown.things),
            "relation": (self.things, self.relation) == (shown.things, shown.relation),
            "count": len(shown.things) == 1 and self.count == shown.count,
            "size": self.size == shown.size,
            "colour": self.colour == shown.colour,
            "pattern": self.pattern == shown.pattern,
        }
        return {skill: right[skill] for skill in self.skills}

    def agrees(self, shown: "Scene") -> bool:
        """Whether the shown scene is right in all that this one says."""
        return all(self.compared(shown).values())
