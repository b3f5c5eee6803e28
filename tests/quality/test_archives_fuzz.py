"""Archives made wrong on purpose, in every way that we know: a result, or one of our sentences, within bounds.

Hypothesis makes images in every format, and spoils them in one of the ways that are listed here, or in two. What
comes of it is a result or a refusal of a kind that is listed here, too; each way has to come to what is said of it,
so that none is listed in vain. The bounds are of memory, of calls and of bytes read, and none of seconds.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import json
import lzma
import re
import sys
import tarfile
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layermodel.formats import tars
from layermodel.formats.archives import read_archive
from layermodel.formats.content import ArchiveEntry, ImageSpec, archive
from layermodel.formats.digests import digest_of
from layermodel.formats.documents import Malformed, parsed
from layermodel.store.loading import loaded
from layermodel.store.words import DIALECTS
from layerproof.engines.service.files import with_references
from layerproof.machines.store.draw import from_json, to_json

ZSTD = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
LIMITS = tars.Limits(layers=12, members=60, document=20_000, documents=100_000, bytes=70_000)
MOST_HEADERS = 120_000
ACCEPTED = "accepted"
KINDS = {
    "damaged": r"is damaged: ", "twice": r"has the path .* twice$",
    "out of it": r"leads out of it$", "link to nothing": r", which is not in it$", "missing": r" is missing: ",
    "no JSON": r" is not JSON: ", "strict JSON": r" is not JSON that can be read: ", "type": r": not (an|a) ",
    "lacks": r" has no \w+$", "digest": r"does not match its digest$", "diff ID": r"does not match the diff ID ",
    "size": r" has [\d,]+ bytes, not ", "limit": r"(is|are|has|says) more than [\d,]+ ", "no name": r" is no(t a)? name",
    "algorithm": r" cannot be checked: ", "no digest": r" is not a (sha\d+ )?digest", "history": r" rows of history ",
    "layers": r" diff IDs, but the manifest has ", "nothing": r"^it holds no image$|^it has neither ",
    "loop": r"is a link that leads nowhere$", "version": r" is of version ", "not plain": r" is not a plain file$",
    "no layers": r"does not consist of layers$", "old": r"^it is of the format before ", "nested": r"nested too deep",
    "several": r" is not of one image: ", "parent": r" cannot be the parent of |recorded as made from itself$",
}
"""The refusals, each a part of its sentence. The order counts where two fit."""
COMPRESSIONS = {"plain": bytes, "gzip": lambda data: gzip.compress(data, mtime=0), "bzip2": bz2.compress,
                "xz": lzma.compress, "zstd": ZSTD.compress}


# What is made: an archive as it is before it is written, which ways to spoil it change.


@dataclass
class Member:
    """A member of a tar archive."""

    name: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    pax: dict[str, str] = field(default_factory=dict)
    times: int = 1

    def written(self):
        info = tarfile.TarInfo(self.name)
        info.size, info.type, info.linkname = len(self.data), self.kind, self.link
        info.pax_headers = self.pax
        return (info.tobuf(tarfile.PAX_FORMAT) + self.data + bytes(-len(self.data) % 512)) * self.times


def tar_of(members):
    return b"".join(member.written() for member in members) + bytes(1024)


@dataclass
class Image:
    """An image: the members of its layers, and what is done to a layer when it is a tar archive."""

    spec: ImageSpec
    layers: list[list[Member]]
    names: tuple[str, ...]
    raw: Callable[[bytes], bytes] = bytes
    """Done to the top layer before its diff ID is made."""
    stored: Callable[[bytes], bytes] = bytes
    """Done to the top layer as it is stored, before its digest is made."""
    config: Callable[[dict], None] = lambda config: None
    own: bool = False
    """Its layers are archives as our own writer makes them."""

    def tars(self):
        if self.own:
            return self.spec.tars
        made = [tar_of(layer) for layer in self.layers]
        return [*made[:-1], self.raw(made[-1])]


@dataclass
class Plan:
    """An archive: images, a format, and what is done to its documents and files."""

    images: list[Image]
    kind: str
    """``docker``, ``oci`` or ``dir``."""
    folder: bool
    compress: str
    whole: str
    algorithm: str
    diffs: str
    documents: list[Callable[[str, object], object]] = field(default_factory=list)
    files: list[Callable[[dict[str, bytes]], None]] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    bytes: list[Callable[[bytes], bytes]] = field(default_factory=list)
    spoiled: bool = False

    @property
    def chance(self):
        """What a way to spoil it chooses by, so that each plan is spoiled in one way, and those in many.

        Hypothesis would choose the simplest too often for all that is said to be reached.
        """
        images = [(image.spec.layers, image.names) for image in self.images]
        return Random(repr((images, self.kind, self.folder, self.compress, self.whole, self.algorithm, self.diffs)))

    def document(self, name, data):
        for change in self.documents:
            data = change(name, data)
        return data if isinstance(data, bytes) else json.dumps(data).encode()

    def layer(self, image, number, tar):
        stored = COMPRESSIONS[self.compress](tar)
        return image.stored(stored) if number == len(image.layers) - 1 else stored

    def config(self, image):
        config = json.loads(image.spec.config)
        config["rootfs"]["diff_ids"] = [digest_of(tar, self.diffs) for tar in image.tars()]
        image.config(config)
        return self.document("config", config)

    def made(self):
        """The files of it."""
        files = {"docker": self.docker, "oci": self.oci, "dir": self.dir}[self.kind]()
        for change in self.files:
            change(files)
        return files

    def docker(self):
        files, rows = {}, []
        for image in self.images:
            config = self.config(image)
            name = digest_of(config, "sha256")[7:] + ".json"
            layers = [self.layer(image, n, tar) for n, tar in enumerate(image.tars())]
            names = [digest_of(layer, self.algorithm)[7:] + ".tar" for layer in layers]
            files |= {name: config, **dict(zip(names, layers, strict=True))}
            rows.append({"Config": name, "Layers": names, "RepoTags": list(image.names) or None})
        return files | {"manifest.json": self.document("manifest.json", rows)}

    def manifest(self, image, files, path):
        def put(data, media):
            named = digest_of(data, self.algorithm)
            files[path(named)] = data
            return {"mediaType": media, "digest": named, "size": len(data)}

        manifest = {"schemaVersion": 2, "config": put(self.config(image), "application/vnd.oci.image.config.v1+json"),
                    "layers": [put(self.layer(image, n, tar), "application/vnd.oci.image.layer.v1.tar")
                               for n, tar in enumerate(image.tars())]}
        return put, self.document("manifest", manifest)

    def oci(self):
        files, rows = {}, []
        for image in self.images:
            put, manifest = self.manifest(image, files, lambda named: f"blobs/{named.replace(':', '/')}")
            row = put(manifest, "application/vnd.oci.image.manifest.v1+json")
            for name in image.names or (None,):
                rows.append(row | ({"annotations": {"io.containerd.image.name": name}} if name else {}))
        return files | {
            "oci-layout": self.document("oci-layout", {"imageLayoutVersion": "1.0.0"}),
            "index.json": self.document("index.json", {"schemaVersion": 2, "manifests": rows})}

    def dir(self):
        files = {}
        _, manifest = self.manifest(self.images[0], files, lambda named: named.partition(":")[2])
        return files | {"manifest.json": manifest, "version": b"Directory Transport Version: 1.1\n"}

    def write(self, path):
        """Write it, and return how large it is."""
        files = self.made()
        if self.folder:
            path.mkdir()
            for name, data in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(data)
            return sum(map(len, files.values()))
        data = COMPRESSIONS[self.whole](tar_of([*(Member(n, d) for n, d in files.items()), *self.members]))
        for change in self.bytes:
            data = change(data)
        path.write_bytes(data)
        return len(data)


NAMES = st.lists(st.sampled_from(["a:1", "a:2", "host:5000/x/y:tag", "docker.io/library/b:latest"]), max_size=2, unique=True)
PATHS = st.sampled_from(["n", "d/n", "d/e/n", "é", "x" * 120, ".wh.n", "d/.wh..wh..opq"])


@st.composite
def images(draw, label):
    layers = draw(st.lists(st.dictionaries(PATHS, st.binary(max_size=600), max_size=4), min_size=1, max_size=3))
    spec = ImageSpec(tuple(layers), label)
    made = [[Member(name, data) for name, data in files.items()] for files in layers]
    return Image(spec, made, tuple(draw(NAMES)))


@st.composite
def plans(draw):
    kind = draw(st.sampled_from(["docker", "oci", "dir"]))
    names = set()
    made = [draw(images(label)) for label in ("one", "two")[: 1 if kind == "dir" else draw(st.integers(1, 2))]]
    for image in made:  # no name twice: the last would win
        image.names, names = tuple(n for n in image.names if n not in names), names | set(image.names)
    folder = kind == "dir" or draw(st.booleans())
    digests = st.sampled_from(["sha256", "sha512"])
    compressions = st.sampled_from(sorted(COMPRESSIONS))
    return Plan(made, kind, folder, draw(compressions), "plain" if folder else draw(compressions),
                draw(digests), draw(digests))


# The ways to spoil it. Each says to what it has to come, at least.


@dataclass
class Way:
    """A way to spoil a plan, what comes of it in some example or other, and how many examples show that."""

    spoil: Callable[[Plan, Random], None]
    expected: frozenset[str]
    examples: int


WAYS: dict[str, Way] = {}


def way(*expected, examples=12):
    def known(spoil):
        WAYS[spoil.__name__.replace("_", " ")] = Way(spoil, frozenset(expected), examples)
        return spoil

    return known


def _top(plan):
    return plan.images[0].layers[-1]


@way(ACCEPTED, examples=40)
def nothing(plan, chance):
    plan.spoiled = False
    if chance.random() < 0.5:
        plan.diffs = "sha256"
        for image in plan.images:
            image.own = True


@way("twice")
def a_path_twice(plan, chance):
    first, second = chance.choice([("n9", "/n9"), ("n9", "./n9"), ("d/../n9", "n9"), ("n9", "n9")])
    _top(plan).extend([Member(first, b"1"), Member(second, b"2")])


@way("out of it")
def a_path_out_of_it(plan, chance):
    name = chance.choice(["../n", "d/../../n", "..", "/../n"])
    if chance.random() < 0.5:
        _top(plan).append(Member(name, b"1"))
    else:
        plan.folder = False
        plan.members.append(Member(name, b"1"))


@way(ACCEPTED)
def odd_members(plan, chance):
    odd = [Member("", b"1"), Member("/", kind=tarfile.DIRTYPE), Member(".wh.x", b"content"),
           Member("s", link="/" * 99, kind=tarfile.SYMTYPE), Member("c", kind=tarfile.CHRTYPE),
           Member("p", kind=tarfile.FIFOTYPE), Member(".wh.", b""), Member("u", b"1", b"Z"),
           Member("x", b"", tarfile.REGTYPE, pax={"SCHILY.xattr.user.a": "1", "mtime": "nonsense"})]
    _top(plan).extend(chance.sample(odd, chance.randint(1, 3)))


@way("link to nothing", ACCEPTED, examples=30)
def a_hard_link(plan, chance):
    there = chance.random() < 0.5
    _top(plan).extend([*([Member("t", b"12")] if there else []), Member("h", kind=tarfile.LNKTYPE, link="t")])


@way(ACCEPTED, "damaged", examples=40)
def a_sparse_member(plan, chance):
    said = chance.choice([
        "1\n0\n5\n", "0\n", "1\n0\n", "x\n", "-1\n", "999999999999\n", "", "1\n" + "9" * 5000 + "\n5\n"])
    size = chance.choice(["5", "-5", "9" * 18, "9" * 20, "x"])
    version = chance.choice([("1", "0"), ("0", "1"), ("0", "0")])
    pax = {"GNU.sparse.major": version[0], "GNU.sparse.minor": version[1], "GNU.sparse.name": "sp",
           "GNU.sparse.realsize": size, "GNU.sparse.map": "0,5", "GNU.sparse.numblocks": "1"}
    _top(plan).append(Member("sp", said.encode().ljust(512, b"\0") + b"12345", pax=pax))


@way("limit", ACCEPTED, examples=14)
def a_sparse_map_without_end(plan, chance):
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "sp", "GNU.sparse.realsize": "5"}
    holes = chance.choice([1_000, 6_500])
    bomb = tar_of([Member("sp", f"{holes}\n".encode() + b"00000\n" * (2 * holes), pax=pax)])
    plan.images[0].raw = lambda tar: bomb
    plan.compress = "gzip"


@way(ACCEPTED, "damaged", examples=40)
def a_size_in_an_extended_header(plan, chance):
    size = chance.choice(["0", "-1", "512", "9" * 30, "1e9", "-1024"])
    _top(plan).append(Member("big", b"1", pax={"size": size}))


@way("damaged", ACCEPTED, examples=24)
def digits_in_an_extended_header(plan, chance):
    many = chance.choice([300, 30_000])
    header = Member("pax", b"1" * many, tarfile.XHDTYPE)
    _top(plan).extend([header, Member("after")] if many > 300 else [Member("after", pax={"comment": "1" * many})])


@way("damaged", "limit", ACCEPTED, examples=40)
def extended_headers_without_end(plan, chance):
    kind = chance.choice([tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
    _among(plan, chance, [Member("h", b"9 a=1234\n", kind, times=chance.choice([2, 150])), Member("last")])


@way("damaged", "limit", examples=24)
def large_headers(plan, chance):
    kind = chance.choice([tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
    _among(plan, chance, [Member("h", b"a" * chance.choice([50_000, 1_100_000]), kind)] * 3 + [Member("last")])


@way("limit")
def much_said_of_all_members(plan, chance):
    headers = [b"".join(b"8 %03x=1\n" % n for n in range(k, k + 64)) for k in range(0, 64 * 20, 64)]
    pairs = [(Member("h", data, tarfile.XGLTYPE), Member(f"m{number}")) for number, data in enumerate(headers)]
    _among(plan, chance, [member for pair in pairs for member in pair])


def _among(plan, chance, members):
    """Put members into a layer, or into the archive."""
    if chance.random() < 0.5:
        _top(plan).extend(members)
    else:
        plan.kind, plan.folder, plan.whole = "docker", False, "plain"
        plan.members.extend(members)


@way("limit")
def many_members(plan, chance):
    _top(plan).extend(Member(f"m{n}") for n in range(chance.randint(61, 90)))


@way("limit")
def a_layer_of_many_bytes(plan, chance):
    size = chance.randint(70_000, 1_000_000)
    plan.images[0].raw = lambda tar: tar_of([Member("big", bytes(size))])
    plan.compress = chance.choice(sorted(COMPRESSIONS))


@way("limit")
def an_archive_of_many_bytes(plan, chance):
    plan.folder, plan.kind = False, "docker"
    plan.whole = chance.choice(["gzip", "bzip2", "xz", "zstd"])
    plan.members.append(Member("big", bytes(chance.randint(70_000, 1_000_000))))


@way("diff ID", "damaged", ACCEPTED, examples=100)
def a_layer_of_other_bytes(plan, chance):
    other = chance.choice([b"", b"", b"x", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\0" * 512, b"ustar" * 200])
    if chance.random() < 0.5:
        plan.images[0].raw = lambda tar: other
    else:
        plan.images[0].stored = lambda layer: other


@way("damaged", "diff ID", examples=80)
def a_layer_cut_short(plan, chance):
    part = chance.uniform(0.1, 0.99)
    cut = lambda layer: layer[: int(len(layer) * part)]
    if chance.random() < 0.5:
        plan.images[0].raw = cut
    else:
        plan.images[0].stored = cut


def _places(value, path=()):
    yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _places(below, (*path, key))


def _replaced(value, path, other):
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], other)
    return copy


DOCUMENTS = {"docker": ["manifest.json", "config"], "oci": ["index.json", "manifest", "config", "oci-layout"],
             "dir": ["manifest", "config"]}
VALUES = [None, True, 0, -1, 1 << 62, 1.5, "", "x", "sha256:0", "\ud800", "../x", [], {}, [[]], [7], {"a": 1}]


@way("type", ACCEPTED, examples=60)
def an_entry_of_a_wrong_type(plan, chance):
    wanted, other = chance.choice(DOCUMENTS[plan.kind]), chance.choice(VALUES)

    def change(name, value):
        if name != wanted:
            return value
        places = list(_places(value))
        depth = chance.choice(sorted({len(place) for place in places}))
        return _replaced(value, chance.choice([place for place in places if depth == len(place)]), other)

    plan.documents.append(change)


FIELDS = {
    "no layers": ("config", ("rootfs", "type"), "x"), "layers": ("config", ("rootfs", "diff_ids"), []),
    "no name": ("manifest.json", (0, "RepoTags"), ["Foo:1"]), "nothing": ("index.json", ("manifests",), []),
    "version": ("oci-layout", ("imageLayoutVersion",), "2.0.0"), "lacks": ("index.json", ("manifests", 0, "digest"), None),
    "size": ("manifest", ("layers", 0, "size"), 7), "no digest": ("manifest", ("layers", 0, "digest"), "x"),
    "history": ("config", ("history",), [{}] * 9), "several": ("manifest", ("config",), None)}


@way(*FIELDS, examples=100)
def a_field_of_an_odd_value(plan, chance):
    document, path, other = FIELDS[chance.choice(sorted(FIELDS))]
    plan.kind = next(kind for kind, known in DOCUMENTS.items() if document in known)
    if document == "manifest" and path == ("config",):
        plan.kind, plan.folder, plan.whole = "dir", True, "plain"

    def change(name, value):
        if name != document:
            return value
        changed = _replaced(value, path, other)
        return {k: v for k, v in changed.items() if v is not None} if "dir" == plan.kind else changed

    plan.documents.append(change)


@way("no JSON", "strict JSON", "limit", examples=80)
def a_document_of_other_text(plan, chance):
    wanted = chance.choice(DOCUMENTS[plan.kind])
    text = chance.choice([
        b"", b"{", b"\xff", b"[" * 15_000, b'{"a":' * 3_000, b"9" * 6_000, b"1e999", b"NaN", b'{"a":1,"a":2}',
        b"null", b'"x"', b"-0", b"[" + b"1," * 15_000 + b"1]", b" " * 25_000])
    plan.documents.append(lambda name, value: text if name == wanted else value)


@way("algorithm", "no digest", examples=40)
def a_digest_of_another_kind(plan, chance):
    other = chance.choice(["blake3:" + "0" * 64, "sha256:" + "0" * 63, "sha512:" + "0" * 64, "sha1:0", "x", "../../x:1"])
    plan.images[0].config = lambda config: config["rootfs"].update(diff_ids=[other] * len(plan.images[0].layers))


@way("digest", "size", "diff ID", examples=120)
def a_file_with_another_byte(plan, chance):
    if chance.random() < 0.5:
        plan.kind, plan.compress = "docker", "plain"

    def change(files):
        name = chance.choice([n for n in files if n not in ("manifest.json", "index.json", "version", "oci-layout")])
        files[name] = files[name] + b"!" if chance.random() < 0.5 else files[name][:-1] + bytes([files[name][-1] ^ 1])

    plan.files.append(change)


@way("missing", "nothing", examples=80)
def a_file_missing(plan, chance):
    plan.files.append(lambda files: files.pop(chance.choice(sorted(files))))


@way("old")
def a_format_of_long_ago(plan, chance):
    plan.kind, plan.folder = "docker", chance.random() < 0.5
    plan.files.append(lambda files: files.update(repositories=files.pop("manifest.json")))


@way("loop", "not plain", ACCEPTED, "missing", "out of it", examples=80)
def links_for_files(plan, chance):
    plan.kind, plan.folder = "docker", False
    plan.algorithm = "sha256"
    kind = chance.choice([tarfile.SYMTYPE, tarfile.LNKTYPE])
    link = chance.choice(["itself", "there", "nowhere", "../out", "device"])

    def change(files):
        name = next(n for n in sorted(files) if n.endswith(".tar"))
        target = {"itself": name, "there": "real"}.get(link, link)
        plan.members.extend([Member("real", files[name]), Member("device", kind=tarfile.CHRTYPE),
                             Member(name, kind=kind, link=target)])

    plan.files.append(change)


@way(ACCEPTED, "digest", "type", examples=100)
def a_member_twice(plan, chance):
    plan.folder = False

    def change(files):
        name = chance.choice(sorted(files))
        plan.members.append(Member(chance.choice(["", "./"]) + name, chance.choice([files[name], b"0"])))

    plan.files.append(change)


@way("damaged")
def an_archive_cut_short(plan, chance):
    plan.folder = False
    part = chance.uniform(0, 0.98)
    plan.bytes.append(lambda whole: whole[: int(len(whole) * part)])


@way("damaged", examples=50)
def an_archive_with_bits_flipped(plan, chance):
    plan.folder = False
    flips = [(chance.random(), chance.randint(0, 7)) for _ in range(chance.randint(1, 4))]

    def change(whole):
        changed = bytearray(whole)
        for at, bit in flips:
            changed[int(at * len(changed))] ^= 1 << bit
        return bytes(changed)

    plan.bytes.append(change)


@way("limit", ACCEPTED, examples=40)
def rows_without_end(plan, chance):
    many = chance.choice([5, 40])
    large = "a" * chance.choice([0, 18_000])
    plan.images[0].config = lambda config: config.update(comment=large)

    def change(name, value):
        if name == "manifest.json" and isinstance(value, list):
            return value[:1] * many
        return value | {"manifests": value["manifests"][:1] * many} if name == "index.json" else value

    plan.documents.append(change)


@way("limit", ACCEPTED, examples=40)
def one_layer_many_times(plan, chance):
    many = chance.choice([3, 100])
    plan.compress, image = "plain", plan.images[0]
    image.config = lambda config: config.update(history=[])
    image.layers = image.layers[-1:] * many


@way("nested")
def an_index_in_an_index(plan, chance):
    plan.kind, depth = "oci", chance.randint(9, 12)

    def change(files):
        index = json.loads(files["index.json"])
        for _ in range(depth):
            text = json.dumps(index).encode()
            named = digest_of(text, plan.algorithm)
            files[f"blobs/{named.replace(':', '/')}"] = text
            index = {"manifests": [{
                "mediaType": "application/vnd.oci.image.index.v1+json", "digest": named, "size": len(text)}]}
        files["index.json"] = json.dumps(index).encode()

    plan.files.append(change)


@way("parent", ACCEPTED, examples=40)
def a_parent(plan, chance):
    plan.kind, other = "docker", chance.choice(["sha256:" + "0" * 64, "itself", "x"])

    def change(files):
        rows = json.loads(files["manifest.json"])
        for row in rows:
            row["Parent"] = "sha256:" + row["Config"].removesuffix(".json") if other == "itself" else other
        files["manifest.json"] = json.dumps(rows).encode()

    plan.files.append(change)


# What is asked.


@dataclass
class Work:
    """What reading took: calls of Python functions, bytes of memory at the most, and bytes of files."""

    calls: int = 0
    memory: int = 0
    read: int = 0


@contextmanager
def watched(monkeypatch):
    work = Work()

    class Counted:
        def __init__(self, file):
            self._file = file

        def read(self, size=-1, /):
            data = self._file.read(size)
            work.read += len(data)
            return data

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self._file.close()

    def count(frame, event, argument):
        work.calls += event in ("call", "c_call")

    with monkeypatch.context() as patch:
        real = tars.opened
        patch.setattr(tars, "opened", lambda path: Counted(real(path)))
        patch.setattr(tars, "_MOST_HEADERS", MOST_HEADERS)
        tracemalloc.start()
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            yield work
        finally:
            sys.setprofile(before)
            work.memory = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()


def kind_of(sentence):
    return next((kind for kind, says in KINDS.items() if re.search(says, sentence)), None)


def outcome(path, monkeypatch):
    """What was read, or of which kind the refusal is; and the work."""
    with watched(monkeypatch) as work:
        try:
            saved = read_archive(path, LIMITS)
            return saved, ACCEPTED, work
        except Malformed as error:
            sentence = str(error)
    assert sentence.isprintable(), repr(sentence)
    assert len(sentence) < 700, sentence
    assert kind_of(sentence) is not None, f"a refusal of a kind that is not listed: {sentence}"
    return None, kind_of(sentence), work


MOST_MEMORY = 16 << 20
"""Of which unpacking xz takes 9 MiB, and what is read at once 1 MiB each time."""
MOST_CALLS = 10_000 + 3 * LIMITS.bytes
"""A map of a sparse file can take the most: three for a number, and so for two bytes."""


def check_work(work, size):
    assert work.read <= 2 * size + LIMITS.bytes + LIMITS.documents + LIMITS.document, work
    assert work.memory <= MOST_MEMORY, work
    assert work.calls <= MOST_CALLS, work


def check_written_again(plan, saved, path):
    """What was read is the same when our own writers have written it."""
    again = path.with_name("again.tar")
    try:
        view = loaded(saved, DIALECTS["docker"])
    except Malformed as error:
        return kind_of(str(error))
    assert view == from_json(parsed(json.dumps(to_json(view)), "the store"))
    if not plan.spoiled:
        names = {} if plan.kind == "dir" else {image.spec.label: image.names for image in plan.images}
        again.write_bytes(archive(
            ArchiveEntry(ImageSpec(i.spec.layers, i.spec.label), names.get(i.spec.label, ())) for i in plan.images))
        written = read_archive(again)
        assert sorted(written.sizes.values()) == sorted(saved.sizes.values())
        assert [i.names for i in written.images] == [i.names for i in saved.images]
        assert [len(i.diff_ids) for i in written.images] == [len(i.diff_ids) for i in saved.images]
        assert written == saved or not plan.images[0].own
    if plan.kind == "docker" and not plan.folder and not plan.members and "plain" == plan.whole:
        again.write_bytes(with_references(path.read_bytes(), str))
        assert saved == read_archive(again)
    return ACCEPTED


REACHED: dict[str, Counter[str]] = {}


@pytest.mark.parametrize("name", WAYS)
def test_any_archive_is_read_or_refused_in_one_sentence(name, monkeypatch):
    reached: Counter[str] = Counter()

    @settings(max_examples=WAYS[name].examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(plan=plans())
    def some(plan):
        plan.spoiled = True
        WAYS[name].spoil(plan, plan.chance)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "archive")
            size = plan.write(path)
            saved, came, work = outcome(path, monkeypatch)
            check_work(work, size)
            assert plan.spoiled or came == ACCEPTED
            reached[came if saved is None else check_written_again(plan, saved, path)] += 1

    some()
    REACHED[name] = reached


def test_every_way_comes_to_what_is_said_of_it_and_every_kind_is_reached():
    if REACHED.keys() != WAYS.keys():
        pytest.skip("only some ways were tried")
    said = {name: sorted(known.expected - REACHED[name].keys()) for name, known in WAYS.items()}
    assert {} == {name: missing for name, missing in said.items() if missing}, REACHED
    reached = set().union(*REACHED.values())
    assert {*KINDS, ACCEPTED} == reached, REACHED
