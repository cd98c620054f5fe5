"""From a product and rules to the rows of a plan: pure, one product at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import attrs

from bulkeditor.errors import FieldError, InvalidInputError, NotLoadedError
from bulkeditor.models import Product
from bulkeditor.models.validation import validate_update
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._exact import column_of, identical
from bulkeditor.plans._guard import Guard, Violation
from bulkeditor.plans._rows import PlanRow, SkippedRow, Value, group_of
from bulkeditor.plans._rule import Rule, Skip
from bulkeditor.plans._values import check_fields, normal_changes


@attrs.define
class Planned:
    """What a plan does with one product.

    Args:
        rows: The changes.
        skipped: What the rules were about and did not change.
        violations: What guards object to.
    """

    rows: list[PlanRow] = attrs.field(factory=list[PlanRow])
    skipped: list[SkippedRow] = attrs.field(factory=list[SkippedRow])
    violations: list[Violation] = attrs.field(factory=list[Violation])


def plan_read(
    product: Product,
    columns: frozenset[str],
    updates: Sequence[Rule],
    guards: Sequence[Guard],
    *,
    places: int | None = None,
) -> Planned:
    """Apply rules to one product as it was read.

    Args:
        product: The product.
        columns: Names of the fields that rules and guards read.
        updates: The rules, in order.
        guards: The limits.
        places: Decimals of the shop's currency; None = not known.

    Returns:
        What is planned. A product with a field that nobody could read is skipped: it is not blank.
    """
    before = Draft.of(product, columns, places)
    # What is there was read; only what is blank may be something that nobody could read.
    blank = [name for name in columns if not before[name]]
    if blank and (problem := _unreadable(product, blank)):
        return Planned(skipped=[_skipped(before, Skip("unreadable", problem))])
    return plan_product(before, updates, guards)


def _unreadable(product: Product, blank: Sequence[str]) -> str | None:
    absent = [name for name in blank if not hasattr(product, name)]
    if not absent:
        return None
    unread = sorted(name for name in absent if name in product.extra)
    if unread:
        return f"Its {' and '.join(unread)} came in a form that cannot be read"
    return "It came without an id" if "id" in absent else None


def plan_product(before: Draft, updates: Sequence[Rule], guards: Sequence[Guard]) -> Planned:
    """Apply rules to one product.

    Args:
        before: The product.
        updates: The rules, in order; each sees what the ones before it made.
        guards: The limits.

    Raises:
        InvalidInputError: A rule is wrong whatever the product: it changes a field that cannot be changed.
    """
    planned = Planned()
    reasons: dict[str, list[Rule]] = {}
    after = before
    for rule in updates:
        outcome = _applied(rule, after)
        if isinstance(outcome, Skip):
            planned.skipped.append(_skipped(before, outcome))
            continue
        after = after.changed(outcome)
        for name in outcome:
            reasons.setdefault(name, []).append(rule)
    planned.rows = list(rows_between(before, after, reasons))
    if planned.rows:
        _guard(planned, after, guards)
    return planned


def rows_between(before: Draft, after: Draft, reasons: Mapping[str, Sequence[object]]) -> Iterator[PlanRow]:
    """The rows that turn one state of a product into another.

    Args:
        before: The product.
        after: What it shall be.
        reasons: By field, which rules made it so; only these fields are looked at.
    """
    changed = [name for name in reasons if not identical(name, before[name], after[name])]
    problems = expected_problems(after, changed)
    for name in changed:
        yield PlanRow(
            product=cast("str", before["id"]),
            sku=cast("str | None", before["sku"]),
            title=cast("str | None", before["title"]),
            field=name,
            before=before[name],
            after=after[name],
            reason="; ".join(str(rule).removeprefix(f"{name}: ") for rule in reasons[name]),
            problem=problems.get(name),
        )


def expected_problems(after: Draft, names: Sequence[str]) -> dict[str, FieldError]:
    """Why the server is expected to refuse what some fields shall be, by field.

    Args:
        after: What the product shall be.
        names: The fields that would be sent.
    """
    found: dict[str, FieldError] = {}
    columns = dict.fromkeys(map(column_of, names))
    for error in validate_update({column: after[column] for column in columns}):
        place = (error.field or "").replace("[", ".")
        for name in names:
            # What concerns all custom fields concerns each: they are sent as one value.
            if f"{place}.".startswith(f"{name}.") or place == column_of(name):
                found.setdefault(name, error)
    return found


def _applied(rule: Rule, row: Draft) -> dict[str, Value] | Skip:
    try:
        outcome = rule.apply(row)
    except ArithmeticError as error:
        # decimal's own errors carry a list of classes in place of a text.
        text = type(error).__name__ if not isinstance(error, ZeroDivisionError) else "division by zero"
        return Skip("arithmetic", f"{rule}: {text}")
    except NotLoadedError as error:
        raise _undeclared(rule, error.field) from error
    if isinstance(outcome, Skip):
        return outcome
    check_fields(outcome, rule)
    for name in outcome:
        if name not in row:
            raise _undeclared(rule, name)
    try:
        return normal_changes(row, outcome)
    except InvalidInputError as error:
        return Skip("invalid_value", f"{rule}: {error.message}")


def _undeclared(rule: Rule, field: str) -> InvalidInputError:
    return InvalidInputError(
        f"{rule}: the rule reads or changes {field!r} and does not say so.",
        errors=[FieldError(field=field, message="is not among what the rule reads", code="not_declared")],
        hint=f"Name it: be.plans.rule(reads=[…, {column_of(field)!r}]).",
    )


def _skipped(before: Draft, skip: Skip) -> SkippedRow:
    return SkippedRow(
        product=cast("str", before["id"]),
        sku=cast("str | None", before["sku"]),
        field=skip.field,
        code=skip.code,
        reason=skip.reason,
    )


def _guard(planned: Planned, after: Draft, guards: Sequence[Guard]) -> None:
    for guard in guards:
        objection = guard.check(after)
        if objection is None:
            continue
        # Prices stand or fall together, so those beside the one that is wrong are meant as well.
        group = None if objection.field is None else group_of(objection.field)
        others = [row for row in planned.rows if group is not None and group_of(row.field) != group]
        if len(others) == len(planned.rows):
            continue  # it was so before, and the plan has nothing to do with it
        if guard.on_violation == "skip_row":
            planned.rows = others
            skip = Skip("guard", f"{guard}: {objection.message}", objection.field)
            planned.skipped.append(_skipped(after, skip))
        else:
            planned.violations.append(
                Violation(
                    guard=str(guard),
                    message=objection.message,
                    product=cast("str", after["id"]),
                    sku=cast("str | None", after["sku"]),
                    field=objection.field,
                )
            )


__all__ = ["Planned", "expected_problems", "plan_product", "rows_between"]
