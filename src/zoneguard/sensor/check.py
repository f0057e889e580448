"""What is wrong with a sensor.yaml whose shape is right: contradictions, and what would be unsafe."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from zoneguard.policy.yamltext import located
from zoneguard.sensor.config import MailSecurity, Transport
from zoneguard.sensor.values import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.policy.yamltext import Source
    from zoneguard.sensor.document import Document, MailShape, OutputShape, SyslogShape, WebhookShape
    from zoneguard.text import Text

    Found = tuple[tuple[int, int], Text]
    Steps = tuple[str | int, ...]
    Complaint = tuple[Steps, str, str]  # where, in Japanese, in English

KINDS = ("jsonl", "eve", "syslog", "webhook", "mail")


def check(document: Document, source: Source, unread: frozenset[str | int]) -> list[Found]:
    """Tell every contradiction, with (line, column) to sort by; `unread` are the parts with worse mistakes."""
    found = []
    for path, ja, en in _complaints(document, unread):
        place = source.place(path)
        found.append(((place.line, place.column), located(place, ja=ja, en=en)))
    return found


def _complaints(document: Document, unread: frozenset[str | int]) -> Iterator[Complaint]:
    if "watch" not in unread:
        yield from _watch(document)
    yield from _schedule(document)
    yield from _judge(document)
    yield from _store(document)
    for name, output in document.outputs.items():
        yield from _output(("outputs", name), output)
    yield from _files(document)
    yield from _metrics(document)


def _watch(document: Document) -> Iterator[Complaint]:
    watch = document.watch
    if not watch.interfaces and not watch.folders:
        yield (
            ("watch",),
            "監視対象がありません。watch に interfaces か folders を書いてください",
            "there is nothing to watch; give watch some interfaces or folders",
        )
    names: set[str] = set()
    for index, one in enumerate(watch.interfaces):
        if one.interface in names:
            yield (
                ("watch", "interfaces", index, "interface"),
                f"インターフェース「{one.interface}」が二度あります。どちらかを消してください",
                f"interface '{one.interface}' is there twice; remove one of the two",
            )
        names.add(one.interface)
    globs: set[tuple[str, str]] = set()
    for index, folder in enumerate(watch.folders):
        if (str(folder.path), folder.glob) in globs:
            yield (
                ("watch", "folders", index, "path"),
                f"フォルダー「{folder.path}」の {folder.glob} が二度あります。どちらかを消してください",
                f"{folder.glob} in folder '{folder.path}' is there twice; remove one of the two",
            )
        globs.add((str(folder.path), folder.glob))
        if "/" in folder.glob or "**" in folder.glob:
            yield (
                ("watch", "folders", index, "glob"),
                "glob はファイル名だけに当てます。/ や ** を外し、フォルダーは path に書いてください",
                "glob matches names of files only; leave / and ** out and put the folder in path",
            )


def _schedule(document: Document) -> Iterator[Complaint]:
    if document.schedule.windows and document.schedule.each_hour is not None:
        yield (
            ("schedule", "each_hour"),
            "windows と each_hour はどちらか一方だけにしてください",
            "give either windows or each_hour, not both",
        )


def _judge(document: Document) -> Iterator[Complaint]:
    judge = document.judge
    if not 5 <= judge.window <= 3600:
        yield (
            ("judge", "window"),
            "judge.window は 5s から 1h までにしてください",
            "judge.window must be from 5s to 1h",
        )
    if judge.gone_after < 2 * judge.window:
        yield (
            ("judge", "gone_after"),
            "judge.gone_after は judge.window の2倍以上にしてください。短すぎると、続いている指摘が消えたことになります",
            "judge.gone_after must be at least twice judge.window, or what goes on would be called gone",
        )
    if document.memory < 512 << 20:
        yield (("memory",), "memory は 512MiB 以上にしてください", "memory must be at least 512MiB")


def _store(document: Document) -> Iterator[Complaint]:
    store = document.store
    if store is not None and store.password is not None and urlsplit(store.url).scheme == "sqlite":
        yield (
            ("store", "password"),
            "SQLite にパスワードはありません。store.password を消してください",
            "SQLite has no password; remove store.password",
        )
    elif store is not None and store.password is not None and not urlsplit(store.url).username:
        yield (
            ("store", "url"),
            "パスワードを使う利用者がありません。postgresql://利用者@ホスト/データベース のように書いてください",
            "there is no user for the password; write postgresql://USER@HOST/DATABASE",
        )


def _output(path: Steps, output: OutputShape) -> Iterator[Complaint]:
    given = [kind for kind in KINDS if getattr(output, kind) is not None]
    if len(given) != 1:
        yield (
            path,
            f"出力には {', '.join(KINDS)} のうちちょうど一つを書いてください",
            f"an output has exactly one of {', '.join(KINDS)}",
        )
    if output.syslog is not None:
        yield from _syslog((*path, "syslog"), output.syslog)
    if output.webhook is not None:
        yield from _webhook((*path, "webhook"), output.webhook)
    if output.mail is not None:
        yield from _mail((*path, "mail"), output.mail)


def _syslog(path: Steps, syslog: SyslogShape) -> Iterator[Complaint]:
    files = {"ca": syslog.ca, "certificate": syslog.certificate, "key": syslog.key}
    if syslog.transport is not Transport.TLS:
        for key in (key for key, file in files.items() if file is not None):
            yield (
                (*path, key),
                f"{key} は transport: tls のときだけ使えます。tls にするか、{key} を消してください",
                f"{key} belongs to transport: tls; use tls or remove {key}",
            )
    elif (syslog.certificate is None) is not (syslog.key is None):
        yield (
            path,
            "certificate と key は両方とも書いてください",
            "give certificate and key together",
        )


def _webhook(path: Steps, webhook: WebhookShape) -> Iterator[Complaint]:
    url = urlsplit(webhook.url)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield (
            (*path, "url"),
            "この機器の外へは https で送ります。URL を https:// にしてください",
            "what leaves this machine goes by https; make the URL https://",
        )
    if url.scheme == "http" and webhook.ca is not None:
        yield (
            (*path, "ca"),
            "ca は https のときだけ使えます。ca を消してください",
            "ca belongs to https; remove it",
        )
    if not 1 <= webhook.timeout <= 120:
        yield (
            (*path, "timeout"),
            "timeout は 1s から 2m までにしてください",
            "timeout must be from 1s to 2m",
        )


def _mail(path: Steps, mail: MailShape) -> Iterator[Complaint]:
    if (mail.user is None) is not (mail.password is None):
        yield (path, "user と password は両方とも書いてください", "give user and password together")
    if mail.password is not None and mail.security is MailSecurity.NONE:
        yield (
            (*path, "security"),
            "パスワードを平文で送ることになります。security を starttls か tls にしてください",
            "the password would travel in clear; make security starttls or tls",
        )


def _files(document: Document) -> Iterator[Complaint]:
    files: dict[str, str] = {}
    for name, output in document.outputs.items():
        for kind, shape in (("jsonl", output.jsonl), ("eve", output.eve)):
            if shape is None:
                continue
            first = files.setdefault(str(shape.file), name)
            if first != name or (kind == "eve" and output.jsonl and output.jsonl.file == shape.file):
                yield (
                    ("outputs", name, kind, "file"),
                    f"{shape.file} には出力「{first}」も書きます。別のファイルにしてください",
                    f"output '{first}' writes to {shape.file} too; give each its own file",
                )


def _metrics(document: Document) -> Iterator[Complaint]:
    metrics = document.metrics
    if metrics is not None and not is_loopback(metrics.address) and not metrics.open_to_network:
        yield (
            ("metrics", "address"),
            f"{metrics.address} は他の機器からも届きます（認証なし）。そうするなら open_to_network: true を足してください",
            f"others can reach {metrics.address} without a password; add open_to_network: true if that is meant",
        )
