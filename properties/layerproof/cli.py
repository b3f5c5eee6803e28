"""The command line. Exit status: 0 all held; 1 a law was violated, undecided or something never reached;
2 the request was wrong or an engine was unreachable.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from layermodel.graph import blockers, freed_by, shared_bytes, unique_bytes
from layermodel.ground import GroundMachine
from layermodel.reference import Reference
from layermodel.rules import Rule
from layermodel.store import DIALECTS, TRAITS
from layermodel.store_rules import STORE
from layermodel.view import StoreView, store_view
from layerproof import report
from layerproof.conform import check_given, conform, replay
from layerproof.draw import dot, from_json, mermaid, table, text_graph, to_json
from layerproof.drive import drive
from layerproof.engines.base import Engine, Scripter
from layerproof.engines.directory import DirectoryEngine
from layerproof.errors import LayerproofError, WrongRequest
from layerproof.explore import Exploration, Explorer
from layerproof.monitor import Monitor
from layerproof.prove import prove
from layerproof.store_laws import STORE_LAWS
from layerproof.traces import Trace

ENGINES = ("directory", "docker")
_SIZES = {"Layer": 2, "Image": 2, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
          "Content": 2}


def _status(failed: bool) -> NoReturn:
    sys.exit(1 if failed else 0)


def _emit(format_: str, output: str | None, data: Callable[[], Any], text: Callable[[], str]) -> None:
    """Print a result, or write it to a file."""
    shown = json.dumps(data(), indent=1) if format_ == "json" else text()
    if output is None:
        click.echo(shown)
        return
    try:
        Path(output).write_text(shown + "\n")
    except OSError as error:
        raise WrongRequest(f"the output file {output} cannot be written: {error.strerror}") from None


class _Progress:
    """A line on the terminal that says what is going on; nothing where there is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._status = console.status("starting") if console.is_terminal else None

    def __enter__(self) -> Callable[[str], None]:
        if self._status is None:
            return lambda text: None
        self._status.start()
        return self._status.update

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has."""
    command = click.option("--output", metavar="FILE", help="Write the result there instead.")(command)
    return click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
                        help="How to print the result.")(command)


class _Main(click.Group):
    """Turns our errors into one sentence and exit status 2, whatever command they come from."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LayerproofError as error:
            click.echo(f"layerproof: {error}", err=True)
            sys.exit(2)


@click.group(cls=_Main)
@click.version_option(package_name="layerproof")
def main() -> None:
    """A formal model of container storage, and a checker that judges real engines by it."""
    # A terminated run cleans up its engine just as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _law_ids(chosen: tuple[str, ...]) -> set[str] | None:
    known = [law.id for law in STORE_LAWS.laws]
    for identifier in chosen:
        if identifier not in known:
            raise WrongRequest(f"unknown law {identifier!r}; `layerproof laws` lists them "
                               f"({known[0]} … {known[-1]})")
    return set(chosen) or None


def _rules(chosen: tuple[str, ...]) -> set[str] | None:
    for name in chosen:
        if name not in STORE.rule_by_name:
            raise WrongRequest(f"unknown rule {name!r}; known: {', '.join(STORE.rule_by_name)}")
    return set(chosen) or None


def _dialects(names: tuple[str, ...], traits: tuple[str, ...]) -> dict[str, dict[str, bool]]:
    for name in names:
        if name not in DIALECTS:
            raise WrongRequest(f"unknown dialect {name!r}; known: {report.dialect_names()}")
    chosen = {n: dict(DIALECTS[n]) for n in names or tuple(DIALECTS)}
    for setting in traits:
        trait, _, value = setting.partition("=")
        if trait not in {t.name for t in TRAITS}:
            raise WrongRequest(f"unknown trait {trait!r}; known: {', '.join(t.name for t in TRAITS)}")
        if value not in ("true", "false"):
            raise WrongRequest(f"the trait {trait} takes true or false, not {value!r}")
        for values in chosen.values():
            values[trait] = value == "true"
    return chosen


def _parse_sizes(text: str | None) -> dict[str, int]:
    sizes = dict(_SIZES)
    for part in text.split(",") if text else []:
        name, _, number = part.partition("=")
        if name not in sizes:
            raise WrongRequest(f"unknown sort {name!r} in --size; known: {', '.join(sizes)}")
        if not number.isdigit() or not 1 <= int(number) <= 9:
            raise WrongRequest(f"the size of {name} is not a number from 1 to 9: {number!r}")
        sizes[name] = int(number)
    return sizes


