"""What is a secret in the text of an export, whatever its format, and its going out of sight."""

from __future__ import annotations

import re

REDACTED = "<redacted>"

# Words for a secret by whatever stands before them (adminPassword, vpn_shared_key), and those too short for that.
_LONG = (
    r"passw(?:or)?d|passphrase|secret|token|credential|pre[-_ ]?shared[-_ ]?key|(?:shared|api|access|account|private|auth"
    r"|authorization|authentication|md5)[-_]?key|パスワード|パスフレーズ|ﾊﾟｽﾜｰﾄﾞ|暗証(?:番号)?|(?:共有|秘密|認証)(?:鍵|キー)"
)
_SHORT = r"pass|pw|pwd|psk|sig|community|コミュニティ名?"
_WORD = rf"(?:{_LONG}|(?<![A-Za-z0-9])(?:{_SHORT})(?![A-Za-z]))"
# What may be typed, but for brackets and quotation; a quotation mark that is escaped within a word is of the word.
_VALUE = r'(?P<secret>(?:\\[^"<>\s]|\\"(?=\w)|[!#-;=?-\[\]-~])+)'

# A line that holds none of these, in small letters, holds no secret; of text in ASCII the latter cannot be part.
_HINTS = (
    *("pass", "pw", "psk", "key", "secret", "token", "credential", "communit", "auth", "sig=", "://", "$"),
    *("phash", "bearer"),
)
_JAPANESE_HINTS = ("パス", "ﾊﾟｽ", "暗証", "鍵", "キー", "コミュニティ")
_HINT = re.compile(rf"(?i){'|'.join(map(re.escape, (*_HINTS, *_JAPANESE_HINTS)))}")
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # "adminPassword": "..." of JSON, and the text of an element of XML
        rf'(?i)"[^"\\]{{0,64}}{_WORD}[^"\\]{{0,32}}"\s*:\s*"(?P<secret>(?:[^"\\]|\\.)+)"',
        rf"(?i)<[^<>/\s]{{0,40}}(?:{_LONG}|phash|psk|community)[^<>\s]{{0,40}}>(?P<secret>[^<>]+)</",
        # ftp://user:secret@host, ?key=secret
        r'://[^\s:/@"<>]{0,128}:(?P<secret>[^\s/"<>]{1,256})@',
        r'(?i)[?&](?:key|code|auth)=(?P<secret>[^\s&"<>]+)',
        # what people write into remarks: "PW=...", "password is ...", 「パスワードは…」
        rf'(?i){_WORD}\\"\s{{0,4}}[:=]\s{{0,4}}\\"(?P<secret>(?:[^"\\]|\\[^"])+)\\"',
        rf"(?i){_WORD}\s{{0,4}}[:=：＝]\s{{0,4}}[\"']?(?![{{\[<]|\\\"){_VALUE}",
        rf"(?i)(?:passw(?:or)?d|passphrase|\bpsk)\s+(?:is|was)\s+{_VALUE}",
        rf"(?:パスワード|パスフレーズ|暗証番号|(?:共有|秘密)鍵)\s*[はがを「『]\s*[「『]?{_VALUE}",
        # of HTTP, and what crypt(3) writes
        r"Bearer\s+(?P<secret>[\w+/=.~-]{6,})",
        r"(?<![\w$])(?P<secret>\$(?:\d{1,2}[abxy]?|sha\d+|argon2\w*|bcrypt[\w-]*|g?y)\$[^\s\"';<>,]+)",
    )
)

# Words behind which exports of all formats hold a secret; what follows, to the end of the value, is put away.
# A format with secrets of its own adds to them by `Export.redact`.
_STATED = re.compile(
    r"""(?ix)
    \b(?: set \s+ (?:password|passwd|psksecret|secret|key|private-key|auth-pwd|priv-pwd|ppk-secret|passphrase
          |radius-secret|tacacs\+?-secret|community|wpa-psk|token|enc-key|auth-key|login-passwd)\d?
      | (?:enable\s+)?(?:password|secret)
      | pre-shared-key (?:\s+(?:address\s+\S+(?:\s+\d+\.\d+\.\d+\.\d+)?|hostname\s+\S+)(?=\s+key\s+\S) \s+ key
          | \s+\S+(?=\s+text\s+\S) | \s+(?:ascii-text|hexadecimal|local|remote)(?=\s+\S))?
      | key-string | snmp-server\s+(?:trap\s+)?community | phash | encrypted-password | ikev1\s+pre-shared-key
      | pp\s+auth\s+(?:myname|username)\s+\S+ | ipsec\s+ike\s+pre-shared-key\s+\d+
      | ppp\s+.{0,128}?password | wpa-psk )
    # how the value is written; it is the value itself where nothing follows
    (?:\s+(?:level\s+\d{1,2}|\d{1,2}|encrypted|hash|plain|text|ascii|hex|is|was)(?=\s+[^\s{;])){0,3}
    \s+ (?P<secret>"[^"]*"|'[^']*'|ENC\s+\S+|\S+)
    """
)
_CLOSING = re.compile(r"(?:\]\]>)?</[\w:.-]+>\S*$")


def put_away_all(text: str) -> list[tuple[str, int]]:
    """Give each line of a text as `put_away` does; in ASCII it is asked only for lines that hold a hint."""
    lines = text.splitlines()
    if not text.isascii():
        return [put_away(line) for line in lines]
    lowered = text.lower()
    hints = [hint for hint in _HINTS if hint in lowered]
    if not hints:
        return [(line, 0) for line in lines]
    return [
        put_away(line) if any(hint in small for hint in hints) else (line, 0)
        for line, small in zip(lines, lowered.splitlines(), strict=True)
    ]


def put_away(line: str) -> tuple[str, int]:
    """Give a line with its secrets redacted, and how many there were; time is linear in the line."""
    if not _HINT.search(line):
        return line, 0
    counted = 0

    def said(found: re.Match[str]) -> str:
        nonlocal counted
        secret = found["secret"].rstrip(",;.)]}*/'\\")
        if not secret or secret.startswith(REDACTED) or not secret.strip("*-"):
            return found[0]
        counted += 1
        at = found.start("secret") - found.start()
        return found[0][:at] + REDACTED + found[0][at + len(secret) :]

    def stated(found: re.Match[str]) -> str:
        nonlocal counted
        if REDACTED in found["secret"]:
            return found[0]
        counted += 1
        return _put_away(found)

    for pattern in _PATTERNS:
        line = pattern.sub(said, line)
    return _STATED.sub(stated, line), counted


def tells_secret(name: str) -> bool:
    """Tell whether a key, a heading or a tag names a secret."""
    return _NAMES.search(name) is not None


_NAMES = re.compile(rf"(?i){_WORD}|customdata|userdata")


def _put_away(found: re.Match[str]) -> str:
    secret = found["secret"]
    if closing := _CLOSING.search(secret):  # else an XML export would be no XML any more
        secret = secret[: closing.start()] or secret
    elif found.string.lstrip().startswith("<"):
        secret = re.split("[\"'<>]", secret, maxsplit=1)[0]
    # A quote that closes around the secret stays, or the rest of a table would be one cell.
    elif not secret.startswith('"') and secret.count('"') % 2:
        secret = secret.partition('"')[0]
    at = found.start("secret") - found.start()
    return found[0][:at] + REDACTED + found[0][at + len(secret) :] if secret else found[0]
