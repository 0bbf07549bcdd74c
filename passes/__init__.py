"""From a syntax tree to a checked program: names, types, rules, proofs, and the pipeline."""
