"""Where a project says what it is called and which version it has: finding it and planning the edit. Pure."""
