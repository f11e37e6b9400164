"""What every stage stands on: artifacts, resumable shards, storage, the lease of a writer, trainers as processes."""
