"""What all trainers share: data, schedules, the loop, checkpoints."""
