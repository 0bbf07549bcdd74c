"""`revc plan spec.rev`: the schedule of a model, whose sizes are all bound, for a budget."""

import json

import typer

from revc.errors import BindError, ScheduleError


def planned(
    spec: str, model: str | None, dims: dict[str, int], budgets: list[int], as_json: bool
) -> bool:
    """Print a schedule for each budget; return whether all can be met.

    Raises:
        BindError: a size is not bound, or the model exchanges bits.
    """
    import torch

    from revc.codegen.compile import compile
    from revc.planning import report
    from revc.planning.plan import plan
    from revc.runtime.sizes import evaluate

    made = compile(spec, model=model, dims=dims)
    if missing := made.interface.sizes:
        raise BindError(f"a plan needs all sizes: bind them, as in -D {missing[0]}=8")
    values = {}
    for slot in made.interface.entries:
        shape = [int(evaluate(dim, {}) or 0) for dim in slot.shape]
        kind = torch.int64 if slot.kind == "label" else torch.float32
        values[slot.name] = torch.zeros(shape, dtype=kind)
    met, objects = True, []
    for memory in budgets:
        try:
            found = plan(made, memory, values)
        except ScheduleError as error:
            met = False
            typer.echo(f"error: {made.interface.name}: {error}", err=True)
            objects.append({"memory": memory, "schedule": None, "error": str(error)})
            continue
        objects.append(report.as_object(found))
        if not as_json:
            typer.echo(f"{made.interface.name}: {report.table(found)}", nl=False)
    if as_json:
        typer.echo(json.dumps(objects[0] if len(objects) == 1 else objects, indent=1))
    return met
