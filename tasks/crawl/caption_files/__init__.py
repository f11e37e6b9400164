"""Reads captions from files that people made: text files and tables in any encoding and dialect."""
