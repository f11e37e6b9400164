"""What several folders of tests need: small stages, tables, web servers and a finished run."""