@main.command("check")
@_common
def check_command(format_: str, output: str | None) -> None:
    """Everything about the model: the main job."""
    from layerproof.check import check

    with _Progress() as tell:
        result = check(tell)
    _emit(format_, output, result.to_json, lambda: _check_text(result))
    _status(result.verdict != "held")


def _check_text(result: Any) -> str:
    lines = []
    for law in result.catalogue.laws:
        row = result.law(law)
        total = sum(row["prove"].values())
        lines.append((law.id, f"{row['prove']['proved']}/{total}", row["explore"], row["drive"],
                      row["directory"], str(row["mutants"]), law.statement))
    data = result.to_json()
    grid = report.rows("", ("law", "proved", "explored", "driven", "directory", "mutants", "statement"), lines)
    obligations, mutants = data["obligations"], data["mutants"]
    return "\n".join([
        grid, "",
        f"prove    {obligations['proved']} proved, {obligations['refuted']} refuted, "
        f"{obligations['undecided']} undecided: stores of any size, all traits free; "
        f"{data['witnesses']} witnesses that it is not vacuous",
        *(f"         VACUOUS: {text}" for text in data["vacuous"]),
        *(f"explore  {e['states']:,} states, {e['steps']:,} steps in {e['universes']} universes: "
          + " ".join(f"{n}={c}" for n, c in e["sizes"].items()) for e in data["explored"]),
        *(f"drive    {r['operations']:,} operations as {d}"
          + ("; never reached: " + ", ".join(r["never"]) if r["never"] else "; every rule and refusal reached")
          for d, r in data["driven"].items()),
        f"conform  {data['directory']['operations']:,} operations on the embedded engine `directory`, "
        f"{data['directory']['findings']} findings"
        + (f"; never reached: {', '.join(data['directory']['never'])}" if data["directory"]["never"] else ""),
        f"mutants  {mutants['killed']} killed, {len(mutants['survived'])} survived "
        + " ".join(mutants["survived"]),
        "",
        f"verdict: {data['verdict']} ({data['seconds']} s). "
        "Next: `layerproof conform docker` judges a real Docker; `layerproof rules` prints the rules.",
    ])


@main.command("prove")
@click.option("--law", "laws", multiple=True, help="Only this law; may be repeated.")
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be repeated.")
@click.option("--mutant", help="Prove this deliberately wrong machine instead: see it fail.")
@click.option("--jobs", default=2, type=click.IntRange(1, 64), show_default=True)
@click.option("--dot", "drawing", flag_value="dot", help="Draw graphs for Graphviz.")
@click.option("--mermaid", "drawing", flag_value="mermaid", help="Draw graphs for Mermaid.")
@_common
def prove_command(
    laws: tuple[str, ...], rules: tuple[str, ...], mutant: str | None, jobs: int, drawing: str | None,
    format_: str, output: str | None,
) -> None:
    """Prove every law of every rule, for stores of any size, in any dialect."""
    identifiers, names = _law_ids(laws), _rules(rules)
    machine, names = (STORE, names) if mutant is None else _mutated(mutant, names)
    done = 0
    with _Progress() as tell:
        def told(more: int) -> None:
            nonlocal done
            done += more
            tell(f"{done} obligations")

        proof = prove(machine, STORE_LAWS, rules=names, laws=identifiers, jobs=jobs, progress=told)
    _emit(format_, output, lambda: report.proof_json(proof, STORE_LAWS, machine),
          lambda: report.proof_text(proof, STORE_LAWS, machine, drawing or "text"))
    _status(not proof.holds)


def _mutated(name: str, rules: set[str] | None) -> tuple[Any, set[str]]:
    from layerproof.store_mutants import MUTANTS

    found = {m.name: m for m in MUTANTS}.get(name)
    if found is None:
        raise WrongRequest(f"unknown mutant {name!r}; `layerproof mutants` lists them")
    return found.machine(), rules or set(found.rules)


