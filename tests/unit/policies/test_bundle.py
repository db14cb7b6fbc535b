"""Loading a bundle: what is refused before anything runs, and what the digest covers."""

from hashlib import sha256
from pathlib import Path

import pytest

from tacita_policies.bundle import Bundle, digest_of_files
from tacita_policies.decision import Entrypoint
from tacita_policies.source import PolicyRefused

ANSWER = 'decision := {"allow": false, "reasons": [{"code": "no", "message": "No."}]}'
FILES = {
    f"rego/{place}.rego": f"package tacita.{place.replace('/', '.')}\n\nimport rego.v1\n\n{ANSWER}\n"
    for place in ("broker/discover", "broker/match", "node/agree", "node/disclose", "node/respond")
} | {
    "data/regions.json": '{"about": "A test.", "regions": {"EU": ["FR"]}}',
}


def bundle(directory: Path, **changes: str) -> Path:
    for path, text in (FILES | changes).items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return directory


def with_rule(rule: str, imports: str = "") -> dict[str, str]:
    return {"rego/broker/match.rego": f"package tacita.broker.match\n\nimport rego.v1\n{imports}\n{ANSWER}\n\n{rule}\n"}


FORBIDDEN = {
    "the network": 'x := http.send({"method": "get", "url": "http://127.0.0.1:1/"})',
    "the network, written otherwise": 'x := http["send"]({"method": "get", "url": "http://127.0.0.1:1/"})',
    "the clock": "x := time.now_ns()",
    "randomness": 'x := rand.intn("a", 5)',
    "an identifier out of nothing": 'x := uuid.rfc4122("a")',
    "the environment": "x := opa.runtime()",
    "name resolution": 'x := net.lookup_ip_addr("localhost")',
    "inside a comprehension": "x := [y | y := time.now_ns()]",
    "inside every": "x if { every y in [1] { y < time.now_ns() } }",
    "inside a function": "f(y) := y + time.now_ns()",
    "inside an else": "x := 1 if { false } else := time.now_ns()",
    "inside an object": 'x := {"a": {"b": [time.now_ns()]}}',
    "as a key": "x[time.now_ns()] := 1",
    "in a default": "default x := false\nx if time.now_ns() > 1",
    "under not": "x if not time.now_ns() < 1",
    "as an argument": "x := abs(time.now_ns())",
    "slow for an attacker": 'x := regex.match("(a+)+$", input.purpose)',
    "unbounded memory": "x := numbers.range(1, 1000000000)",
    "printing": "x if { print(input) }",
    "a builtin in another's place": "x if { count([]) == 0 with count as http.send }",
    "another input": "x if { input.time == 1 with input as {} }",
    "a request's address": 'x := net.cidr_contains("127.0.0.0/8", input.purpose)',
    "a token": 'x := io.jwt.decode("a.b.c")',
    "a token's signature": 'x := io.jwt.verify_hs256("a.b.c", "secret")',
    "tracing": 'x if trace("seen")',
    "a file of secrets": 'x := opa.runtime().env["HOME"]',
    "a random number by another name": 'x := rand["intn"]("a", 5)',
    "an hour of the day": "x := time.clock(1)",
    "time that passes": 'x := time.parse_rfc3339_ns("2020-01-01T00:00:00Z")',
    "a builtin mocked in a test": "x if { f(1) with time.now_ns as 1 }\n\nf(y) := y",
    "data in another's place": "x if { data.tacita.matrix == [] with data.tacita.matrix as [] }",
    "code from text": 'x := rego.parse_module("a.rego", "package a")',
    "a schema fetched from elsewhere": 'x := json.match_schema({}, {"$ref": "http://127.0.0.1:1/"})',
    "a function that is not there": "x := data.tacita.lib.missing.f(1)",
}


