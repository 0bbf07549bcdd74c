"""Code generation: from typed programs to graphs, artifacts, text and pictures."""
