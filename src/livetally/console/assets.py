"""Reads the console's files once, and keeps each ready to send in every form a browser asks for.

In the flow: receives the tree under ``assets/`` from the package's own data, hands ``Asset`` values
to ``routes.py``.
Guarantee: one digest names the whole tree, so that a page and the modules it imports (by relative
paths) are always of one version, and may be cached forever under that name.

An import map could name each file by its own hash, but an inline map is an inline script, which the
content security policy forbids; a digest over the tree in the path needs no map at all.
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

__all__ = ["Asset", "AssetTree", "load_tree"]

CONTENT_TYPES: Final = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".md": "text/markdown; charset=utf-8",
        ".svg": "image/svg+xml",
        ".txt": "text/plain; charset=utf-8",
    }
)
"""What is served, by suffix. A file with another suffix (types for development) is not."""

_INDEX: Final = "index.html"
_DIGEST_MARK: Final = "@tree@"
_PRELOAD_MARK: Final = "<!-- modulepreload -->"
_ENTRY: Final = "app.js"
# A module that is imported where a module begins. `import(...)` loads a page when it is opened.
_IMPORT: Final = re.compile(
    rb"""(?:^|[;}])\s*(?:import|export)\b[^'"`;()]*?['"]([^'"]+)['"]""", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its ``body``, the same compressed, its media type and a strong entity tag each."""

    content_type: str
    body: bytes
    gzipped: bytes
    etag: str
    etag_gzipped: str


@dataclass(frozen=True, slots=True)
class AssetTree:
    """Every file by its path, the page that starts them, and the digest that names this version."""

    digest: str
    index: Asset
    files: Mapping[str, Asset]


def load_tree() -> AssetTree:
    """Read and compress the whole console, about 0.3 MB; blocks, so call it once at start.

    Returns:
        The tree. ``files`` has paths with forward slashes, relative to ``assets/``.

    Raises:
        FileNotFoundError: the installed package lacks its assets.
    """
    bodies = dict(sorted(_read(resources.files("livetally.console") / "assets", "")))
    page = bodies.pop(_INDEX, None)
    if page is None:
        raise FileNotFoundError(_INDEX)
    digest = _tree_digest({**bodies, _INDEX: page})
    files = {path: _asset(path, body) for path, body in bodies.items()}
    return AssetTree(
        digest, _asset(_INDEX, _render_index(page, digest, bodies)), MappingProxyType(files)
    )


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield every file to be served under ``folder``, whether it lies on a disk or in a zip."""
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _read(entry, f"{path}/")
        elif _suffix(path) in CONTENT_TYPES:
            yield path, entry.read_bytes()


def _tree_digest(bodies: Mapping[str, bytes]) -> str:
    """Name the tree by what is in it and where; 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for path in sorted(bodies):
        whole.update(f"{path}\0{hashlib.sha256(bodies[path]).hexdigest()}\n".encode())
    return whole.hexdigest()[:16]


def _render_index(page: bytes, digest: str, bodies: Mapping[str, bytes]) -> bytes:
    """Put the digest into the page's links, and name what is needed at once, to be loaded at once.

    Without the list a browser finds the modules one import at a time, a round trip for each level.
    """
    links = "\n    ".join(
        f'<link rel="modulepreload" href="assets/{digest}/{path}">'
        for path in sorted(_first_modules(bodies))
    )
    text = page.decode().replace(_PRELOAD_MARK, links).replace(_DIGEST_MARK, digest)
    return text.encode()


def _first_modules(bodies: Mapping[str, bytes]) -> set[str]:
    """Return every module that the first one imports, directly or not; pages come when opened."""
    found, waiting = {_ENTRY}, [_ENTRY]
    while waiting:
        path = waiting.pop()
        for target in _IMPORT.findall(bodies[path]):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(path), target.decode()))
            if imported in bodies and imported not in found:
                found.add(imported)
                waiting.append(imported)
    return found


def _asset(path: str, body: bytes) -> Asset:
    """Compress one file and name its two forms."""
    name = hashlib.sha256(body).hexdigest()[:32]
    return Asset(
        content_type=CONTENT_TYPES[_suffix(path)],
        body=body,
        # A fixed time in the header: the same file gives the same bytes on every node.
        gzipped=gzip.compress(body, compresslevel=9, mtime=0),
        etag=f'"{name}"',
        etag_gzipped=f'"{name}-gzip"',
    )


def _suffix(path: str) -> str:
    """Return the last suffix of ``path``; types for development (``.d.ts``) end in ``.ts``."""
    return path[path.rfind(".") :]
