"""Every limit that keeps one client, or one tenant, from stopping the others.

One page, so that limits can be read together: a limit on the headers is worth nothing if the body has none. Each is a
plain number; its name ends with its unit, and the line below it gives the reason. `docs/limits.md` has a row for each,
and `tests/docs/test_limits.py` keeps the two the same. What an operator may change is in `settings` instead.
"""

from typing import Final

# -- connections -------------------------------------------------------------------------------------------------------

HEADER_BYTES: Final = 32 * 1024
"""Request line and headers of one request, as they arrive. Also trailers and all chunk sizes of one request. Okta and
Entra ID need less than 2 KiB; a browser with many cookies 8 KiB.
"""
HEADER_LINES: Final = 100
"""Header lines of one request."""
HEADER_SECONDS: Final = 10
"""From the start of a connection, or from the first byte of a further request, until all headers are there. A TLS
handshake has to be done within the same time.
"""
IDLE_SECONDS: Final = 75
"""How long a connection stays open between two requests: longer than the 60 seconds of Okta's and most proxies' pools,
so that the client closes first and no request meets a closing connection.
"""
BODY_SECONDS: Final = 30
"""From the headers until all of a SCIM body is there: half of the time that Okta waits for the answer."""
STALLED_READER_SECONDS: Final = 30
"""How long a client may take nothing of an answer that waits for it. Then the connection is cut, and what was buffered
for it is free.
"""
STALLED_READER_BYTES: Final = 16 * 1024
"""What a client has to take within that time, unless it takes everything."""
UNREAD_BYTES: Final = 64 * 1024 * 1024
"""What all clients of a worker process together may leave unread of their answers, whether it was written or is kept
until the client has taken what was written. Many that read nothing are cut before their time, so that their number is
no way round the limit for each.
"""

# -- descriptors -------------------------------------------------------------------------------------------------------

RESERVED_DESCRIPTORS: Final = 128
"""Open files that connections may not take: the database, its log, threads that scan, files that are served. Half of
all where the process has fewer than twice as many.
"""
MOST_CONNECTIONS: Final = 4096
"""Connections of one worker process, however many descriptors it has: each may hold some 50 KiB. The setting
`connections` says another number.
"""

# -- tenants -----------------------------------------------------------------------------------------------------------

TENANT_QUEUE_REQUESTS: Final = 256
"""SCIM requests of one tenant that wait for their turn, beyond those in progress: a whole page of Okta's import at
once, and no more memory than that.
"""
CROWDED_REQUESTS: Final = 128
"""SCIM requests in progress in one process, of all tenants, from which on each is held to its rate: four tenants with
all that one may have. With fewer, nobody waits for longer than some 30 milliseconds.
"""
TENANTS_REMEMBERED: Final = 10_000
"""Tenants whose requests are counted. If there are more, an idle one is forgotten and starts again."""

# -- strangers ---------------------------------------------------------------------------------------------------------

REFUSED_KEY_BURST: Final = 50
"""Refused SCIM requests with one Key from one client at once. What an identity provider with a wrong Secret sends while
somebody looks for the reason stays below it.
"""
REFUSED_KEY_PER_SECOND: Final = 1
"""The same, in each second after that."""
REFUSED_CLIENT_BURST: Final = 1000
"""Refused SCIM requests of one client at once, with any keys: identity providers of many tenants share an
address.
"""
REFUSED_CLIENT_PER_SECOND: Final = 20
"""The same, in each second after that."""
WAITING_WRITE_SECONDS: Final = 3_600
"""For how long further requests with the same verb and about the same person are only counted in the log while
provisioning is paused or switched off: Okta sends each again for hours.
"""
WAITING_WRITES: Final = 1_000
"""Such requests of one identity provider that are recorded within that time, for all people together."""
SIGN_IN_CLIENT_BURST: Final = 300
"""Sign-ins with SAML that one client may begin at once, for example an office behind one address in the morning."""
SIGN_IN_CLIENT_PER_SECOND: Final = 10
"""The same, in each second after that."""
SIGN_IN_PROVIDER_BURST: Final = 2000
"""Sign-ins begun at once with one identity provider, by all clients together. With the next line it limits the rows
that are kept of them for ten minutes to 32,000.
"""
SIGN_IN_PROVIDER_PER_SECOND: Final = 50
"""The same, in each second after that."""
CLIENTS_REMEMBERED: Final = 10_000
"""Clients, or keys of clients, that are counted. A client is an IPv4 address or the /64 of an IPv6 address."""