@pytest.mark.parametrize("rule", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_forbidden_call_is_refused(tmp_path: Path, rule: str) -> None:
    with pytest.raises(PolicyRefused, match=r"match\.rego"):
        Bundle.load(shipped=bundle(tmp_path, **with_rule(rule)))


def test_the_refusal_names_file_and_call(tmp_path: Path) -> None:
    directory = bundle(tmp_path, **with_rule("x := time.now_ns()"))
    with pytest.raises(PolicyRefused, match=r"^rego/broker/match\.rego: the call of time\.now_ns is not allowed$"):
        Bundle.load(shipped=directory)


IMPORTS = [
    "import data.tacita.lib.http",
    "import data.tacita.lib.words as http",
    "import data.tacita.lib.words as time",
    "import input.time",
    "import input",
    "import data",
    "import data.other",
    "import data.system.log",
    "import future.keywords.in",
]


@pytest.mark.parametrize("line", IMPORTS)
def test_an_import_that_could_hide_a_call_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(PolicyRefused, match="import"):
        Bundle.load(shipped=bundle(tmp_path, **with_rule("x := 1", imports=line)))


def test_a_builtin_cannot_be_redefined(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused):
        Bundle.load(shipped=bundle(tmp_path, **with_rule("count(x) := 0")))


def test_own_functions_may_be_called(tmp_path: Path) -> None:
    library = {"rego/lib/words.rego": "package tacita.lib.words\n\nimport rego.v1\n\nlong(x) if count(x) > 3\n"}
    rule = with_rule("x if words.long(input.purpose)", imports="import data.tacita.lib.words")
    Bundle.load(shipped=bundle(tmp_path, **library, **rule))


REFUSED_DIRECTORIES = {
    "a source that does not parse": {"rego/broker/match.rego": "package tacita.broker.match\n\nallow if {"},
    "a source that is no text": {"rego/broker/match.rego": "\udcff"},
    "an entrypoint without an answer": {"rego/node/respond.rego": "package tacita.node.other\n\nx := 1\n"},
    "a package elsewhere": {"rego/x.rego": "package system\n\nx := 1\n"},
    "shipped rules in the operator's place": {"rego/x.rego": "package tacita.local.broker.match\n\nx := 1\n"},
    "data that is no JSON": {"data/regions.json": "{"},
    "data with a key twice": {"data/regions.json": '{"about": "", "regions": {}, "regions": {}}'},
    "data under another name": {"data/regions.json": '{"about": "", "purposes": {}}'},
    "data without a word about it": {"data/regions.json": '{"regions": {}}'},
    "data in a package's place": {"data/broker.json": '{"about": "", "broker": {}}'},
    "data twice": {"data/more/regions.json": '{"about": "", "regions": {}}'},
    "a file too large": {"data/regions.json": '{"about": "' + "x" * (1 << 20) + '", "limits": {}}'},
}


@pytest.mark.parametrize("changes", REFUSED_DIRECTORIES.values(), ids=REFUSED_DIRECTORIES)
def test_a_directory_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    directory = bundle(tmp_path)
    for path, text in changes.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PolicyRefused):
        Bundle.load(shipped=directory)


def test_an_empty_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match="holds no policy"):
        Bundle.load(shipped=tmp_path)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused):
        Bundle.load(tmp_path / "missing")


OWN_ELSEWHERE = ["tacita.broker.match", "tacita.node.respond", "tacita.local.broker.mtach", "tacita.local", "mine"]


@pytest.mark.parametrize("package", OWN_ELSEWHERE)
def test_own_rules_stay_in_their_place(tmp_path: Path, package: str) -> None:
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego" / "own.rego").write_text(f"package {package}\n\nimport rego.v1\n\n{ANSWER}\n")
    with pytest.raises(PolicyRefused):
        Bundle.load(tmp_path)


OWN_THAT_WOULD_NOT_COUNT = {
    "a library that nothing asks": ({"rego/words.rego": "package tacita.local.lib.words\n\nx := 1\n"}, "do not answer"),
    "data only": ({"data/hours.json": '{"about": "", "hours": 1}'}, "do not answer"),
    "nothing": ({}, "do not answer"),
    "a rule outside rego/": ({"respond.rego": "package tacita.local.node.respond\n"}, "^respond.rego: own"),
    "a rule among the data": ({"data/respond.rego": "package tacita.local.node.respond\n"}, "^data/respond.rego: own"),
    "a name in capitals": ({"rego/RESPOND.REGO": "package tacita.local.node.respond\n"}, "^rego/RESPOND.REGO: own"),
    "data outside data/": ({"hours.json": "{}"}, "^hours.json: own"),
}


