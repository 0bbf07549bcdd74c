"""Programs whose blocks nest, are shared, and are equal at different places of a file."""

NESTED = """use std.nets: mlp
dim B, d = 4
state lattice(Q12.20)
block Inner(a, b: [B, d]) {
  a += mlp(b, width = 3)
}
block Same(a, b: [B, d]) {
  a += mlp(b, width = 3)
}
block Wider(a, b: [B, d]) {
  a += mlp(b, width = 5)
}
block Outer(a, b: [B, d]) {
  Inner(a, b)
  repeat 3 { Inner(b, a) }
}
model M(a, b: [B, d]) {
  Outer(a, b)
  Inner(a, b)
  repeat 2 {
    Outer(a, b)
    Wider(a, b)
  }
  Same(a, b)
}
"""
