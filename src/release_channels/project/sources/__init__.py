"""Version sources: the places that build backends read a project's version from."""
