"""The pages of the Prefect UI, as markdown."""
