"""What a mapping may cost for one person: counted when it is saved, and refused in words."""

import pytest

from vestibule.errors import WrongInput
from vestibule.limits import JOINED_CHARACTERS, MAPPING_COMPARISONS, RULE_SOURCES
from vestibule.mapping import MAX_RULES, check_cost, compile_mapping
from vestibule.model import Rule
from vestibule.vendors import VENDORS


def terms(count: int) -> str:
    return " or ".join(f'value eq "a{number}@north.example"' for number in range(count))


def mail(count: int) -> str:
    """A source whose filter has so many terms; it costs 500 times as many comparisons."""
    return f"emails[{terms(count)}].value"


FITS: list[tuple[Rule, ...]] = [
    *(vendor.mapping for vendor in VENDORS.values()),
    (Rule("a", (mail(30),)),),
    (Rule("a", (mail(15),)), Rule("b", ("emails.value",) * 15)),
    tuple(Rule(f"a{number}", ("userName",) * RULE_SOURCES) for number in range(MAX_RULES)),
    (Rule("a", ('name[familyName eq "Reis" or givenName eq "Ana"].formatted',)),),
]


@pytest.mark.parametrize("rules", FITS)
def test_what_a_person_can_afford_passes(rules: tuple[Rule, ...]) -> None:
    check_cost(rules)


TOO_DEAR: list[tuple[tuple[Rule, ...], str, str]] = [
    ((Rule("a", (mail(31),)),), "0", "these rules could make 15,500, and rule 1 alone 15,500."),
    (
        (Rule("a", ("emails.value",)), Rule("b", (mail(15),) * 2)),
        "1",
        "these rules could make 15,500, and rule 2 alone 15,000.",
    ),
    (
        tuple(Rule(f"a{number}", (mail(50),) * 5) for number in range(4)),
        "0",
        "these rules could make 500,000, and rule 1 alone 125,000.",
    ),
    (
        tuple(Rule(f"a{number}", ('addresses[type eq "work"].country',)) for number in range(31)),
        "0",
        "these rules could make 15,500, and rule 1 alone 500.",
    ),
    (
        (Rule("a", ("title",)), Rule("b", ("userName",) * 21)),
        "1",
        "Rule 2: a rule may have 20 sources; this one has 21.",
    ),
]


@pytest.mark.parametrize(("rules", "field", "sentence"), TOO_DEAR)
def test_what_nobody_can_afford_is_refused_with_the_limit_and_what_came(
    rules: tuple[Rule, ...], field: str, sentence: str
) -> None:
    compile_mapping(rules)  # it could be carried out, and what is kept from earlier is
    with pytest.raises(WrongInput) as refused:
        check_cost(rules)
    assert refused.value.field == field
    assert sentence in refused.value.message
    if "alone" in sentence:
        assert refused.value.message.startswith(
            f"A mapping may make {MAPPING_COMPARISONS:,} comparisons for one person;"
        )


def test_a_text_that_is_joined_stays_within_its_bound() -> None:
    document = {"userName": "ana", "emails": [{"value": "x" * 30_000} for _ in range(5)] + [{"value": "y" * 5_000}]}
    (joined,) = compile_mapping([Rule("all", ("emails.value", "userName"), join="; ")])(document).values()
    assert joined == "; ".join(["x" * 30_000, "x" * 30_000, "y" * 5_000, "ana"])
    assert len(joined) <= JOINED_CHARACTERS


def test_what_is_folded_for_one_person_is_forgotten_for_the_next() -> None:
    derive = compile_mapping([Rule("mail", ('emails[type eq "WORK"].value',))])
    for name in ("a", "b"):
        assert derive({"emails": [{"type": "Work", "value": name}, {"type": "home", "value": "c"}]}) == {"mail": name}
    assert derive({"emails": [{"type": "home", "value": "c"}]}) == {}
