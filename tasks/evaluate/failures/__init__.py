"""Where drawings fail, and which of the models fails there."""
