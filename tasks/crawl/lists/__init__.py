"""Lists of image addresses with captions, in files of any length."""
