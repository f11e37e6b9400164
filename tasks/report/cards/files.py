"""The files that lie beside the page: the model card, the data card, and the same data in Croissant."""

import json

from tasks.export.card import data_card
from tasks.export.croissant import croissant
from tasks.export.facts import packed_facts
from tasks.report.cards.model_card import model_card
from tasks.report.config import Config
from tasks.report.facts import RunFacts

MODEL_CARD, DATA_CARD, CROISSANT = "MODEL_CARD.md", "DATA_CARD.md", "croissant.json"


def cards(config: Config, facts: RunFacts) -> dict[str, bytes]:
    """By name; those about data only where the run knows of packed pairs."""
    written = {MODEL_CARD: model_card(facts, config)}
    if (data := packed_facts(facts)) is not None:
        described = json.dumps(croissant(data), indent=2, ensure_ascii=False)
        written |= {DATA_CARD: data_card(data), CROISSANT: described + "\n"}
    return {name: text.encode() for name, text in written.items()}
