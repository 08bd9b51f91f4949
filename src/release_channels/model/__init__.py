"""Pure values and rules: versions, plans, manifests, provenance and outcomes of both channels."""
