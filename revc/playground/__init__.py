"""`revc playground`: a page on this machine alone that tells of a spec as it is typed."""
