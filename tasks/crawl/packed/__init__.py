"""Sources whose files hold the pictures themselves."""
