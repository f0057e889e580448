"""Bodies of mail, told by their shape and not by what their headers claim."""

from __future__ import annotations

import binascii
import re

_MOST_HEAD = 1 << 16  # octets among which a beginning is looked for
_HTML = re.compile(
    rb"<(?:!doctype\s{1,8}html|html|head|body|script|iframe|object|embed|meta)(?=[\s/>])", re.IGNORECASE
)
_TAG = re.compile(
    rb"<(?:p|br|div|span|table|tr|td|a|img|font|b|i|ul|li|center|style)(?=[\s/>])", re.IGNORECASE
)
_FEW_TAGS = 3  # so many ordinary tags are HTML; one or two may be talk about HTML
_ENCODED_LINE = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}")
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _BASE64)
_IS_BASE64 = bytes(octet in _BASE64 for octet in range(256))  # a table that turns octets to 1 or 0
_MOST_ENCODED_LINES = (
    7  # consecutive lines of base64: about 400 octets of data; keys and signatures are longer
)
_MOST_ENCODED_RUN = 512
_UU_BEGIN = re.compile(rb"(?:^|\n)begin(?:-base64)? [0-7]{3,4} [^\r\n]{1,255}\r?\n")
_UU_LINE = re.compile(rb"[\x20-\x60]{2,62}")
_YENC = re.compile(rb"(?:^|\n)=ybegin [^\r\n]{0,64}line=")
_ARMOR = re.compile(rb"(?:^|\n)-----BEGIN [A-Z0-9 ]{1,40}-----")
_BINARY = bytes({*range(9), 11, *range(14, 27), *range(28, 32), 127})  # controls but TAB, LF, FF, CR and ESC

_ACTIVE_KINDS = frozenset(
    {
        "application/bat",
        "application/ecmascript",
        "application/hta",
        "application/java-archive",
        "application/javascript",
        "application/vnd.microsoft.portable-executable",
        "application/x-bat",
        "application/x-csh",
        "application/x-dosexec",
        "application/x-executable",
        "application/x-javascript",
        "application/x-mach-binary",
        "application/x-ms-installer",
        "application/x-ms-shortcut",
        "application/x-msdos-program",
        "application/x-msdownload",
        "application/x-msi",
        "application/x-sh",
        "application/x-sharedlib",
        "application/x-shockwave-flash",
        "application/x-vbs",
        "text/ecmascript",
        "text/javascript",
        "text/vbscript",
    }
)
_ACTIVE_SUFFIXES = frozenset(
    """
    ade adp apk app appx bat chm cmd com cpl dll docm dotm exe gadget hta img iqy iso jar jnlp js
    jse lnk mde msc msh msi msp mst ocx pif potm ppam ppsm pptm ps1 ps1xml ps2 psc1 psd1 psm1 reg
    scf scr sct sh shb sldm slk swf sys vb vbe vbs vhd vhdx vxd wsc wsf wsh xbap xlam xll xlsm xltm
    """.split()  # noqa: SIM905 - words are read more easily than a column of strings
)
_PROGRAMS = (
    b"MZ",
    b"\x7fELF",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"#!",
    b"FWS",
    b"CWS",
)
_SHORTCUT = b"\x4c\0\0\0\x01\x14\x02\0"
_OLE, _ZIP, _TNEF = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04", b"\x78\x9f\x3e\x22"
_VBA = "_VBA_PROJECT".encode("utf-16-le")
_CHARSETS = frozenset(
    """
    big5 cp932 euc-jp euc-kr gb18030 gb2312 gbk hz-gb-2312 iso-2022-jp iso-2022-jp-2
    iso-2022-jp-2004 iso-2022-jp-3 iso-2022-jp-ms iso-2022-kr koi8-r koi8-u ks_c_5601-1987 shift_jis
    tis-620 us-ascii utf-16 utf-16be utf-16le utf-32 utf-7 utf-8 windows-31j
    """.split()  # noqa: SIM905 - words are read more easily than a column of strings
)
_CHARSET_FAMILY = re.compile(r"iso-8859-[0-9]{1,2}|windows-125[0-9]|cp[0-9]{3,4}")


def is_html(octets: bytes) -> bool:
    """Tell HTML by its tags."""
    head = octets[:_MOST_HEAD]
    if _HTML.search(head):
        return True
    found = _TAG.finditer(head)
    return sum(1 for _ in zip(found, range(_FEW_TAGS), strict=False)) == _FEW_TAGS


def is_opaque(octets: bytes, charset: str) -> bool:
    """Tell text that carries something else: base64, uuencode, yEnc, an armour of PGP or PEM, or binary octets."""
    if not charset.startswith(("utf-16", "utf-32")) and len(octets) != len(octets.translate(None, _BINARY)):
        return True
    if _YENC.search(octets) or _ARMOR.search(octets) or _has_uuencode(octets):
        return True
    if b"\x01" * _MOST_ENCODED_RUN in octets.translate(_IS_BASE64):
        return True
    consecutive = 0
    for line in octets.split(b"\n"):
        consecutive = consecutive + 1 if _ENCODED_LINE.fullmatch(line.strip()) else 0
        if consecutive > _MOST_ENCODED_LINES:
            return True
    return False


def is_tnef(octets: bytes) -> bool:
    """Tell Microsoft's Transport Neutral Encapsulation Format ([MS-OXTNEF] 2.1.3.1)."""
    return octets.startswith(_TNEF)


def is_active(kind: str, name: str, octets: bytes) -> bool:
    """Tell programs, scripts and documents with macros: by type, by the file name's suffix, or by their own octets."""
    suffix = name.strip().rstrip(". ").rpartition(".")[2].lower() if "." in name else ""
    if kind in _ACTIVE_KINDS or "macroenabled" in kind or suffix in _ACTIVE_SUFFIXES:
        return True
    is_text = kind.startswith("text/") and octets[:512] == octets[:512].translate(None, _BINARY)
    if octets.startswith(_SHORTCUT) or (octets.startswith(_PROGRAMS) and not is_text):
        return True
    if octets.startswith(_OLE):
        return _VBA in octets
    return octets.startswith(_ZIP) and b"vbaProject.bin" in octets


def charset(told: object) -> str:
    """Give a known name of a character set in lower case, "us-ascii" where none is told, else "other"."""
    if told is None:
        return "us-ascii"
    name = str(told).strip().lower()
    return name if name in _CHARSETS or _CHARSET_FAMILY.fullmatch(name) else "other"


def from_uuencode(octets: bytes) -> bytes:
    """Decode the lines behind `begin`."""
    begin = _UU_BEGIN.search(octets)
    decoded = bytearray()
    for line in octets[begin.end() :].split(b"\n") if begin else ():
        line = line.rstrip(b"\r")  # noqa: PLW2901 - the line without its end
        if line.strip() in {b"end", b"", b"`"} or len(line) > 62:
            break
        try:
            decoded += binascii.a2b_uu(line)
        except binascii.Error:
            break
    return bytes(decoded)


def _has_uuencode(octets: bytes) -> bool:
    begin = _UU_BEGIN.search(octets)
    if begin is None:
        return False
    line = octets[begin.end() : begin.end() + 128].split(b"\n")[0].rstrip(b"\r")
    return _UU_LINE.fullmatch(line) is not None or _ENCODED_LINE.fullmatch(line) is not None
