"""The verbs that draw with trained models: `dalle generate`, `dalle export` and `dalle serve`."""
