"""The autoregressive transformer of stage 2 over text tokens and image codes."""
