"""The maintainer's tasks, one module each: bump, tag, status, resume, yank and serve-index."""
