"""The models and their training, in plain PyTorch: nothing here imports Prefect or Dask, or reads artifacts."""
