"""A PostgreSQL server of the tests' own: in a temporary directory, on a socket there, as nobody whom it could hurt.

    server = start_postgresql()        # stopped by `server.stop()`, or with this process
    url = server.database()            # a new, empty database: postgresql://...
    url = server.copy_of("broker", migrate)   # a new database as `migrate` leaves one; migrated once, then copied

Connections give a password, from a file as the address names one. The server refuses to run as root, so root's tests
run it as nobody.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

START_SECONDS = 60.0
MEMORY_BYTES = 4 * 2**30
USER = "tacita"
INSTALL = "PostgreSQL's server is not installed, and these tests need it: run `make system-packages` (see README.md)"


@dataclass
class PostgresServer:
    """A running server."""

    root: Path
    command: list[str]
    password: str
    process: subprocess.Popen[bytes] = field(init=False)
    port: int = 5432
    _made: int = field(default=0, init=False)
    _templates: set[str] = field(default_factory=set, init=False)

    @property
    def passfile(self) -> Path:
        """The file that tells clients the password."""
        return self.root / "passfile"

    def url(self, database: str, *, passfile: Path | None = None) -> str:
        """The address of a database."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.root))}&passfile={passfile or self.passfile}"

    def database(self, *, template: str = "template0", options: str = "") -> str:
        """A new database."""
        self._made += 1
        name = f"test{self._made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {options}")
        return self.url(name)

    def copy_of(self, template: str, migrate: Callable[[str], object]) -> str:
        """A new database as `migrate` leaves one."""
        if template not in self._templates:
            self.execute(f"CREATE DATABASE {template} TEMPLATE template0")
            migrate(self.url(template))
            self._templates.add(template)
        return self.database(template=template)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside of any transaction; its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def reload(self, setting: str) -> None:
        """Change a setting (`name = value`) of the whole server; returns when new connections have it."""
        name, _, value = setting.partition(" = ")
        self.execute(f"ALTER SYSTEM SET {setting}")
        self.execute("SELECT pg_reload_conf()")
        give_up = time.monotonic() + START_SECONDS
        while self.execute(f"SHOW {name}") != [(value,)]:
            assert time.monotonic() < give_up, "the server did not take the setting"
            time.sleep(0.02)

    def start(self) -> None:
        """Start it, and wait until it takes connections; after `crash`, it recovers first. It ends with this thread."""
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        give_up = time.monotonic() + START_SECONDS
        while True:
            assert self.process.poll() is None, (self.root / "server.log").read_text()
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < give_up, (self.root / "server.log").read_text()
                time.sleep(0.05)
            else:
                return

    def crash(self) -> None:
        """End it at once, as `pg_ctl stop -m immediate` or a panic does: every connection is cut, nothing is tidied."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=START_SECONDS)

    def stop(self) -> None:
        """End it at once and remove what it kept."""
        self.crash()
        shutil.rmtree(self.root)


@dataclass(frozen=True)
class Databases:
    """The addresses of a federation's databases."""

    broker: str
    bank: str
    ngo: str


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    """What one statement gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def start_postgresql(*settings: str) -> PostgresServer:
    """Make and start a server with these settings (`name=value`)."""
    programs = _programs()
    root = Path(tempfile.mkdtemp(prefix="tacita-pg-", dir=_roomy()))  # short: a socket's path has at most 107 bytes
    password = secrets.token_hex(16)
    (root / "password").write_text(password)
    (root / "passfile").write_text(f"*:*:*:{USER}:{password}\n")
    (root / "passfile").chmod(0o600)
    user = _owner()
    if user is not None:
        os.chown(root, user.pw_uid, user.pw_gid)
        os.chown(root / "password", user.pw_uid, user.pw_gid)
    as_user = [] if user is None else [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    run = ["setpriv", *as_user, "--pdeathsig", "QUIT"]
    data = str(root / "data")
    subprocess.run(
        [
            *(*run, str(programs / "initdb"), "-D", data, "-U", USER, "--encoding=UTF8", "--locale=C", "--no-sync"),
            *("--auth=scram-sha-256", f"--pwfile={root / 'password'}"),
        ],
        check=True,
        capture_output=True,
    )
    given = ["shared_buffers=16MB", "max_connections=60", "listen_addresses=", f"unix_socket_directories={root}"]
    options = [part for setting in (*given, *settings) for part in ("-c", setting)]
    server = PostgresServer(root, [*run, str(programs / "postgres"), "-D", data, *options], password)
    server.start()
    return server


def _roomy() -> Path | None:
    """Memory, if there is enough: copies of databases are many files. None for the usual temporary directory."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return None
    room = os.statvfs(memory)
    return memory if room.f_bavail * room.f_frsize >= MEMORY_BYTES and os.access(memory, os.W_OK) else None


def _programs() -> Path:
    """The directory with initdb and postgres; Debian keeps it out of the usual path, one for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    usual = shutil.which("initdb")
    assert usual is not None, INSTALL
    return Path(usual).resolve().parent


def _owner() -> pwd.struct_passwd | None:
    """As whom the server runs; None for this user."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None
