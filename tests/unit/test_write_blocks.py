"""Nothing inside a `write` block awaits anything but the database. The rule is `store/sqlite/group_commit.py`'s; this
test checks it by reading the source.

On SQLite whoever has the turn keeps all other writers waiting, so a wait for a browser, a disk or another service
inside the block would stop the server. What is awaited there has to be a statement of the handle, or a function that is
given the handle and is held to the same rule. The same goes for what a lambda gives to `run` and `run_all_tenants`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from vestibule import store

SOURCE = Path(store.__file__).parent.parent
HANDLES = {"Tx", "AllTenants"}
OPENERS = {"write", "write_all_tenants"}
RUNNERS = {"run", "run_all_tenants"}
STATEMENTS = {"one", "all", "all_in_thread", "run", "many"}


def annotated_handles(function: ast.AsyncFunctionDef) -> set[str]:
    """The parameters of a function that are handles of a transaction."""
    parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {
        each.arg
        for each in parameters
        if each.annotation is not None and HANDLES & set(ast.unparse(each.annotation).replace("|", " ").split())
    }


def opened_handles(block: ast.AsyncWith) -> set[str]:
    """The handles that a block opens."""
    return {
        item.optional_vars.id
        for item in block.items
        if isinstance(item.context_expr, ast.Call)
        and isinstance(item.context_expr.func, ast.Attribute)
        and item.context_expr.func.attr in OPENERS
        and isinstance(item.optional_vars, ast.Name)
    }


def awaited(node: ast.AST) -> Iterator[ast.expr]:
    """Everything that is awaited below a node, without what functions defined there await."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.AsyncFunctionDef | ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Await):
            yield from alternatives(child.value)
        yield from awaited(child)


def alternatives(value: ast.expr) -> Iterator[ast.expr]:
    """What one `await` may wait for."""
    if isinstance(value, ast.IfExp):
        yield from alternatives(value.body)
        yield from alternatives(value.orelse)
    else:
        yield value


def is_of(value: ast.expr, handles: set[str]) -> bool:
    """Whether this is a statement of a handle, or a call that is given one."""
    if not isinstance(value, ast.Call):
        return False
    function = value.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in handles:
        return function.attr in STATEMENTS
    given = [*value.args, *(keyword.value for keyword in value.keywords)]
    return any(isinstance(each, ast.Name) and each.id in handles for each in given)


def lambdas_to_run(call: ast.Call) -> list[ast.Lambda]:
    """The lambdas that a call gives to `database.run` or to its brother."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in RUNNERS:
        return []
    return [each for each in call.args if isinstance(each, ast.Lambda)]


def faults(source: str) -> list[str]:
    """What is awaited inside a transaction and is not the database, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AsyncFunctionDef):
            handles = annotated_handles(node)
        elif isinstance(node, ast.AsyncWith):
            handles = opened_handles(node)
        elif isinstance(node, ast.Call):
            found += [
                f"{act.lineno}: {ast.unparse(act)}"
                for act in lambdas_to_run(node)
                if not is_of(act.body, {each.arg for each in act.args.args[:1]})
            ]
            continue
        else:
            continue
        if handles:
            found += [
                f"{value.lineno}: {ast.unparse(value)}"
                for statement in node.body
                for value in awaited(ast.Module([statement], []))
                if not is_of(value, handles)
            ]
    return sorted(set(found))


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_else_is_awaited(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "await asyncio.sleep(1)",
        "await visit.readmit()",
        "value = [await fetch(url) for url in urls]",
        "return await asyncio.to_thread(hash_password, word)",
        "await (insert(tx) if new else notify(person))",
        "await tx.later()",
    ],
)
def test_what_would_be_found(line: str) -> None:
    block = f"async def act():\n  async with database.write(actor) as tx:\n    {line}\n"
    assert len(faults(block)) == 1
    assert len(faults(f"async def act(tx: Tx):\n  {line}\n")) == 1


def test_what_would_be_found_in_a_lambda() -> None:
    assert len(faults("database.run(actor, lambda tx: asyncio.sleep(1))")) == 1
    assert len(faults("database.run_all_tenants(actor, lambda all_tenants: visit.readmit())")) == 1
    assert faults("database.run(actor, lambda tx: insert(tx, user))") == []


def test_what_is_allowed() -> None:
    lines = ("await tx.run(SQL)", "await insert(tx, user)", "x = await tx.one(SQL)", "await put(rows, handle=tx)")
    for line in lines:
        assert faults(f"async def act(tx: Tx | AllTenants):\n  {line}\n") == []