# -- people's sign-in --------------------------------------------------------------------------------------------------

EXAMINATIONS_AT_ONCE: Final = 4
"""SAML messages that a process reads in threads at the same time."""
WAITING_EXAMINATIONS: Final = 256
"""How many may wait for that: at the 20 milliseconds that a hostile one may take, a second or so."""
WAITING_EXAMINATIONS_OF_EACH: Final = 128
"""How many of those may come from one address, behind which a whole office may be."""

# -- administrators' sign-in -------------------------------------------------------------------------------------------

HASHES_AT_ONCE: Final = 2
"""Passwords that a process hashes or checks at the same time: each takes 19 MiB and much of a core."""
WAITING_HASHES: Final = 16
"""How many may wait for that: strangers, and beside them as many who are trusted. A second of waiting or so."""
WAITING_HASHES_OF_EACH: Final = 4
"""How many of those may come from one address, one known browser or one administrator."""
FREE_TRIES: Final = 5
"""Wrong passwords for an e-mail, or wrong codes for an administrator, before the next try has to wait: a second, then
twice as long each time.
"""
FREE_TRIES_OF_ADDRESS: Final = 50
"""The same for everything that comes from one address, behind which a whole office may be."""
LONGEST_WAIT_SECONDS: Final = 900
"""How long a try has to wait at most."""
KNOWN_BROWSERS: Final = 20
"""Known browsers of an administrator."""
KNOWN_BROWSER_DAYS: Final = 180
"""How long a browser stays known after a sign-in."""
ADMINISTRATORS_OF_BROWSER: Final = 4
"""Administrators for whom one browser can be known: its cookie grows with each."""
RECENT_ACCOUNT_SECONDS: Final = 300
"""How long after a sign-in a session may change how its administrator signs in."""
RECENT_SETTINGS_SECONDS: Final = 900
"""How long after a sign-in a session may change keys, SAML details, administrators and who needs a second factor."""
FACTOR_GRACE_DAYS: Final = 7
"""How long an administrator may go on without a second factor that their tenant requires."""
KEPT_FORM_SECONDS: Final = 900
"""How long a form waits while its sender confirms who they are."""
SHOWN_ONCE_SECONDS: Final = 600
"""How long a secret waits for the page that shows it once."""

# -- long work on the event loop ---------------------------------------------------------------------------------------

LOOP_PIECE_MILLISECONDS: Final = 20
"""How long one batch of a derivation or a preview may keep the event loop busy. It ends at the first person after that
time, so it takes longer by one person at most.
"""
BATCH_PEOPLE: Final = 250
"""The most people in such a batch, however fast the last one was, because they are all in memory."""
MAPPING_COMPARISONS: Final = 15_000
"""Comparisons that a mapping may make for one person at worst: some 10 milliseconds on a slow machine, for every write
derives a Profile.
"""
RULE_SOURCES: Final = 20
"""Sources of one rule of a mapping."""
JOINED_CHARACTERS: Final = 65_536
"""Characters of a value of a Profile that is joined from several values."""
PREVIEW_SECONDS: Final = 3_600
"""How long the preview of a mapping or of role rules is kept, with its draft."""
SAMPLED_PEOPLE: Final = 500
"""People who are looked at to tell, while somebody types a rule, that nobody has a source or an attribute."""

# -- reads that may look at every row ----------------------------------------------------------------------------------

SCAN_SECONDS: Final = 5
"""How long a filter without an index, a list or a search of the console may work. Then it is stopped."""
SCANS_OF_TENANT: Final = 1
"""Searches of a tenant at the same time, and as many lists."""
WAITING_SCANS: Final = 100
"""How many wait for their turn, which goes round the tenants."""
WAITING_SCANS_OF_TENANT: Final = 32
"""How many of those are one tenant's."""
SCAN_WAIT_SECONDS: Final = 20
"""How long one may wait for its turn: with its own time that is well below the 60 seconds at which Okta gives up."""
LIST_BYTES: Final = 8 * 1024 * 1024
"""How large the resources of one list may be together. A page that would be larger ends early."""
CURSOR_SECONDS: Final = 86_400
"""How long a cursor of a list is taken. It costs the server nothing to keep: a client may stop over night."""
