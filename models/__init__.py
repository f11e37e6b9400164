"""The models and their training, in plain PyTorch: nothing here knows of Prefect, Dask or artifacts."""
