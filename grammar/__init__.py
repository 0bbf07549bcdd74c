"""The language: its grammar, syntax tree, parser, printer, formatter and net signatures."""
