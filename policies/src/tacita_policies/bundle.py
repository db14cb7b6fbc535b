"""A policy bundle: Rego sources and data, read whole, checked, and named by one digest.

A directory holds ``rego/**/*.rego`` and ``data/NAME.json``; the file ``NAME.json`` is ``{"about": ..., "NAME": value}``
and becomes ``data.tacita.NAME``. An operator's own directory (overrides) has the same form, with packages and data
under ``tacita.local``: it is asked as well and can only be stricter (see `answer.py`).

Nothing is evaluated here: the sources are parsed and every call in them is checked against an allow-list, because the
engine would load ``http.send`` or ``time.now_ns`` without a word; the shipped data is checked against its shapes
(`shapes.py`), because a rule that reads a misspelt field finds nothing and says nothing.
"""

import hashlib
import importlib.resources
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tacita_policies.data_files import check_data
from tacita_policies.decision import Entrypoint
from tacita_policies.source import PolicyRefused, check_sources
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.jcs import JSONValue, parse_json
from tacita_protocol.errors import ProtocolError

MAX_FILES = 256
"""Files of one bundle, overrides included."""
MAX_FILE_BYTES = 1 << 20
"""Bytes of one file of a bundle."""

ROOT = "tacita"
LOCAL = "tacita.local"
"""The packages (and data) of an operator's own directory."""

NODE_ASKS = (Entrypoint.NODE_AGREE, Entrypoint.NODE_DISCLOSE, Entrypoint.NODE_RESPOND)
"""The questions of a node."""

SourceCheck = Callable[[Mapping[str, str]], dict[str, str]]
"""Sources by path to the package of each path, or `PolicyRefused`: `source.check_sources`, here or elsewhere."""

_OVERRIDES = "local/"
_RESERVED = frozenset({"broker", "node", "lib", "local"})  # names of packages: data may not sit there


@dataclass(frozen=True)
class Bundle:
    """What a decision point evaluates.

    ``files`` are all bytes by path (those of the overrides under ``local/``), ``policies`` the Rego texts by path,
    ``data`` the document under ``data``, ``rules`` for each entrypoint the decisions to ask for: all must allow.
    """

    digest: Digest
    files: Mapping[str, bytes]
    policies: Mapping[str, str]
    data: Mapping[str, JSONValue]
    rules: Mapping[Entrypoint, tuple[str, ...]]

    @classmethod
    def load(
        cls,
        overrides: Path | None = None,
        *,
        asked: Collection[Entrypoint] = NODE_ASKS,
        shipped: Path | None = None,
        check: SourceCheck = check_sources,
    ) -> Self:
        """Read and check the shipped bundle, with an operator's own directory on top.

        Args:
            overrides: a directory of stricter rules.
            asked: the questions that this service asks: own rules that answer none of them would count for nothing.
            shipped: replaces the policies of this package.
            check: how the sources are checked; a service has it done in another process (`check_process`).

        Raises:
            PolicyRefused: unreadable, empty, no answer to an entrypoint, or a call that is not allowed; own policies
                of which some or all would not count.
        """
        if shipped is None:
            with importlib.resources.as_file(importlib.resources.files("tacita_policies")) as package:
                files = dict(_read(package))
        else:
            files = dict(_read(shipped))
        if overrides is None:
            return cls._of(files, check)
        own = dict(_read(overrides))
        _require_all_read(overrides, own.keys())
        bundle = cls._of(files | {f"{_OVERRIDES}{path}": data for path, data in own.items()}, check)
        answered = {entrypoint for entrypoint, rules in bundle.rules.items() if len(rules) > 1}
        if not answered & set(asked):
            raise PolicyRefused("the own policies do not answer what this service asks, so none of them would count")
        for entrypoint in sorted(answered - set(asked)):
            raise PolicyRefused(f"the own policies answer {entrypoint.value}, which this service never asks")
        return bundle

    @classmethod
    def _of(cls, files: Mapping[str, bytes], check: SourceCheck) -> Self:
        if len(files) > MAX_FILES:
            raise PolicyRefused(f"a bundle has at most {MAX_FILES} files")
        policies = {path: _text(path, data) for path, data in sorted(files.items()) if path.endswith(".rego")}
        packages = check(policies)
        for path, package in packages.items():
            _check_place(path, package)
        data = _data(files)
        check_data({name: value for name, value in data.items() if name != "local"})
        return cls(
            digest=digest_of_files(files),
            files=dict(files),
            policies=policies,
            data={ROOT: data},
            rules={entrypoint: _rules(entrypoint, frozenset(packages.values())) for entrypoint in Entrypoint},
        )


