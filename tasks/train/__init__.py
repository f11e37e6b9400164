"""The trainings: each hands packed shards to a trainer in `models/` and keeps what it leaves behind."""
