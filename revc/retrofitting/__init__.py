"""Pretrained models made exactly reversible: their layers in a spec, their weights where they were.

`entry` is the front door. `architectures` says where a model keeps its layers, `forms` what is made
of them, `calibration` which numbers the spec needs, and `stack` runs it in the layers' place.
"""