def digest_of_files(files: Mapping[str, bytes]) -> Digest:
    """SHA-256 over the sorted (path, bytes): each is preceded by its length as u64be, so that nothing can shift."""
    state = hashlib.sha256(b"tacita/bundle/v1\0")
    for path, data in sorted((path.encode("utf-8"), data) for path, data in files.items()):
        for part in (path, data):
            state.update(len(part).to_bytes(8, "big"))
            state.update(part)
    return Digest(state.hexdigest())


def _read(directory: Path) -> Iterator[tuple[str, bytes]]:
    try:
        for folder, suffix in (("rego", ".rego"), ("data", ".json")):
            for path in sorted((directory / folder).rglob(f"*{suffix}")):
                if path.stat().st_size > MAX_FILE_BYTES:
                    raise PolicyRefused(f"{path.name}: a file of a bundle has at most {MAX_FILE_BYTES} bytes")
                yield path.relative_to(directory).as_posix(), path.read_bytes()
    except OSError as error:
        raise PolicyRefused(f"the policies cannot be read: {error.strerror}") from error


def _require_all_read(directory: Path, read: Collection[str]) -> None:
    """A rule in a wrong folder or under a misspelt name would be left out in silence, and what it forbids allowed."""
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.suffix.lower() in {".rego", ".json"} and name not in read:
            raise PolicyRefused(f"{name}: own policies are files rego/**/*.rego and data/**/*.json")


def _text(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyRefused(f"{path}: not UTF-8") from error


def _check_place(path: str, package: str) -> None:
    """Own rules live under ``tacita.local`` and nothing else does, so that they cannot change the shipped ones."""
    if path.startswith(_OVERRIDES):
        allowed = {f"{LOCAL}.{entrypoint.value.removeprefix('tacita/').replace('/', '.')}" for entrypoint in Entrypoint}
        if package not in allowed and not package.startswith(f"{LOCAL}.lib."):
            raise PolicyRefused(f"{path}: own policies are packages {', '.join(sorted(allowed))} or {LOCAL}.lib.*")
    elif not package.startswith(f"{ROOT}.") or package.startswith(LOCAL):
        raise PolicyRefused(f"{path}: shipped policies are packages under {ROOT}, outside {LOCAL}")


def _data(files: Mapping[str, bytes]) -> dict[str, JSONValue]:
    shipped: dict[str, JSONValue] = {}
    own: dict[str, JSONValue] = {}
    for path, data in sorted(files.items()):
        if not path.endswith(".json"):
            continue
        name = path.rpartition("/")[2].removesuffix(".json")
        target = own if path.startswith(_OVERRIDES) else shipped
        try:
            document = parse_json(data, max_bytes=MAX_FILE_BYTES)
        except ProtocolError as error:
            raise PolicyRefused(f"{path}: {error}") from error
        if not isinstance(document, dict) or document.keys() != {"about", name}:
            raise PolicyRefused(f'{path}: data is an object with the members "about" and "{name}"')
        if name in _RESERVED or name in target:
            raise PolicyRefused(f"{path}: the name is taken")
        target[name] = document[name]
    return shipped | ({"local": own} if own else {})


def _rules(entrypoint: Entrypoint, packages: frozenset[str]) -> tuple[str, ...]:
    package = entrypoint.value.replace("/", ".")
    if package not in packages:
        raise PolicyRefused(f"the bundle does not answer {entrypoint.value}")
    own = package.replace(ROOT, LOCAL, 1)
    return tuple(f"data.{name}.decision" for name in (package, own) if name in packages)
