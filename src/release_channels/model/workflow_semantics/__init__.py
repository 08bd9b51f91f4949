"""What a workflow file means to GitHub: what starts it, its name, and what its jobs may and get. Pure."""