@main.command("explore")
@click.option("--size", "sizes", metavar="Layer=2,Image=2,…", help="How many objects of each sort.")
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@click.option("--trait", "traits", multiple=True, metavar="NAME=true|false", help="Set a trait.")
@click.option("--universes", type=click.IntRange(1), help="At most so many choices of rigid values.")
@click.option("--no-algebra", is_flag=True, help="Leave out the laws about two runs.")
@_common
def explore_command(
    sizes: str | None, dialects: tuple[str, ...], traits: tuple[str, ...], universes: int | None,
    no_algebra: bool, format_: str, output: str | None,
) -> None:
    """Visit every store that can be reached with few objects."""
    chosen = _dialects(dialects, traits)
    parsed = _parse_sizes(sizes)
    with _Progress() as tell:
        def told(e: Exploration) -> None:
            if e.states % 64 == 0:
                tell(f"universe {e.universes}, {e.states:,} states, {e.steps:,} steps")

        explorer = Explorer(STORE, STORE_LAWS, parsed, algebra=not no_algebra, progress=told)
        result = explorer.run(chosen, limit=universes)
    _emit(format_, output, lambda: report.exploration_json(result),
          lambda: report.exploration_text(result, STORE_LAWS, STORE))
    _status(bool(result.findings or result.stuck))


@main.command("drive")
@click.option("--operations", default=5000, show_default=True, help="How many at least.")
@click.option("--seed", default=0, show_default=True)
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@_common
def drive_command(
    operations: int, seed: int, dialects: tuple[str, ...], format_: str, output: str | None,
) -> None:
    """Let Hypothesis drive the model and check every law after every step."""
    results = {}
    with _Progress() as tell:
        for name, values in _dialects(dialects, ()).items():
            results[name] = drive(
                STORE, STORE_LAWS, traits=values, dialect=name, operations=operations, entropy=seed,
                progress=lambda n, name=name: tell(f"{name}: {n:,} operations"))  # type: ignore[misc]

    def data() -> Any:
        return {name: {
            "operations": r.statistics.steps, "done": dict(r.statistics.done), "never": r.never,
            "refused": {f"{a} {b}": n for (a, b), n in r.statistics.refused.items()},
            "findings": [{"law": f.violation.law, "trace": report.trace_json(f.trace)} for f in r.findings],
        } for name, r in results.items()}

    def text() -> str:
        parts = []
        for name, r in results.items():
            parts.append(f"{name}: {r.statistics.steps:,} operations in {r.statistics.examples} runs")
            parts.append(report.statistics_text(r.statistics.done, r.statistics.refused))
            parts += [f"never reached: {t}" for t in r.never]
            for f in r.findings:
                parts += [report.violation_text(STORE_LAWS, f.violation), report.trace_text(STORE, f.trace)]
        return "\n".join(parts)

    _emit(format_, output, data, text)
    _status(any(r.findings or r.never for r in results.values()))


def _engine(name: str, socket: str | None, dockerd: str, timeout: float) -> tuple[Engine, Scripter | None]:
    if name not in ENGINES:
        raise WrongRequest(f"unknown engine {name!r}; known: {', '.join(ENGINES)}")
    if name == "directory":
        if socket is not None:
            raise WrongRequest("the engine directory has no socket; --socket is for docker")
        return DirectoryEngine(), None
    from layerproof.engines.docker import DockerEngine
    from layerproof.engines.docker_script import script

    return DockerEngine(socket=socket, dockerd=dockerd, timeout=timeout), script


def _engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--timeout", default=60.0, show_default=True, help="Seconds for one answer.")(command)
    command = click.option("--dockerd", default="dockerd", show_default=True,
                           help="The daemon to start, for docker.")(command)
    return click.option("--socket", metavar="PATH", help="Use a running Docker; only what the run itself "
                        "makes is touched, and nothing is pruned.")(command)


@main.command("conform")
@click.argument("engine")
@click.option("--operations", default=2000, show_default=True, help="How many at least.")
@click.option("--seed", default=0, show_default=True)
@click.option("--strict", is_flag=True, help="Known deviations fail the run, too.")
@_engine_options
@_common
def conform_command(
    engine: str, operations: int, seed: int, strict: bool, socket: str | None, dockerd: str, timeout: float,
    format_: str, output: str | None,
) -> None:
    """Judge an engine (directory or docker) by random operations beside the model."""
    if operations < 1:
        raise WrongRequest("a run of no operations would check nothing")
    judged, script = _engine(engine, socket, dockerd, timeout)
    try:
        with _Progress() as tell:
            result = conform(STORE, STORE_LAWS, judged, operations=operations, entropy=seed,
                             progress=lambda n: tell(f"{engine}: {n:,} operations"))
    finally:
        judged.close()
    _emit(format_, output, lambda: report.conformance_json(result, script),
          lambda: report.conformance_text(result, STORE_LAWS, STORE, script))
    _status(report.verdict_of(result, strict) != "held")


