"""What a training will need, by arithmetic from its configuration: weights, memory, operations, traffic, hours."""
