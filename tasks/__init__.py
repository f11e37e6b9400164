"""The stages of the pipeline and the engine they run on. Nothing here imports Prefect."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
