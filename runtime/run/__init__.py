"""What happens in a run of a model: an object of its own, which travels with the call."""
