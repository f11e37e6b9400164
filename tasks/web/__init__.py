"""Getting single files from servers nobody vouches for."""
