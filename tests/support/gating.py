"""The gate against a scripted model: one environment, one project, one run."""
