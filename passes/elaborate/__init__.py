"""Elaboration: a syntax tree becomes typed instructions, or located findings."""