@main.command("mutants")
@click.option("--explore", "exploring", is_flag=True, help="Kill by exploration as well (minutes).")
@_common
def mutants_command(exploring: bool, format_: str, output: str | None) -> None:
    """The kill matrix: deliberately wrong machines, and what catches each."""
    from layerproof.mutants import kill_by_exploration, kill_by_proof
    from layerproof.store_mutants import MUTANTS

    matrix = []
    with _Progress() as tell:
        for mutant in MUTANTS:
            tell(mutant.name)
            proof = kill_by_proof(mutant)
            run = kill_by_exploration(mutant) if exploring else None
            matrix.append({
                "name": mutant.name, "rules": list(mutant.rules), "says": mutant.says, "bug": mutant.bug,
                "prove": None if proof is None else {"law": proof.law, "length": proof.length},
                "explore": None if run is None else {"law": run.law, "length": run.length}})

    def cell(kill: Any) -> str:
        return "-" if kill is None else f"{kill['law']} in {kill['length']}"

    def text() -> str:
        heading = ("mutant", "prove", *(["explore"] if exploring else []), "what is wrong with it")
        grid = report.rows("", heading, [
            (str(m["name"]), cell(m["prove"]), *([cell(m["explore"])] if exploring else []), str(m["says"]))
            for m in matrix])
        return f"{grid}\n\n{len(matrix) - survived} killed, {survived} survived"

    survived = sum(m["prove"] is None and m["explore"] is None for m in matrix)
    _emit(format_, output, lambda: {"mutants": matrix, "survived": survived}, text)
    _status(survived > 0)


@main.command("laws")
@click.option("--law", "laws", multiple=True, help="Only this law; may be repeated.")
@_common
def laws_command(laws: tuple[str, ...], format_: str, output: str | None) -> None:
    """The catalogue of laws."""
    chosen = _law_ids(laws)
    listed = [law for law in STORE_LAWS.laws if chosen is None or law.id in chosen]

    def text() -> str:
        parts, group = [], ""
        for law in listed:
            if law.group != group:
                group = law.group
                parts.append(f"\n{group}\n{'-' * len(group)}")
            parts.append(f"{law.id}  {law.statement}")
            parts.append(f"      {law.kind.value} law; sources: {'; '.join(law.sources)}")
            parts += [f"      known deviation {d.key} ({d.engine} {d.versions}, {d.rule}): {d.says}"
                      for d in law.deviations]
        return "\n".join(parts).lstrip("\n")

    _emit(format_, output, lambda: [
        {"id": law.id, "group": law.group, "kind": law.kind.value, "statement": law.statement,
         "sources": list(law.sources), "rules": list(law.rules),
         "deviations": [vars(d) for d in law.deviations]} for law in listed], text)


@main.command("rules")
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be repeated.")
@_common
def rules_command(rules: tuple[str, ...], format_: str, output: str | None) -> None:
    """The rule book."""
    names = _rules(rules)
    listed = [r for r in STORE.rules if names is None or r.name in names]
    _emit(format_, output, lambda: [
        {"name": r.name, "parameters": [{"name": p.name, "sort": p.sort.name, "role": p.role}
                                        for p in r.parameters],
         "refused": dict(r.refused), "then": r.then, "source": r.source} for r in listed],
        lambda: "\n\n".join(map(_rule_text, listed)))


def _rule_text(rule: Rule) -> str:
    lines = [f"{rule.name} ({', '.join(p.name for p in rule.parameters if p.role == 'named')})"]
    made = [p.name for p in rule.parameters if p.role == "new"]
    lines += [f"  makes    a new {name}" for name in made]
    width = max((len(n) for n in rule.refused), default=0)
    for number, (name, says) in enumerate(rule.refused.items()):
        lines.append(f"  {'refused' if number == 0 else '       '}  {name:<{width}}  {says}")
    laws = [law.id for law in STORE_LAWS.laws if law.kind.value != "algebraic" and law.about(rule)]
    return "\n".join([*lines, f"  then     {rule.then}", f"  keeps    {' '.join(laws)}",
                      f"  source   {rule.source}"])


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongRequest(f"{path} cannot be read: {error}") from None


