"""The tamper-evident audit log: events, durable appends, a Merkle tree, signed checkpoints, proof and search."""
