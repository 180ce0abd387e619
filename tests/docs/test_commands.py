"""docs/commands.md and docs/pocket-okta.md tell every command and every option, and none that there is not."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest

from pocket_okta.cli import main as pocket_okta
from tests.docs.pages import Heading, code, page, spans
from vestibule import cli
from vestibule.commands.administrators import administrator_json
from vestibule.commands.credentials import credential_json, pair_json
from vestibule.commands.groups import group_json, link_json, member_json
from vestibule.commands.identity_providers import provider_json
from vestibule.commands.tenants import tenant_json
from vestibule.commands.users import user_json
from vestibule.keys import Pair
from vestibule.model import Administrator, Credential, Group, IdentityProvider, SamlSettings, Tenant, User
from vestibule.settings import Settings
from vestibule.store.group_lists import Link, ListedMember
from vestibule.store.migrate import migrations

COMMANDS = page("docs/commands.md")
POCKET = page("docs/pocket-okta.md")


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and everything below it, by what is typed."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{path} {name}".strip())


ALL = dict(commands(cli.cli, "vestibule"))
TOLD = {code(heading.title): heading for heading in COMMANDS.headings() if heading.title.startswith("`")}
ALL_OF_POCKET = {path: command for path, command in commands(pocket_okta, "") if not isinstance(command, click.Group)}
ALL_OF_POCKET["tasks"] = dict(commands(pocket_okta, ""))["tasks"]  # a group that is a command as well
TOLD_OF_POCKET = {code(row[0]): " ".join(row) for row in POCKET.table("Commands")}
SHARED = {"--url", "--data", "--token", "--json"}


def own(heading: Heading) -> str:
    """What stands under a heading itself, without the headings below it."""
    return re.split(r"^#", heading.body, maxsplit=1, flags=re.MULTILINE)[0]


def options(command: click.Command) -> set[str]:
    """Every long option of a command."""
    parameters = [each for each in command.params if isinstance(each, click.Option)]
    return {name for each in parameters for name in (*each.opts, *each.secondary_opts) if name.startswith("--")}


def told_options(text: str) -> set[str]:
    """Every long option that is named in code spans that are no example."""
    return {span.split()[0] for span in spans(text) if span.startswith("--")}


def test_every_command_has_a_heading_and_every_heading_a_command() -> None:
    assert sorted(TOLD) == sorted(ALL)


@pytest.mark.parametrize("path", ALL)
def test_every_option_and_argument_stands_under_its_command(path: str) -> None:
    text = own(TOLD[path])
    assert told_options(text) == options(ALL[path])
    arguments = {
        (each.metavar or each.name or "").strip("[]").upper()
        for each in ALL[path].params
        if isinstance(each, click.Argument)
    }
    assert arguments <= set(spans(text))


@pytest.mark.parametrize("path", ALL)
def test_choices_are_all_told(path: str) -> None:
    choices = {name for each in ALL[path].params if isinstance(each.type, click.Choice) for name in each.type.choices}
    assert choices <= set(spans(own(TOLD[path])))


def test_no_page_names_an_option_that_no_command_has() -> None:
    known = {name for command in ALL.values() for name in options(command)} | {"--help"}
    for name in ("README.md", "docs/operator.md", "docs/settings.md", "docs/console.md", "docs/errors.md"):
        assert told_options(page(name).prose) <= known, name


def examples(path: str) -> list[Any]:
    """The JSON that a command's section shows."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", own(TOLD[path]), re.DOTALL)]


def names(value: Any) -> list[str]:
    """The names of an object, or of the first one of a list, in their order."""
    return list(value[0] if isinstance(value, list) else value)


def test_json_examples_have_the_names_that_the_program_prints() -> None:
    settings, tenant = Settings(), Tenant("t", "north", "North Example", "active", 0)
    provider = IdentityProvider("i", "Okta", "okta", True, "on", True, SamlSettings(), (), 1, 0, 0)
    credential = Credential("c", "i", "vk_", "", 0, None, None, None, "", "", None)
    administrator = Administrator("t", "a", "", "", "owner", 0, None, None, False)
    pair = pair_json(Pair("vk_", "vs_"))
    person = User("u", "i", True, "", '{"userName": "ana"}', "{}", 1, 0, 0)
    group = Group("g", "i", '{"displayName": "Watch"}', 0, 1, 0, 0)
    link = link_json(Link("g", "h", "Everybody", "i", 1), {})
    member = member_json(ListedMember("u", False, "ana", "", "i", True, None, 0), {})
    assert names(examples("vestibule group show")[0]["in_groups"]) == names(link)
    assert names(examples("vestibule group members")[0]["members"]) == names(member)
    printed = {
        "vestibule tenant add": tenant_json(settings, tenant),
        "vestibule idp add": provider_json(settings, tenant, provider) | pair,
        "vestibule credential add": credential_json(credential) | {"scim_url": ""} | pair,
        "vestibule user list": [user_json(person, "Okta")],
        "vestibule group list": [group_json(group, "Okta")],
        "vestibule group show": group_json(group, "Okta") | {"in_groups": [], "groups": []},
        "vestibule group members": {"group": "g", "member_count": 1, "members": [], "next": None},
        "vestibule admin add": administrator_json(administrator, "north") | {"link": ""},
    }
    for path, value in printed.items():
        assert [names(example) for example in examples(path)] == [names(value)], path


def test_the_version_that_migrate_shows_is_that_of_the_program() -> None:
    assert examples("vestibule migrate") == [{"version": len(migrations())}]


def test_every_command_that_prints_json_shows_it_or_says_whose_it_is() -> None:
    for path, command in ALL.items():
        if "--json" in options(command):
            sentence = next(line for line in own(TOLD[path]).split("\n- ") if line.startswith("`--json`"))
            assert examples(path) or re.search("`vestibule [a-z ]+` prints|prints the credential", sentence), path


def test_every_command_of_the_pocket_okta_is_told() -> None:
    assert sorted(TOLD_OF_POCKET) == sorted(ALL_OF_POCKET)


@pytest.mark.parametrize("path", ALL_OF_POCKET)
def test_every_option_of_the_pocket_okta_is_told(path: str) -> None:
    shared = set() if path == "serve" else SHARED
    assert told_options(TOLD_OF_POCKET[path]) | shared >= options(ALL_OF_POCKET[path])
    assert told_options(TOLD_OF_POCKET[path]) <= options(ALL_OF_POCKET[path])
    assert told_options(POCKET.under("Commands")) >= SHARED
