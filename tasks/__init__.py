"""The stages of the pipeline and the small machinery under them. Knows nothing of Prefect."""
