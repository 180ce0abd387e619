"""Pocket Okta: a small Okta org in a separate program, for newcomers, tests and SCIM developers.

The rule of this package: it imports no code of the product under test and connects to it only over HTTP.
It is a practice org and is not affiliated with Okta, Inc.

Layers; imports only go down:

    cli, serving, verbs    the command line
    app                    composition: the one file that joins store, engine, API and pages
    api/  pages/           every way in: Okta's own HTTP API, the screens
    acts/                  what an administrator can do; each writes the log and orders jobs in its own transaction
    engine/                the durable queue, the SCIM conversations, one exchange with its retries
    store/                 SQLite rows
    org, catalogue, attributes, scim_document, provisioning, refusal      values and rules, no I/O and no clock
"""

__version__ = "0.1.0"
