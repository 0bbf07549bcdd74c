"""The two kinds of graph: eager ones, which work in place, and functional ones to be traced."""
