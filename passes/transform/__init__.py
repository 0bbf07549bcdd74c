"""Programs to programs: the pipeline, its verifier, and the inverse of a spec."""
