"""The files that an image is made of: what virtual rasters and labels name, looked at before GDAL opens any of it.

GDAL opens sources of a virtual raster, masks and overviews with any driver it has, and whatever they name in turn. So
each file is looked at first, and each must be a regular file in an allowed folder.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.file_access import ADDRESS, FileAccess, check_regular
from orbitile.base.versions import FileVersions
from orbitile.rasters.gdal import GDAL_ERRORS, gdal_reason, is_virtual, open_dataset, read_head

MOST_FILES = 100_000
"""Files that one image may be made of, each counted as often as it is read: nested virtual rasters multiply."""
MOST_LEVELS = 20
MAX_XML_BYTES = 1 << 26
MAX_LABEL_BYTES = 1 << 20

PARTS_OF_VRT = {
    "srs", "geotransform", "gcplist", "metadata", "vrtrasterband", "maskband", "overviewlist", "blockxsize",
    "blockysize", "gdalwarpoptions",
}  # fmt: skip
"""What stands at the outermost level of a virtual raster: not its subclasses that have other ways to name files."""
KINDS_OF_VRT = {"", "vrtwarpeddataset"}
KINDS_OF_BAND = {"", "vrtrasterband", "vrtsourcedrasterband", "vrtderivedrasterband", "vrtrawrasterband",
                 "vrtwarpedrasterband"}  # fmt: skip
RAW_BAND = "vrtrawrasterband"
FILE_ELEMENTS = {"sourcefilename", "sourcedataset"}
ATTRIBUTES = {"subclass", "relativetovrt"}
"""Attributes that GDAL would take from elements, too."""
CODE_ELEMENTS = {"pixelfunctionlanguage", "pixelfunctioncode", "rpctransformer", "geoloctransformer", "dempath"}
"""Code, and transformations that have files of their own."""
IMAGINE_MARK = b"EHFA_HEADER_TAG"
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PDS4_MARK = re.compile(rb"<(\w+:)?Product_\w+")
PVL_MARK = re.compile(
    rb"\s*(/\*.*?\*/\s*)*(CCSD\w+|PDS_VERSION_ID|NJPL\w+|Object\s*=|LBLSIZE\s*=)", re.DOTALL | re.IGNORECASE
)
PVL_FILE = re.compile(
    r"""^[ \t]*(?:\^\w*(?:IMAGE|QUBE|CORE|CUBE)\w*|FILE_?NAME)[ \t]*=[ \t]*\(?\s*["']?(?P<file>[^"'\s(),<>]+)""",
    re.MULTILINE | re.IGNORECASE,
)
"""Where labels of PDS3 and ISIS name the file with the pixels."""
IMAGES_BESIDE = (".msk", ".ovr")
"""What GDAL opens beside an image as an image, by whatever driver."""


@dataclass(frozen=True)
class FileReference:
    """A file that is read for another one: as an image (`is_image`) or else its bytes.

    `is_named`: whether the other names it, else it lies beside that.
    """

    path: Path
    is_image: bool = True
    is_named: bool = True


def image_files(path: str, access: FileAccess, companions: Sequence[str] | None = None) -> list[str]:
    """All files that GDAL reads for an image, recursively: those that it names and those beside them; itself first.

    `companions` are the files beside the image (see FileVersions), where they are known: a folder of many images is
    listed once for all of them. OrbitileError where a file is missing, is no regular file or lies outside the folders
    of `access` and that of the image, for files that name themselves or too many others, and for virtual rasters with
    code.
    """
    walk = _Walk(access.around(Path(path)), {} if companions is None else {str(Path(path)): companions})
    walk.visit(FileReference(Path(path)), Path(path), 0)
    return list(dict.fromkeys([path, *walk.files]))


def named_files(path: str) -> list[str]:
    """As `image_files`, as far as can be told, of an image that may be refused; files may be missing."""
    files: dict[str, None] = {path: None}
    for file in files.copy() if not Path(path).is_file() else _closure(files):
        files[file] = None
    return list(files)


def _closure(files: dict[str, None]) -> Iterator[str]:
    """Files that files name, and those that these name in turn, up to MOST_FILES."""
    pending = list(files)
    while pending and len(files) < MOST_FILES:
        for reference in _readable_references(Path(pending.pop())):
            if str(reference.path) not in files:
                yield str(reference.path)
                if reference.is_image:
                    pending.append(str(reference.path))


def _readable_references(path: Path) -> list[FileReference]:
    try:
        check_regular(path)
        return list(references(path, read_head(path)))
    except OrbitileError:
        return []


@dataclass
class _Walk:
    """A walk over the files of an image; `files` counts how many each of them stands for when it is read."""

    access: FileAccess
    companions: Mapping[str, Sequence[str]]
    files: dict[str, int] = field(default_factory=dict)
    versions: FileVersions = field(default_factory=FileVersions)

    def visit(self, reference: FileReference, source: Path, level: int) -> int:
        """Look at a file that is named by `source`, and at what it names; how many files it stands for."""
        path, name = reference.path, str(reference.path)
        if name in self.files:
            if not self.files[name]:
                raise OrbitileError(f"{source}: refers to {path}, which refers back to it; correct it")
            return self.files[name]
        if level:
            self.access.check(path, source)
        else:
            check_regular(path)
        self.files[name] = 0
        head = read_head(path)
        is_image = reference.is_image or is_virtual(head)
        parts = self._parts(reference, head) if is_image else []
        count = 1 + sum(self.visit(part, path, level + 1) for part in parts)
        if count > MOST_FILES or level > MOST_LEVELS:
            raise OrbitileError(f"{source}: is made of more than {MOST_FILES} files, or {MOST_LEVELS} levels of them")
        self.files[name] = count
        if is_image and (level or head.startswith(IMAGINE_MARK)):
            self._open(path, source)
        return count

    def _parts(self, reference: FileReference, head: bytes) -> list[FileReference]:
        """What a file that begins with `head` names, and the files beside it."""
        name = str(reference.path)
        files = map(Path, self._companions_of(name) if reference.is_named else ())
        return [*references(reference.path, head)] + [
            FileReference(file, file.suffix.lower() in IMAGES_BESIDE, False) for file in files if not file.is_dir()
        ]

    def _companions_of(self, name: str) -> Sequence[str]:
        return self.companions[name] if name in self.companions else self.versions.companions(name)

    def _open(self, path: Path, source: Path) -> None:
        """Open a file as GDAL will, and look at what it takes with it."""
        try:
            with open_dataset(path) as image:
                files = [] if image.driver in ("GTiff", "VRT") else image.files
        except GDAL_ERRORS as error:
            raise OrbitileError(
                f"{source}: refers to {path}, which cannot be read as an image ({gdal_reason(error)})"
            ) from error
        for file in map(Path, files):
            self.access.check(file, path)
            self.files.setdefault(str(file), 1)


def references(path: Path, head: bytes) -> Iterator[FileReference]:
    """The files that a file names, by its kind, which its first bytes `head` tell.

    OrbitileError for XML that is neither a virtual raster nor a label.
    """
    if head.startswith(TIFF_MARKS):
        return
    if is_virtual(head):
        yield from _references_of_vrt(path)
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        yield from _references_of_pds4(path, head)
    elif PVL_MARK.match(head):
        yield from _references_of_label(path)


def _references_of_label(path: Path) -> Iterator[FileReference]:
    with open(path, "rb") as file:
        text = file.read(MAX_LABEL_BYTES).partition(b"\nEND\r")[0].decode("latin-1")
    for match in PVL_FILE.finditer(text):
        if not match["file"].isdigit():
            named = path.parent / match["file"]
            if named != path and named.exists():
                yield FileReference(named, is_image=False)


def _references_of_pds4(path: Path, head: bytes) -> Iterator[FileReference]:
    if not PDS4_MARK.search(head):
        raise OrbitileError(
            f"{path}: is XML, but neither a virtual raster (VRT) nor a PDS4 label of an image; images of services and "
            "of catalogues are not read: download them first"
        )
    for element in _parsed(path).iter():
        if _tag(element) == "file_name" and element.text:
            yield FileReference(path.parent / element.text.strip(), is_image=False)


def _references_of_vrt(path: Path) -> Iterator[FileReference]:
    root = _parsed(path)
    strange = {_tag(child) for child in root} - PARTS_OF_VRT - {""}
    if _attribute(root, "subclass").lower() not in KINDS_OF_VRT or strange:
        kind = _attribute(root, "subclass") or ", ".join(sorted(strange))
        raise _refused(path, f"of the kind {kind}")
    for element in root.iter():
        _refuse_code(path, element)
        is_raw = _tag(element) == "vrtrasterband" and _attribute(element, "subclass").lower() == RAW_BAND
        for child in element:
            if _tag(child) in FILE_ELEMENTS:
                yield FileReference(_resolve(path, child, is_raw), is_image=not is_raw)


def _refuse_code(path: Path, element: Element) -> None:
    """Refuse code and files of transformations, and words in places where GDAL heeds them but writes none."""
    tag, names = _tag(element), {_local_name(name) for name in element.attrib}
    if tag == "vrtrasterband" and _attribute(element, "subclass").lower() not in KINDS_OF_BAND:
        raise _refused(path, f"with bands of the kind {_attribute(element, 'subclass')}")
    strange = ({tag} & {*CODE_ELEMENTS, *ATTRIBUTES}) | (names & {*CODE_ELEMENTS, *FILE_ELEMENTS})
    if strange:
        raise _refused(path, f"with {min(strange)}")


def _resolve(path: Path, element: Element, is_raw: bool) -> Path:
    """The file that an element of a virtual raster names, as GDAL finds it."""
    name, relative = element.text or "", _attribute(element, "relativetovrt") or str(int(is_raw))
    is_path = name == name.strip() != "" and not ("<" in name or ":" in name.split("/")[0] or ADDRESS.search(name))
    if len(element) or not is_path or relative not in ("0", "1"):
        shown = repr(name[:80]) if name else "something that is no file"
        raise OrbitileError(
            f"{path}: refers to {shown}: only files on this machine are read, by their paths; download it first, and "
            "name the file"
        )
    return path.resolve().parent / name if relative == "1" else Path(name)


def _refused(path: Path, kind: str) -> OrbitileError:
    return OrbitileError(
        f"{path}: is a virtual raster {kind}, which is not read from users; write it as a GeoTIFF "
        "(gdal_translate) and give that"
    )


def _parsed(path: Path) -> Element:
    """A small XML file; OrbitileError for one with definitions of its own, which may multiply."""
    if path.stat().st_size > MAX_XML_BYTES:
        raise OrbitileError(f"{path}: has more than {MAX_XML_BYTES >> 20} MB of XML; is it an image?")
    content = path.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"<![CDATA[" in content:
        raise OrbitileError(f"{path}: has a DOCTYPE, an ENTITY or CDATA, which are not read; write it without")
    try:
        # GDAL ends a text where a comment begins, so that comments must not vanish.
        builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
        return ElementTree.fromstring(content, ElementTree.XMLParser(target=builder))
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise OrbitileError(f"{path}: is not well-formed XML ({first_line(error)}); write it anew") from error


def _tag(element: Element) -> str:
    """An element's name without its namespace, in small letters: GDAL heeds neither."""
    return _local_name(element.tag) if isinstance(element.tag, str) else ""


def _local_name(name: str) -> str:
    return name.rpartition("}")[2].lower()


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if _local_name(key) == name), "")
