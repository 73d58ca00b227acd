"""YAML trees -> `core.criterion` nodes. The vocabulary is closed: all, any, not, at_least_of, and tests on one fact.

spine_pain(lumbar)                                        the fact holds
{fact: conservative_treatment_weeks, at_least: 6 weeks}   a number, in a unit that fits the fact
{fact: xray_result(pelvis), in: [equivocal, nondiagnostic]}
all: [...]   any: [...]   not: ...   at_least_of: {count: 2, of: [...]}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping

from cds_service.core.criterion import AllOf, AnyOf, AtLeast, Comparison, FactTest, Node, Not, Population
from cds_service.core.errors import GuidelineError
from cds_service.core.quantity import Quantity
from cds_service.core.vocabulary import FactDefinition, FactType
from cds_service.guidelines import strict_yaml

REF = re.compile(r"([a-z][a-z0-9_]*)(?:\(([a-z0-9_]+)\))?")
REGION_ARGUMENT = "requested_region"

_NUMBER_TESTS = {"is", "at_least", "at_most", "more_than", "less_than"}
_SET_TESTS = {
    "in": Comparison.IN,
    "not_in": Comparison.NOT_IN,
    "in_value_set": Comparison.IN,
    "not_in_value_set": Comparison.NOT_IN,
}


class TreeReader:
    """Reads trees of one file set. `definition` looks a fact up, `codes_of` expands a value set to its codes,
    `order_bound` names the facts that depend on what is ordered."""

    def __init__(
        self,
        facts: Mapping[str, FactDefinition],
        codes_of: Callable[[str], Container[str] | None] | None = None,
        order_bound: frozenset[str] = frozenset(),
    ) -> None:
        self._facts = facts
        self._codes_of = codes_of
        self._order_bound = order_bound
        self._known: dict[tuple[object, ...], FactTest] = {}

    def test(
        self,
        fact: str,
        argument: str | None,
        comparison: Comparison = Comparison.MET,
        operand: float | str | Container[str] | None = None,
    ) -> FactTest:
        """The one test of this shape: equal tests are one object, so that a request judges them once."""
        key = (fact, argument, comparison, operand)
        known = self._known.get(key)
        if known is None:
            of_order = argument == REGION_ARGUMENT or fact in self._order_bound
            known = self._known[key] = FactTest(fact, argument, comparison, operand, of_order)
        return known

    def age_tests(self, population: Population) -> tuple[FactTest, ...]:
        return tuple(self.test("age_months", None, comparison, months) for comparison, months in population.bounds())

    def node(self, tree: object, at: strict_yaml.Mapping) -> Node:
        """`at` is the mapping that holds the tree: it names the line of an error."""
        if isinstance(tree, str):
            return self._fact_test(tree, at)
        if not isinstance(tree, strict_yaml.Mapping):
            at.fail(f"a criterion tree is a fact or a mapping, not {tree!r}")
        if "fact" in tree:
            return self._comparison(tree)
        if len(tree) != 1:
            tree.fail(f"one of all, any, not or at_least_of, not {', '.join(tree)}")
        ((key, value),) = tree.items()
        match key:
            case "all":
                return AllOf(self._parts(value, tree))
            case "any":
                return AnyOf(self._parts(value, tree))
            case "not":
                return Not(self.node(value, tree))
            case "at_least_of":
                inner = tree.mapping(key).allow(("count", "of"))
                return AtLeast(int(inner["count"]), self._parts(inner["of"], inner))
        raise GuidelineError(tree.where, f"unknown key {key} (known: all, any, not, at_least_of, fact)")

    def _parts(self, value: object, at: strict_yaml.Mapping) -> tuple[Node, ...]:
        if not isinstance(value, list) or len(value) < 2:
            at.fail("all, any and at_least_of take a list of two or more")
        return tuple(self.node(part, at) for part in value)

    def _fact_test(self, text: str, at: strict_yaml.Mapping) -> FactTest:
        definition, argument = self.resolve(text, at)
        if definition.type is not FactType.BOOLEAN:
            at.fail(f"{text} is a {definition.type}: say what it is compared with")
        return self.test(definition.id, argument)

    def resolve(self, text: str, at: strict_yaml.Mapping) -> tuple[FactDefinition, str | None]:
        """The definition and argument of "fact" or "fact(argument)"; an unknown one fails with its line."""
        shape = REF.fullmatch(text)
        definition = self._facts.get(shape[1]) if shape else None
        if shape is None or definition is None:
            at.fail(f"unknown fact {text}")
        argument = shape[2]
        if definition.arguments and argument is None:
            at.fail(f"{text} needs an argument, such as {text}({next(iter(definition.arguments))})")
        if argument is not None and argument not in definition.arguments:
            regions = "cervical" in definition.arguments
            if not (regions and argument in (REGION_ARGUMENT, "entire_spine")):
                at.fail(f"{definition.id} has no argument {argument}")
        return definition, argument

    def _comparison(self, tree: strict_yaml.Mapping) -> Node:
        tests = [key for key in tree if key != "fact"]
        if len(tests) != 1:
            tree.fail("a fact is compared in exactly one way")
        name, operand = tests[0], tree[tests[0]]
        definition, argument = self.resolve(tree.text("fact"), tree)
        if definition.type is FactType.NUMBER:
            return self.test(
                definition.id, argument, self._number_test(name, tree), self._number(definition, operand, tree)
            )
        if definition.type is not FactType.CODE:
            tree.fail(f"{definition.id} is a {definition.type}; only numbers and codes are compared")
        if name in ("is", "is_not"):
            return self.test(definition.id, argument, Comparison(name), self._code(definition, operand, tree))
        if name in ("in", "not_in"):
            codes = tree.texts(name)
            return self.test(
                definition.id, argument, _SET_TESTS[name], frozenset(self._code(definition, c, tree) for c in codes)
            )
        if name in _SET_TESTS:
            members = self._codes_of(tree.text(name)) if self._codes_of else None
            if members is None:
                tree.fail(f"unknown value set {tree[name]}")
            return self.test(definition.id, argument, _SET_TESTS[name], members)
        known = "is, is_not, in, not_in, in_value_set, not_in_value_set"
        raise GuidelineError(tree.where, f"unknown test {name} for a code (known: {known})")

    def _number_test(self, name: str, tree: strict_yaml.Mapping) -> Comparison:
        if name not in _NUMBER_TESTS:
            tree.fail(f"unknown test {name} for a number (known: {', '.join(sorted(_NUMBER_TESTS))})")
        return Comparison(name)

    def _number(self, definition: FactDefinition, operand: object, tree: strict_yaml.Mapping) -> float:
        if not isinstance(operand, str) or definition.unit is None:
            tree.fail(f"{definition.id} is compared with a number and its unit, such as '6 {definition.unit}'")
        try:
            return Quantity.parse(operand).to(definition.unit)
        except ValueError as error:
            tree.fail(str(error))

    def _code(self, definition: FactDefinition, operand: object, tree: strict_yaml.Mapping) -> str:
        if not isinstance(operand, str):
            tree.fail(f"{operand!r} must be a quoted code")
        if definition.codes and operand != "none" and operand not in definition.codes:
            tree.fail(f"{definition.id} has no value {operand} (known: {', '.join(definition.codes)})")
        return operand
