"""The contrastive model that reranks samples."""
