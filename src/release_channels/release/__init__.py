"""The steps of a release, each with one job."""
