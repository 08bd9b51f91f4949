"""One run of a session or task: options, context, error handling, and the report of its outcome."""
