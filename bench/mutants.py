"""Mutation tests of SAML: small faults are put into its modules one at a time, and the tests run.

    make mutants                                          # some ten minutes on two cores
    .venv/bin/python -m bench.mutants signature response  # these modules alone

A mutant is killed when a test fails, survives when none does. The faults are plain ones: a comparison turned, a
condition that is always or never so, `and` for `or`, a number one more, a text another, a call or a refusal left out,
None in place of a result. Texts of refusals, docstrings, types and decorators are left alone. Keys and documents are
made once; each mutant is a fork of the process that made them and imports the library again, with its fault.

The exit code is 1 when fewer than 90 in 100 are killed.
"""

import argparse
import ast
import contextlib
import copy
import importlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from bench.report import table

ROOT: Final = Path(__file__).parent.parent
SOURCE: Final = ROOT / "src" / "vestibule" / "saml"
MODULES: Final = ("signature", "response", "encryption", "logout", "revocation", "xml", "times", "binding")
AIM: Final = 0.90
LONGEST: Final = 60
"""Seconds after which a mutant counts as killed: it never comes to an end."""
FIRST: Final = {
    "signature": ("attacks", "shapes", "binding", "metadata", "request"),
    "response": ("examination", "attacks", "shapes"),
    "encryption": ("encryption", "attacks", "shapes"),
    "logout": ("logout",),
    "revocation": ("revocation",),
    "xml": ("request", "attacks", "metadata"),
    "times": ("request", "examination"),
    "binding": ("binding",),
}
"""Which tests most probably notice, so that most mutants die early."""

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
SUMS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """A module with one fault."""

    module: str
    line: int
    fault: str
    source: str


# -- faults ------------------------------------------------------------------------------------------------------------


def mutants_of(module: str) -> list[Mutant]:
    """Every fault of a module."""
    tree = ast.parse((SOURCE / f"{module}.py").read_text())
    made = []
    for at, fault in _faults(tree):
        # The fault is done to a copy; a node is found again there by its number in the order of walking.
        changed = copy.deepcopy(tree)
        node = next(node for number, node in enumerate(ast.walk(changed)) if number == at)
        told = fault(node, changed)
        source = ast.unparse(ast.fix_missing_locations(changed))
        made.append(Mutant(module, getattr(node, "lineno", 0), told, source))
    return made


Fault = Callable[[ast.AST, ast.Module], str]


def _faults(tree: ast.Module) -> Iterator[tuple[int, Fault]]:
    ignored = _ignored(tree)
    for at, node in enumerate(ast.walk(tree)):
        if id(node) not in ignored:
            for fault in _faults_of(node):
                yield at, fault


def _ignored(tree: ast.Module) -> set[int]:
    """What is no behaviour: docstrings, types, decorators, imports, and the words of a refusal."""
    left: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left.append(node)
        elif isinstance(node, ast.AnnAssign):
            left.append(node.annotation)
        elif isinstance(node, ast.arg):
            left += [node.annotation] if node.annotation else []
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            left += node.decorator_list
            left += [node.returns] if isinstance(node, ast.FunctionDef) and node.returns else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            words = node.func.id in {"SamlError", "UnknownSubjectType", "TypeError"}
            left += node.args if words else []
        elif isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
            left.append(node)
    return {id(part) for node in left for part in ast.walk(node)}


def _faults_of(node: ast.AST) -> list[Fault]:
    match node:
        case ast.Compare(ops=operators):
            return [
                _turned(at, other) for at, operator in enumerate(operators) for other in COMPARISONS[type(operator)]
            ]
        case ast.BoolOp(values=values):
            return [_swapped, *(_without_operand(at) for at in range(len(values)))]
        case ast.UnaryOp(op=ast.Not()):
            return [_unnegated]
        case ast.BinOp(op=operator) if type(operator) in SUMS:
            return [_other_sum]
        case ast.Constant(value=bool() | int() | str() | bytes()):
            return [_other_constant]
        case ast.If() | ast.IfExp():
            return [_condition(value=True), _condition(value=False)]
        case ast.Return(value=ast.Constant(value=None)) | ast.Return(value=None):
            return []
        case ast.Return():
            return [_nothing_returned]
        case ast.Raise() | ast.Expr(value=ast.Call()):
            return [_passed]
        case ast.comprehension(ifs=filters):
            return [_without_filter(at) for at in range(len(filters))]
        case ast.Continue():
            return [_broken]
    return []


