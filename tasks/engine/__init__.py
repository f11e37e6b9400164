"""What every stage is built on: artifacts, resumable shards, storage, leases of writers."""
