"""What each statement becomes in graphs: a file a statement, its forward beside its pull."""