def _turned(at: int, other: type[ast.cmpop]) -> Fault:
    def fault(node: ast.AST, tree: ast.Module) -> str:
        del tree
        assert isinstance(node, ast.Compare)
        before = ast.unparse(node)
        node.ops[at] = other()
        return f"{before}  →  {ast.unparse(node)}"

    return fault


def _swapped(node: ast.AST, tree: ast.Module) -> str:
    del tree
    assert isinstance(node, ast.BoolOp)
    before = ast.unparse(node)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return f"{before}  →  {ast.unparse(node)}"


def _without_operand(at: int) -> Fault:
    def fault(node: ast.AST, tree: ast.Module) -> str:
        del tree
        assert isinstance(node, ast.BoolOp)
        before = ast.unparse(node)
        del node.values[at]
        return f"{before}  →  {ast.unparse(node)}"

    return fault


def _unnegated(node: ast.AST, tree: ast.Module) -> str:
    assert isinstance(node, ast.UnaryOp)
    before = ast.unparse(node)
    _put(tree, node, node.operand)
    return f"{before}  →  {ast.unparse(node.operand)}"


def _other_sum(node: ast.AST, tree: ast.Module) -> str:
    del tree
    assert isinstance(node, ast.BinOp)
    before = ast.unparse(node)
    node.op = SUMS[type(node.op)]()
    return f"{before}  →  {ast.unparse(node)}"


def _other_constant(node: ast.AST, tree: ast.Module) -> str:
    del tree
    assert isinstance(node, ast.Constant)
    before, value = ast.unparse(node), node.value
    if isinstance(value, bool):
        node.value = not value
    elif isinstance(value, int):
        node.value = value + 1
    elif isinstance(value, bytes):
        node.value = value + b"!"
    elif isinstance(value, str):
        node.value = value + "!"
    return f"{before}  →  {ast.unparse(node)}"


def _condition(*, value: bool) -> Fault:
    def fault(node: ast.AST, tree: ast.Module) -> str:
        del tree
        assert isinstance(node, ast.If | ast.IfExp)
        before = ast.unparse(node.test)
        # What the condition assigns is still assigned.
        known = ast.Constant(value)
        node.test = ast.BoolOp(ast.Or() if value else ast.And(), [node.test, known])
        if not any(isinstance(part, ast.NamedExpr) for part in ast.walk(node.test)):
            node.test = known
        return f"if {before}  →  if {value}"

    return fault


def _nothing_returned(node: ast.AST, tree: ast.Module) -> str:
    del tree
    assert isinstance(node, ast.Return)
    before = ast.unparse(node)
    node.value = ast.Constant(None)
    return f"{before}  →  return None"


def _passed(node: ast.AST, tree: ast.Module) -> str:
    before = ast.unparse(node)
    _put(tree, node, ast.Pass())
    return f"{before}  →  pass"


def _without_filter(at: int) -> Fault:
    def fault(node: ast.AST, tree: ast.Module) -> str:
        del tree
        assert isinstance(node, ast.comprehension)
        before = ast.unparse(node.ifs[at])
        del node.ifs[at]
        return f"… if {before}  →  …"

    return fault


def _broken(node: ast.AST, tree: ast.Module) -> str:
    _put(tree, node, ast.Break())
    return "continue  →  break"


def _put(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    """Put a node in another one's place."""
    ast.copy_location(new, old)
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if each is old else each for each in value]


