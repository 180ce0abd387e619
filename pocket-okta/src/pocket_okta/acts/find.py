"""Look up a person, group, app, assignment or task, or refuse: the first line of most acts."""

from pocket_okta import refusal
from pocket_okta.org import App, Assignment, Group, Person, Task
from pocket_okta.store import apps, assignments, people, queue
from pocket_okta.store.database import Reader


def person(db: Reader, id_or_login: str) -> Person:
    found = people.get_person(db, id_or_login)
    if found is None:
        raise refusal.not_found("User", id_or_login)
    return found


def group(db: Reader, group_id: str) -> Group:
    found = people.get_group(db, group_id)
    if found is None:
        raise refusal.not_found("UserGroup", group_id)
    return found


def app(db: Reader, app_id: str) -> App:
    found = apps.get_app(db, app_id)
    if found is None:
        raise refusal.not_found("AppInstance", app_id)
    return found


def assignment(db: Reader, app_id: str, person_id: str) -> Assignment:
    """Return a current assignment; refuses if the person was unassigned."""
    found = assignments.get_assignment(db, app_id, person_id)
    if found is None or not found.assigned:
        raise refusal.not_found("AppUser", person_id)
    return found


def task(db: Reader, task_id: int) -> Task:
    found = queue.get_task(db, task_id)
    if found is None:
        raise refusal.not_found("Task", str(task_id))
    return found
