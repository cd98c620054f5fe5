"""Plans: see what will change, apply it where the world still is what was seen, take it back."""

from bulkeditor.plans import guards
from bulkeditor.plans._backup import BackupReport
from bulkeditor.plans._compare_at import compare_at
from bulkeditor.plans._diff import PlanDiff
from bulkeditor.plans._document import Counts, PlanDocument
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._guard import Guard, Violation
from bulkeditor.plans._money import cost, price
from bulkeditor.plans._report import Balance, RunHead, RunReport
from bulkeditor.plans._report_diff import RunDiff
from bulkeditor.plans._rows import ChangeOutcome, PlanRow, SkippedRow
from bulkeditor.plans._rule import Changes, Rule, Skip, rule
from bulkeditor.plans._set import custom_fields, set_field
from bulkeditor.plans._tags import tags
from bulkeditor.plans._text import text
from bulkeditor.plans._watch import RunProgress

__all__ = [
    "BackupReport",
    "Balance",
    "ChangeOutcome",
    "Changes",
    "Counts",
    "Draft",
    "Guard",
    "PlanDiff",
    "PlanDocument",
    "PlanRow",
    "Rule",
    "RunDiff",
    "RunHead",
    "RunProgress",
    "RunReport",
    "Skip",
    "SkippedRow",
    "Violation",
    "compare_at",
    "cost",
    "custom_fields",
    "guards",
    "price",
    "rule",
    "set_field",
    "tags",
    "text",
]
