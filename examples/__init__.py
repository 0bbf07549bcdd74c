"""Programs that show revc at work."""
