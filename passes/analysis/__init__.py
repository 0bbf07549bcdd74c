"""What is found out of trees, blocks and programs: proofs, costs, meters, shapes."""
