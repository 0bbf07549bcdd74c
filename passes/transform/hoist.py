"""Give the nets that a body calls on the spot declarations of their own, by the names they have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from revc.grammar import ast
from revc.grammar.signatures import Signature, builtin_signatures
from revc.ir.net_kinds import MATRICES
from revc.passes.analysis.arguments import Formals, match


def hoist(
    body: Sequence[ast.Stmt], builtin: frozenset[str]
) -> tuple[list[ast.NetDecl], list[ast.Stmt]]:
    """Return the nets of a body, declared, in program order, and the statements that use them.

    `builtin` are the built-in nets that the file imports. Bodies of loops are left as they are.
    """
    work = _Hoist(builtin, frozenset(s.name for s in body if isinstance(s, ast.NetDecl)))
    rest: list[ast.Stmt] = []
    for step in body:
        if isinstance(step, ast.NetDecl):
            work.nets.append(step)
        else:
            rest.append(work.node(step))
    return work.nets, rest


@dataclass(eq=False, repr=False)
class _Hoist:
    builtin: frozenset[str]
    taken: frozenset[str]
    nets: list[ast.NetDecl] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def node(self, node: Any) -> Any:
        """Return a node with its built-in nets replaced by calls of declared ones."""
        if type(node) is tuple:  # a place is one too, of another type
            return tuple(self.node(item) for item in node)
        if not isinstance(node, ast.Node) or isinstance(node, ast.Repeat | ast.Type | ast.Numerics):
            return node
        if isinstance(node, ast.Call) and node.func in self.builtin:
            return self._call(node, builtin_signatures()[node.func])
        if isinstance(node, ast.Mix) and isinstance(node.by, ast.Call | ast.Name):
            return self._mix(node, node.by)
        if isinstance(node, ast.Put | ast.Draw | ast.Valve) and isinstance(node.by, ast.Call):
            # A distribution is no net, also where it has a net's name: `by dropout(p = 0.1)`.
            by = node.by.replace(args=self.node(node.by.args))
            return node.replace(by=by)
        fields = {name: getattr(node, name) for name in node.fields}
        changed = {name: new for name, old in fields.items() if (new := self.node(old)) is not old}
        return node.replace(**changed) if changed else node

    def _call(self, node: ast.Call, signature: Signature) -> ast.Call:
        """Declare the net with its options; what it reads stays in the call."""
        name = self._name(node.func)
        options, inputs = _sorted(node, signature)
        value = node.replace(args=tuple(options))
        self.nets.append(
            ast.NetDecl(
                span=node.span, name=name, params=None, result=None, separable=(), value=value
            )
        )
        args = tuple(self.node(arg) for arg in inputs)
        return node.replace(func=name, args=args)

    def _mix(self, node: ast.Mix, by: ast.Call | ast.Name) -> ast.Mix:
        """Declare the matrix of a `mix` that was written on the spot."""
        func = by.id if isinstance(by, ast.Name) else by.func
        if func not in MATRICES:
            return node
        if isinstance(by, ast.Name):
            by = ast.Call(span=by.span, func=func, func_span=by.span, args=())
        called = self._call(by, builtin_signatures()[func])
        name = ast.Name(span=by.span, id=called.func)
        return node.replace(by=name)

    def _name(self, stem: str) -> str:
        while True:
            name = f"{stem}_{self.counts[stem]}"
            self.counts[stem] += 1
            if name not in self.taken:
                return name


def _sorted(node: ast.Call, signature: Signature) -> tuple[list[ast.Arg], list[ast.Arg]]:
    """Tell the arguments that configure a net from those that it reads."""
    leading = match(node.args, Formals(node.func, signature.leading, spread=True)).given
    inputs = {one.name for one in signature.inputs}
    options, reads = list[ast.Arg](), list[ast.Arg]()
    for arg in node.args:
        by_name = arg.name is not None and arg.name not in inputs
        option = by_name or (arg.name is None and any(arg is one for one in leading.values()))
        (options if option else reads).append(arg)
    return options, reads
