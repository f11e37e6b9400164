"""The stages of the pipeline and the engine they run on. Nothing here imports Prefect."""
