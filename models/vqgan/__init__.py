"""A second image tokenizer: the VQGAN of Esser, Rombach and Ommer (2021, arXiv 2012.09841)."""