# -- runs --------------------------------------------------------------------------------------------------------------


class _Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a source with a fault."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = f"vestibule.saml.{mutant.module}"
        self.source = mutant.source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, if it is this one."""
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the source with the fault."""
        exec(compile(self.source, f"<{self.name}>", "exec"), module.__dict__)  # a mutant is what it is here for


def _tests(module: str) -> list[str]:
    """The tests, those that most probably notice first, those of properties last."""
    files = {path.stem.removeprefix("test_"): str(path) for path in sorted((ROOT / "tests" / "saml").glob("test_*.py"))}
    rest = [name for name in files if name not in FIRST[module] and name != "properties"]
    return [files[name] for name in (*FIRST[module], *rest, "properties")]


def _forget() -> None:
    """Let everything be imported again except the modules with the keys and documents."""
    for name in list(sys.modules):
        if name.startswith(("vestibule.saml", "tests.saml")) and name != "tests.saml.keys":
            del sys.modules[name]


def run_tests(mutant: Mutant) -> bool:
    """Whether a test fails. Ends the process if it takes too long."""
    signal.alarm(LONGEST)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.meta_path.insert(0, _Faulty(mutant))
    plain = ["-c", os.devnull, "--rootdir", str(ROOT), "--import-mode", "importlib", "--noconftest"]
    quiet = ["-x", "-q", "--no-header", "--tb", "no", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:timeout"]
    return pytest.main([*plain, *quiet, *_tests(mutant.module)]) != pytest.ExitCode.OK


def _judge(mutant: Mutant) -> bool:
    """Whether a mutant is killed, in a process of its own."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os._exit(1 if run_tests(mutant) else 0)
        os._exit(1)
    return os.waitpid(child, 0)[1] != 0


def prepare() -> None:
    """Make the keys and documents once, and import what is heavy."""
    sys.path[:0] = [str(ROOT)]
    corpus, shapes = importlib.import_module("tests.saml.corpus"), importlib.import_module("tests.saml.shapes")
    importlib.import_module("hypothesis")
    for path in sorted((ROOT / "tests" / "saml").glob("test_*.py")):
        importlib.import_module(f"tests.saml.{path.stem}")
    for name in corpus.CASES:
        corpus.document(name)
    for shape in shapes.SHAPES.values():
        shape.document()
    _forget()


def main() -> int:
    """Make the mutants, run them, print the survivors and the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    modules = options.modules or MODULES
    if unknown := set(modules) - set(MODULES):
        parser.error(f"{', '.join(sorted(unknown))}: known are {', '.join(MODULES)}")
    began = time.monotonic()
    prepare()
    for module in modules:
        if _judge(Mutant(module, 0, "none", (SOURCE / f"{module}.py").read_text())):
            print("The tests fail without any fault: mend them first.")
            return 2
    mutants = [mutant for module in modules for mutant in mutants_of(module)]
    rows, survivors = [], []
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        killed = pool.map(_judge, mutants, chunksize=1)
    for module in modules:
        verdicts = [dead for mutant, dead in zip(mutants, killed, strict=True) if mutant.module == module]
        rows.append([module, str(len(verdicts)), str(sum(verdicts)), f"{sum(verdicts) / len(verdicts):.1%}"])
    survivors = [mutant for mutant, dead in zip(mutants, killed, strict=True) if not dead]
    for mutant in survivors:
        print(f"{mutant.module}.py:{mutant.line}: {' '.join(mutant.fault.split())}")
    share = sum(killed) / len(killed)
    rows.append(["all", str(len(killed)), str(sum(killed)), f"{share:.1%}"])
    print("\n" + table(["module", "mutants", "killed", "share"], rows))
    print(f"\nin {time.monotonic() - began:,.0f} seconds")
    return 0 if share >= AIM else 1


if __name__ == "__main__":
    raise SystemExit(main())
