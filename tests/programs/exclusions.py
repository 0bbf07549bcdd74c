"""What the generator leaves out, by name, each with its reason: failings that are known."""

EXCLUSIONS: dict[str, str] = {
}
