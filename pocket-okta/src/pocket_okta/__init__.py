"""Pocket Okta: a small Okta org in a program of its own, for newcomers, tests and SCIM developers.

The rule of this package: it imports nothing of the product it is used against and speaks to it over HTTP alone.
It is a practice org and is not affiliated with Okta, Inc.

Floors, imports only go down:

    cli, serving, verbs    the command line
    app                    composition: the one file that joins store, engine, API and pages
    api/  pages/           every way in: Okta's own HTTP API, the screens
    acts/                  what an administrator can do; each writes the log and orders jobs in its own transaction
    engine/                the durable queue, the SCIM conversations, one exchange with its retries
    store/                 SQLite rows
    org, catalogue, attributes, scim_document, provisioning, refusal      values and rules, no I/O and no clock
"""

__version__ = "0.1.0"
