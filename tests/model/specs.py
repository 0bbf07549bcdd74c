"""Small specs that the model tests share."""

HEAD = """
use std.nets: attention, mlp, norm, linear, conv, gate, embedding, parameter, cross_entropy
dim B, T, d = 8
state lattice(Q12.20)
"""

LAYERS = (
    HEAD
    + """
block Layer(a, b: [B, T, d]) {
  a += attention(norm(b), heads = 2, causal = true)
  b += mlp(norm(a), width = 2*d, act = gelu)
}
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) { repeat 3 { Layer(a, b) } }
"""
)

HOLE = (
    HEAD
    + """
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  repeat 2 {
    net F(x: [B, T, d]) -> [B, T, d]
    a += F(b)
    b += F(a)
  }
}
"""
)

LANGUAGE = (
    HEAD
    + """
dim V = 11
block Layer(a, b: [B, T, d/2]) {
  a += attention(norm(b), heads = 2, causal = true, rotary = true)
  b += mlp(norm(a), width = 2*d)
}
model LM(given tokens: label(V)[B, T], given targets: label(V)[B, T]) -> (x: [B, T, d]) {
  net Tok = embedding(V)
  net Last = norm()
  alloc x: [B, T, d] = 0
  x += Tok(tokens)
  split x -> a, b
  repeat 2 { Layer(a, b) }
  join a, b -> x
  emit loss = cross_entropy(Last(x), targets, out = V, tied = Tok, chunk = 3)
  emit logits = linear(Last(x), out = V, bias = false, tied = Tok)
}
"""
)
