"""Which net a name stands for: one of the body, of a body around it, or of a file."""

from collections.abc import Callable

from revc.grammar import ast
from revc.grammar.span import Span
from revc.passes.elaborate.elaboration import Elaboration
from revc.passes.elaborate.nets.slots import Namer, Net, Slots, import_net
from revc.passes.elaborate.scope.registers import Registers
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.modules import Module
from revc.passes.rules.report import Reported
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.rules.s002_unknown_name import unknown_name


def find_net(scope: Scope, name: str) -> Net | None:
    """Return the declared net `name`: of this body, of an enclosing one, or of a file."""
    if name in scope.nets:
        return scope.nets[name]
    if scope.parent is not None:
        outer = find_net(scope.parent, name)
        if outer is not None:
            uses = outer.uses
            link: Callable[[int], int] = lambda k: uses[k]  # noqa: E731
            into = scope.slots
            scope.nets[name] = import_net(outer, scope.parent.slots, into, link, outer.name)
        return scope.nets.get(name)
    found = scope.module.find(name)
    if found is None or not isinstance(found[1], ast.NetDecl) or found[0] is None:
        return None
    return shared_net(scope, found[0], found[1])


def net_named(scope: Scope, name: str, span: Span) -> Net:
    """Return the declared net `name`.

    Raises:
        Reported: there is none, or it was refused, or it is being declared.
    """
    net = find_net(scope, name)
    if net is None:
        check_declared(scope, name, span)
        raise scope.findings.reject(unknown_name("net", name, span, scope.known_nets()))
    return net


def check_declared(scope: Scope, name: str, span: Span) -> None:
    """Raise where a file declares the net `name`, which `find_net` did not give.

    Raises:
        Reported: it is being declared, and calls itself; or it was refused where it stands.
    """
    if _refused(scope, name):
        raise Reported
    found = scope.module.find(name)
    if found is None or not isinstance(found[1], ast.NetDecl):
        return
    if id(found[1]) in scope.elaboration.building:
        raise scope.findings.reject(UNKNOWN.at(span, f"`{name}` calls itself: nets do not recurse"))
    raise Reported


def _refused(scope: Scope, name: str) -> bool:
    """Say whether a net of this body, or of one around it, was found wrong where it stands."""
    outer = scope.parent is not None and _refused(scope.parent, name)
    return outer or (name in scope.refused and name not in scope.nets)


def shared_net(scope: Scope, module: Module, decl: ast.NetDecl) -> Net | None:
    """Return a file's net as a net of this body; the whole program has one instance of it."""
    full = module.prefix + decl.name
    scope.elaboration.shared += 1
    home = file_scope(scope.elaboration, module)
    net = file_net(home, decl)
    if net is None or home is scope:
        return net
    if full not in scope.nets:
        key: Callable[[int], tuple[str, str, int]] = lambda k: ("file", full, k)  # noqa: E731
        scope.nets[full] = import_net(net, home.slots, scope.slots, key, full)
    return scope.nets[full]


def file_scope(elaboration: Elaboration, module: Module) -> Scope:
    """Return the scope of a file's own nets."""
    scopes: dict[int, Scope] = elaboration.file_scopes
    if id(module) not in scopes:
        names, numerics = elaboration.names(module), elaboration.numerics(module)
        scopes[id(module)] = Scope(
            elaboration, module.prefix, module, names, numerics,
            Registers(elaboration.findings), Slots(), Namer(frozenset(), module.prefix),
        )  # fmt: skip
    return scopes[id(module)]


def file_net(home: Scope, decl: ast.NetDecl) -> Net | None:
    """Return a file's net as a net of its file's scope; None when it is wrong."""
    from revc.passes.elaborate.nets.declarations import build  # nets are made of nets

    built = home.elaboration.file_nets
    if id(decl) not in built:
        built[id(decl)] = None  # while it is built, it does not see itself
        full = home.module.prefix + decl.name
        home.elaboration.file_decls[full] = home.module, decl
        home.elaboration.building.add(id(decl))
        try:
            built[id(decl)] = build(home, decl, full)
        except Reported:
            return None
        finally:
            home.elaboration.building.discard(id(decl))
    return built[id(decl)]
