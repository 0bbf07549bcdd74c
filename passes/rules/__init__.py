"""The rules of `revc lint`, one file each; `registry` lists them."""
