"""The local index: a package index on a loopback port, with the answers that the real one gives."""