@pytest.mark.parametrize(("files", "reason"), OWN_THAT_WOULD_NOT_COUNT.values(), ids=OWN_THAT_WOULD_NOT_COUNT)
def test_own_rules_that_would_not_count_are_refused(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    if "do not answer" not in reason:
        files = files | {"rego/own.rego": f"package tacita.local.broker.match\n\nimport rego.v1\n\n{ANSWER}\n"}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(PolicyRefused, match=reason):
        Bundle.load(tmp_path)


def test_own_rules_for_a_question_of_others_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rego").mkdir()
    for name in ("node.respond", "broker.match"):
        (tmp_path / f"rego/{name}.rego").write_text(f"package tacita.local.{name}\n\nimport rego.v1\n\n{ANSWER}\n")
    with pytest.raises(PolicyRefused, match="answer tacita/broker/match, which this service never asks"):
        Bundle.load(tmp_path)
    assert Bundle.load(tmp_path, asked=(Entrypoint.NODE_RESPOND, Entrypoint.BROKER_MATCH))


def test_notes_beside_own_rules_are_no_policy(tmp_path: Path) -> None:
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego" / "own.rego").write_text(f"package tacita.local.node.respond\n\nimport rego.v1\n\n{ANSWER}\n")
    (tmp_path / "README.md").write_text("Why we say no.\n")
    assert "local/README.md" not in Bundle.load(tmp_path).files


def test_own_rules_may_not_call_out_either(tmp_path: Path) -> None:
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego" / "own.rego").write_text(
        "package tacita.local.node.respond\n\nimport rego.v1\n\ndecision := http.send({})\n"
    )
    with pytest.raises(PolicyRefused, match=r"http\.send"):
        Bundle.load(tmp_path)


def test_the_digest_is_over_sorted_paths_and_bytes(tmp_path: Path) -> None:
    def length(part: bytes) -> bytes:
        return len(part).to_bytes(8, "big") + part

    preimage = b"tacita/bundle/v1\0" + b"".join(
        length(path.encode()) + length(text.encode()) for path, text in sorted(FILES.items())
    )
    assert Bundle.load(shipped=bundle(tmp_path)).digest == sha256(preimage).hexdigest()


def test_the_digest_does_not_depend_on_the_order() -> None:
    assert digest_of_files({"b": b"2", "a": b"1"}) == digest_of_files({"a": b"1", "b": b"2"})


DIFFERENT = {
    "another byte": {"a": b"1", "b": b"3"},
    "another path": {"a": b"1", "c": b"2"},
    "one file fewer": {"a": b"1"},
    "one file more": {"a": b"1", "b": b"2", "c": b""},
    "contents swapped": {"a": b"2", "b": b"1"},
    "a byte moved into the path": {"a1": b"", "b": b"2"},
}


@pytest.mark.parametrize("files", DIFFERENT.values(), ids=DIFFERENT)
def test_the_digest_changes_with_anything(files: dict[str, bytes]) -> None:
    assert digest_of_files(files) != digest_of_files({"a": b"1", "b": b"2"})


def test_the_digest_covers_own_rules_and_comments(tmp_path: Path) -> None:
    (tmp_path / "rego").mkdir()
    own = tmp_path / "rego" / "own.rego"
    own.write_text(f"package tacita.local.node.respond\n\nimport rego.v1\n\n{ANSWER}\n")
    first = Bundle.load(tmp_path).digest
    own.write_text(own.read_text() + "# a comment\n")
    assert len({first, Bundle.load(tmp_path).digest, Bundle.load().digest}) == 3


def test_the_shipped_bundle_is_the_same_every_time() -> None:
    assert Bundle.load().digest == Bundle.load().digest
