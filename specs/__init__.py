"""The specs that come with revc: the blocks of its families and whole models."""
