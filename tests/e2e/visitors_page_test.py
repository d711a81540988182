"""What visitors shows: the page, its values escaped, the version, and the counts by client address."""

import html.parser
import re

import pytest

from support.service import Service


def line(page):
    return re.search(r"You have visited this page (\d+) times\. Total visitors: (\d+)", page.text)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, folder):
    if request.param == "sqlite":
        return f"sqlite:///{folder}/data/visitors.db"
    url = request.getfixturevalue("postgresql")[1]
    from support.service import command

    assert command("visitors", "migrate", env={"DATABASE_URL": url}).returncode == 0
    return url


def test_each_address_has_a_count_of_its_own(folder, database_url):
    with Service(folder, "visitors", {"DATABASE_URL": database_url}) as service:
        def visit(address):
            return tuple(map(int, line(service.ask(headers={"X-Forwarded-For": address})).groups()))

        assert visit("192.0.2.1") == (1, 1)
        assert visit("192.0.2.1") == (2, 1)
        assert visit("2001:DB8:0::1") == (1, 2)
        assert visit("2001:db8::1") == (2, 2)
        assert visit("6.6.6.6, 192.0.2.1") == (3, 2)
        assert visit("::ffff:192.0.2.1") == (4, 2)


def test_only_trusted_proxies_are_believed(folder):
    env = {"DATABASE_URL": f"sqlite:///{folder}/v.db", "TRUSTED_PROXIES": "10.0.0.0/8"}
    with Service(folder, "visitors", env) as service:
        for address in ["192.0.2.1", "192.0.2.2"]:
            page = service.ask(headers={"X-Forwarded-For": address, "Forwarded": f"for={address}"})
            assert "<!-- IP: unix -->" in page.text
        assert line(page).groups() == ("2", "1")


def test_looking_without_asking_for_the_page_counts_nothing(folder):
    with Service(folder, "visitors", {"DATABASE_URL": f"sqlite:///{folder}/v.db"}) as service:
        assert service.ask(method="HEAD").status == 200
        for path in ["/healthz", "/readyz", "/metrics", "/version", "/openapi.json"]:
            assert service.ask(path).status == 200
        assert line(service.ask()).groups() == ("1", "1")


def test_the_page_says_what_it_is_told_and_nothing_it_is_not(folder, database_url):
    env = {"DATABASE_URL": database_url, "USER_NAME": "<b>Ada</b> & co", "USER_URL": 'https://example.org/?a="b"',
           "APP_NAME": "<script>", "APP_VERSION": "1.0.1+build.17"}
    with Service(folder, "visitors", env) as service:
        page = service.ask(headers={"X-Forwarded-For": "192.0.2.7"})
        assert "&lt;b&gt;Ada&lt;/b&gt; &amp; co</a>" in page.text and "<script>" not in page.text
        assert 'href="https://example.org/?a=&quot;b&quot;"' in page.text
        assert "1.0.1+build.17" in page.text[page.text.index("<header>"):page.text.index("</header>")]
        assert "Hello!" in page.text and "<!-- IP: 192.0.2.7 -->" in page.text
        assert ("SQLite 3." if database_url.startswith("sqlite") else "PostgreSQL 1") in page.text
        assert service.ask("/version").json() == {"version": "1.0.1+build.17"}


def test_defaults(folder):
    with Service(folder, "visitors") as service:
        page = service.ask()
        assert page.status == 200
        assert "Database is not configured" in page.text
        assert "devops-test-v1.0.1" in page.text and '<a href="#">n/a</a>' in page.text
        assert service.ask("/readyz").status == 200


class Checker(html.parser.HTMLParser):
    """What an accessibility check asks of so small a page, and that nothing is fetched from elsewhere."""

    VOID = {"meta", "link", "br", "img", "input", "hr"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes, self.links = [], [], {}, []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.attributes.setdefault(tag, []).append(dict(attributes))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "link":
            self.links.append(dict(attributes)["href"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_accessible_and_needs_nothing_from_outside(folder):
    with Service(folder, "visitors") as service:
        page = service.ask()
        checker = Checker()
        checker.feed(page.text)
        assert checker.open == []
        assert checker.attributes["html"] == [{"lang": "en"}]
        assert checker.seen.count("h1") == checker.seen.count("main") == checker.seen.count("title") == 1
        viewport = next(m["content"] for m in checker.attributes["meta"] if m.get("name") == "viewport")
        assert "width=device-width" in viewport and "maximum-scale" not in viewport
        assert not {"script", "img", "iframe"} & set(checker.seen)
        assert all(link.startswith("data:") for link in checker.links)
        assert "url(" not in page.text and "@import" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        for theme in contrasts(page.text):
            assert all(ratio >= 4.5 for ratio in theme.values()), theme


def contrasts(page):
    """WCAG contrast of every text colour on what it stands on, light and dark."""

    def luminance(colour):
        parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    def ratio(a, b):
        light, dark = sorted([luminance(a), luminance(b)], reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for block in re.findall(r":root \{(.*?)\}", page, re.S):
        c = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        yield {f"{text} on {ground}": ratio(c[text], c[ground]) for text, ground in
               [("text", "back"), ("text", "card"), ("text", "glow"), ("quiet", "back"), ("quiet", "card"),
                ("accent", "back"), ("accent-text", "accent")]}


def test_unknown_paths_and_wrong_methods_are_problems(folder):
    with Service(folder, "visitors") as service:
        unknown = service.ask("/nowhere")
        assert unknown.status == 404 and unknown.headers["Content-Type"] == "application/problem+json"
        wrong = service.ask(method="DELETE")
        assert wrong.status == 405 and wrong.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert wrong.json()["status"] == 405
