"""Downloads of single files from untrusted servers."""