@main.command("replay")
@click.argument("trace")
@click.option("--on", "engine", help="Replay on this engine, too (directory or docker).")
@_engine_options
@_common
def replay_command(
    trace: str, engine: str | None, socket: str | None, dockerd: str, timeout: float, format_: str,
    output: str | None,
) -> None:
    """Replay a trace file in the model, or beside an engine."""
    read = Trace.from_json(_read(trace))
    views, broken = _replayed(read)
    findings, script = [], None
    if engine is not None:
        judged, script = _engine(engine, socket, dockerd, timeout)
        try:
            findings = replay(STORE, STORE_LAWS, read, judged)
        finally:
            judged.close()

    def text() -> str:
        parts = [report.trace_text(STORE, read), table(views[0], views[-1])]
        parts += [report.violation_text(STORE_LAWS, v) for v in broken]
        parts += [report.finding_text(f, STORE_LAWS, STORE, script) for f in findings]
        if engine is not None and not findings:
            parts.append(f"{engine} did the same in all {len(read.events)} operations")
        return "\n".join(parts)

    _emit(format_, output, lambda: {
        "states": [to_json(v) for v in views], "broken": [v.law for v in broken],
        "findings": [report.finding_json(f, script) for f in findings]}, text)
    _status(bool(broken or findings))


def _replayed(trace: Trace) -> tuple[list[StoreView], list[Any]]:
    """The stores of a trace in the model, and the laws that are broken on the way."""
    ground = GroundMachine(STORE, trace.sizes)
    if not ground.axioms()(trace.rigid):
        raise WrongRequest("the rigid part of the trace breaks the machine's axioms")
    reference = Reference.fixed(ground, DIALECTS[trace.dialect], trace.rigid)
    monitor = Monitor(ground, STORE_LAWS)
    views, broken = [store_view(ground, reference.state, reference.rigid)], []
    for number, event in enumerate(trace.events, 1):
        check_given(reference, number, event)
        before = reference.state
        outcome = reference.run(event.rule, event.arguments)
        broken += monitor.step(STORE.rule_by_name[event.rule], before, outcome, reference.rigid,
                               reference.traits, event.arguments)
        broken += monitor.state(outcome.state, reference.rigid, reference.traits)
        views.append(store_view(ground, outcome.state, reference.rigid))
    return views, broken


@main.command("explain")
@click.argument("file")
@click.argument("thing", required=False)
@click.option("--dot", "drawing", flag_value="dot", help="The whole graph for Graphviz.")
@click.option("--mermaid", "drawing", flag_value="mermaid", help="The whole graph for Mermaid.")
@_common
def explain_command(
    file: str, thing: str | None, drawing: str | None, format_: str, output: str | None,
) -> None:
    """What depends on what at the end of a trace, or in a store written as JSON: what blocks the removal of
    a thing and why, what removing it would free, what it shares.
    """
    view = _view(_read(file))
    if drawing is not None:
        _emit("text", output, lambda: None, lambda: (dot if drawing == "dot" else mermaid)(view))
        return
    if thing is None:
        _emit(format_, output, lambda: to_json(view), lambda: text_graph(view))
        return
    try:
        standing = blockers(view, thing)
        freed = freed_by(view, thing) if thing in view.images else None
    except KeyError:
        raise WrongRequest(f"there is no {thing!r} in this store") from None

    def data() -> dict[str, Any]:
        return {
            "thing": thing, "blockers": [vars(b) for b in standing],
            "freed": None if freed is None else {"images": sorted(freed.images),
                                                 "layers": sorted(freed.layers), "bytes": freed.bytes},
            "shared": shared_bytes(view, thing) if freed is not None else None,
            "unique": unique_bytes(view, thing) if freed is not None else None,
        }

    def text() -> str:
        parts = [f"nothing stands in the way of removing {thing}"] if not standing else [
            f"{b.name} stands in the way: {b.reason}" for b in standing]
        if freed is not None:
            parts.append(f"{shared_bytes(view, thing)} B shared, {unique_bytes(view, thing)} B unique")
            if not standing:
                parts.append(f"removing it would free {freed.bytes} B: images {sorted(freed.images)}, "
                             f"layers {sorted(freed.layers)}")
        return "\n".join(parts)

    _emit(format_, output, data, text)


def _view(text: str) -> StoreView:
    """The store at the end of a trace, or one written as JSON."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongRequest(f"the file is not JSON: {error}") from None
    if isinstance(data, dict) and "events" in data:
        return _replayed(Trace.from_json(text))[0][-1]
    try:
        return from_json(data)
    except ValueError as error:
        raise WrongRequest(str(error)) from None


if __name__ == "__main__":
    main()
