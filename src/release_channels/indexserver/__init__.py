"""The local index: a package index on a loopback port that answers as the real one does."""
