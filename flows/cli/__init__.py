"""`dalle <verb>`: one verb, one function."""
