"""What the generator leaves out, by name, each with its reason: failings that are known."""

EXCLUSIONS: dict[str, str] = {
    "float undone": "`undo valve` and `undo draw` on float state lose the residue of what they give "
    "back to the reservoir: no rounding, but up to half a step",
    "float64": "float state with bits crashes in float64 models: patterns are float32",
    "alloc reads": "`alloc z: T = e` where e calls no net passes no gradient to what e reads",
    "no statements": "a program without a statement that changes state crashes as it runs",
}
