"""A project's name and version: find where they are declared, and plan their edits. Pure."""
