"""What a job works with: the store, its app as it is now, and a client that talks to that app's service.

The rule: a row is changed as it is at that moment, because an act may have written it during a call.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pocket_okta.engine.scim_client import ScimClient
from pocket_okta.entra.state import MINIMUM_FAILURES
from pocket_okta.group_push import GroupPush
from pocket_okta.org import App, Assignment, Job
from pocket_okta.store import assignments, group_push
from pocket_okta.store.database import Database


class StepFailed(Exception):
    """A step of a conversation failed; has the sentence to show."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Bench:
    """The tools of one job. `quarantine_after`: fewer failures of a cycle put nothing into quarantine."""

    db: Database
    app: App
    client: ScimClient
    job: Job
    quarantine_after: int = MINIMUM_FAILURES

    def row(self) -> Assignment | None:
        return assignments.get_assignment(self.db.read, self.app.id, self.job.person_id)

    def update(self, change: Callable[[Assignment], Assignment]) -> None:
        """Change the assignment's row as it is now."""
        with self.db.write() as tx:
            row = assignments.get_assignment(tx, self.app.id, self.job.person_id)
            if row:
                assignments.put_assignment(tx, change(row))

    def push(self) -> GroupPush | None:
        return group_push.get_push(self.db.read, self.job.subject)

    def update_push(self, change: Callable[[GroupPush], GroupPush]) -> None:
        """Change the mapping's row as it is now."""
        with self.db.write() as tx:
            push = group_push.get_push(tx, self.job.subject)
            if push:
                group_push.put_push(tx, change(push))
