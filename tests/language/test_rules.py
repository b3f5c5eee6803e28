"""How rules are written down, put together and looked up; what is wrong with one is said at once."""

from dataclasses import replace

import pytest
from z3 import And, BoolVal, If, Not

from layermodel.language.rules import State, Trait, Unknown
from layermodel.language.writing import (
    CHANGES,
    MAKES,
    TAKES,
    Clauses,
    Flag,
    Found,
    New,
    instead,
    presupposes,
    refuses,
    rule,
    together,
    updates,
)
from layermodel.store.images import tag
from layermodel.store.rules import STORE
from layermodel.store.words import Image, Lease
from layermodel.union.copy_up import Upper
from layermodel.union.rules import UNION


@rule(TAKES, then="it is gone", source="a test")
def throw_away(s: State, lease: Lease, image: Found[Image], other: New[Image], force: Flag) -> Clauses:
    yield presupposes(Not(s.image(other)), "the other is new")
    yield updates({"lease": lambda x: And(s.lease(x), x != lease)})
    yield refuses("needed", And(s.holds_image(lease, image), Not(force)), "the lease holds the image, not forced")
    yield updates({"usage": lambda: s.usage + 1})


def test_a_function_becomes_a_rule():
    machine = STORE.with_rules(throw_away)
    step = throw_away.step(machine.state)
    assert ("throw-away", TAKES, "it is gone") == (throw_away.name, throw_away.kind, throw_away.then)
    assert [("lease", "Lease", "named"), ("image", "Image", "found"), ("other", "Image", "new"),
            ("force", "Bool", "named")] == [(p.name, p.sort.name, p.role) for p in throw_away.parameters]
    assert {"needed": "the lease holds the image, not forced"} == throw_away.refused
    assert ("the other is new",) == throw_away.presupposed
    assert {"lease", "usage"} == step.effect.updates.keys()
    assert len(step.effect.given) == 1


def test_a_rule_that_is_in_no_machine_has_no_phrases():
    with pytest.raises(ValueError, match="the rule tag is none of a machine's yet"):
        _ = replace(tag, name="tag").refused


@pytest.mark.parametrize("parameter", ["int", "'Image | Lease'", "None"])
def test_a_parameter_without_a_sort_is_refused(parameter):
    scope = {"Image": Image, "Lease": Lease}
    exec(f"def odd(s, thing: {parameter}): yield", scope)
    with pytest.raises(TypeError, match="the parameter thing of odd has to have one sort"):
        rule(CHANGES, then="", source="")(scope["odd"])


def test_arguments_have_names():
    step = STORE.rule_by_name["create"].step(STORE.state)
    assert step.arguments == (step.argument("image"), step.argument("name"), step.argument("container"))
    assert [step.argument("image")] == step.of_sort(STORE.rule_by_name["create"].parameters[0].sort)
    with pytest.raises(AttributeError, match="create has no parameter 'force', but image, name, container"):
        step.argument("force")


def test_what_is_asked_for_by_a_wrong_name_is_said_with_what_there_is():
    with pytest.raises(Unknown, match=r"^the machine store has no rule 'rmi', but load, load-unnamed, "):
        _ = STORE.rule_by_name["rmi"]
    with pytest.raises(Unknown, match=r"^the machine union has no symbol 'layers', but under, root, "):
        UNION.symbol("layers")
    assert STORE.rule_by_name.get("rmi") is None
    assert "rmi" not in STORE.rule_by_name


def test_a_rule_of_another_name_replaces_none():
    other = replace(tag, name="retag")
    with pytest.raises(Unknown, match="the machine store has no rule 'retag'"):
        STORE.with_rule(other)
    wider = STORE.with_rules(other)
    assert (*STORE.rules, other) == wider.rules
    with pytest.raises(ValueError, match="the machine store would have two rules of a name: retag"):
        wider.with_rules(other)
    assert STORE.with_rule(replace(tag, then="…")).rule_by_name["tag"].then == "…"


def test_pieces_that_update_one_symbol_are_not_joined():
    one, other = {"names": lambda: 1, "image": lambda: 2}, {"names": lambda: 3}
    with pytest.raises(ValueError, match="two pieces of one effect update names"):
        together(one, other)
    assert {"names": other["names"], "image": one["image"]} == instead(one, other)
    with pytest.raises(ValueError, match="no update of layer"):
        instead(one, {"layer": lambda: 4})


def test_clauses_that_update_one_symbol_are_not_joined():
    @rule(MAKES, then="…", source="…")
    def twice(s: State, image: Image) -> Clauses:
        yield updates({"image": lambda i: If(i == image, BoolVal(True), s.image(i))})
        yield updates({"image": lambda i: BoolVal(False)})

    with pytest.raises(ValueError, match="two pieces of one effect update image"):
        STORE.with_rules(twice)


def test_directories_are_copied_up_before_all_else():
    """An edit that came before would be lost."""
    create = UNION.rule_by_name["create"].step(UNION.state)
    upper = Upper(UNION.state, create.argument("container"))
    upper.place(create.argument("path"), create.argument("inode"))
    with pytest.raises(ValueError, match="has_upper was edited before directories were copied up"):
        upper.copy_up_way(create.argument("path"))


def test_a_trait_has_words_for_both_ways():
    trait = Trait("quick", "it is quick", "a test")
    assert ("it is so that it is quick [quick]", "where it is not so that it is quick [not quick]") == (
        trait.has, trait.off)
    trait = replace(trait, where="engines are quick", where_not="engines are slow")
    assert ("where engines are quick [quick]", "engines are slow [not quick]") == (trait.on, trait.lacks)
